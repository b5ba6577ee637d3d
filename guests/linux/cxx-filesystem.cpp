// std::filesystem: paths, trees, copies, links, times, and errors with and without exceptions.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

namespace fs = std::filesystem;

static void list(const fs::path &root) {
  std::vector<std::string> found;
  for (const auto &entry : fs::recursive_directory_iterator(root)) {
    const auto size = entry.is_regular_file() ? std::to_string(entry.file_size()) : std::string("-");
    found.push_back(entry.path().generic_string() + (entry.is_symlink() ? " link " : " ") + size);
  }
  std::sort(found.begin(), found.end());
  for (const auto &line : found) std::cout << line << '\n';
}

int main() {
  const fs::path path = "a/b/../c.tar.gz";
  std::cout << path.filename() << path.extension() << path.stem() << path.parent_path() << path.lexically_normal()
            << fs::path("/x/y").lexically_relative("/x/z/w") << (fs::path("/") / "etc" / "/abs") << '\n';
  std::cout << fs::create_directories("tree/one/two") << fs::create_directory("tree/one") << '\n';
  std::ofstream("tree/file") << "contents";
  std::ofstream("tree/one/two/deep") << "x";
  fs::create_symlink("file", "tree/link");
  fs::create_hard_link("tree/file", "tree/hard");
  list("tree");
  std::cout << fs::hard_link_count("tree/file") << fs::equivalent("tree/file", "tree/hard") << fs::read_symlink("tree/link")
            << fs::is_symlink("tree/link") << fs::exists("tree/none") << fs::is_empty("tree/one/two") << '\n';
  fs::copy("tree", "copy", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::resize_file("copy/file", 3);
  fs::rename("copy/one", "copy/uno");
  list("copy");
  fs::permissions("copy/file", fs::perms::owner_read);
  std::cout << static_cast<int>(fs::status("copy/file").permissions()) << '\n';
  const auto when = fs::last_write_time("tree/file");
  fs::last_write_time("copy/uno", when - std::chrono::hours(1));
  std::cout << (fs::last_write_time("copy/uno") < when) << '\n';
  std::cout << fs::remove_all("copy") << ' ' << fs::remove("copy") << '\n';

  std::error_code code;
  std::cout << (fs::file_size("none", code) == static_cast<std::uintmax_t>(-1))
            << (code == std::errc::no_such_file_or_directory) << code.value() << '\n';
  try {
    fs::rename("none", "other");
  } catch (const fs::filesystem_error &error) {
    std::cout << error.path1() << error.path2() << (error.code() == std::errc::no_such_file_or_directory) << '\n';
  }
  fs::current_path("tree/one");
  std::cout << fs::current_path().filename() << fs::weakly_canonical("../link/../none").filename()
            << fs::canonical("../link").filename() << '\n';
  std::cout << (fs::space(".").capacity > 0) << '\n';
}
