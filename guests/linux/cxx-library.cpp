// The containers, algorithms, streams and strings of C++, and what they print.
#include <algorithm>
#include <bitset>
#include <chrono>
#include <cmath>
#include <complex>
#include <deque>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <class Range> static void show(const char *title, const Range &range) {
  std::cout << title << ':';
  for (const auto &item : range) std::cout << ' ' << item;
  std::cout << '\n';
}

static std::string describe(const std::variant<int, double, std::string> &value) {
  return std::visit(
      [](const auto &held) {
        std::ostringstream out;
        out << sizeof(held) % 2 << '/' << held;
        return out.str();
      },
      value);
}

int main() {
  std::vector<std::string> words{"lime", "ash", "oak", "lind", "elm"};
  std::sort(words.begin(), words.end());
  show("sorted", words);
  std::stable_sort(words.begin(), words.end(), [](auto &a, auto &b) { return a.size() < b.size(); });
  show("by size", words);
  std::list<int> list(10);
  std::iota(list.begin(), list.end(), 1);
  list.remove_if([](int n) { return n % 3 == 0; });
  list.reverse();
  show("list", list);
  std::deque<int> deque(list.begin(), list.end());
  std::rotate(deque.begin(), deque.begin() + 2, deque.end());
  show("rotated", deque);
  std::multiset<char> letters;
  for (char letter : std::string("mississippi")) letters.insert(letter);
  show("letters", letters);
  std::map<std::string, int> counts;
  for (auto &word : words) counts[word.substr(0, 1)] += static_cast<int>(word.size());
  for (const auto &[letter, count] : counts) std::cout << letter << '=' << count << ' ';
  std::unordered_map<std::string, double> prices{{"tea", 2.5}, {"milk", 1.25}};
  std::cout << prices.at("tea") + prices["milk"] << ' ' << prices.count("none") << '\n';
  std::priority_queue<int> queue(deque.begin(), deque.end());
  std::cout << "most " << queue.top() << ", sum " << std::accumulate(deque.begin(), deque.end(), 0) << '\n';

  std::cout << std::setw(8) << std::setfill('*') << 42 << '|' << std::left << std::setw(6) << "ab" << '|' << std::hex
            << std::showbase << 255 << std::dec << '|' << std::setprecision(12) << 2.0 / 3 << '|' << std::scientific
            << 12345.678 << std::defaultfloat << '|' << std::boolalpha << true << '\n';
  std::cout << 0.1f << ' ' << 1e300 * 1e10 << ' ' << -1.5L << ' ' << std::complex<double>(1, -2) << ' '
            << std::bitset<12>(1234) << '\n';
  std::istringstream in("12 0x1f 3.25 word\n  rest of line\n");
  int number = 0, based = 0;
  double real = 0;
  std::string word, line;
  in >> number >> std::hex >> based >> std::dec >> real >> word >> std::ws;
  std::getline(in, line);
  std::cout << number << ' ' << based << ' ' << real << ' ' << word << " [" << line << "] " << in.eof() << '\n';
  in >> number;
  std::cout << in.fail() << ' ' << std::stoi("77", nullptr, 8) << ' ' << std::stod("1e-3") << ' ' << std::to_string(-5)
            << '\n';

  std::ofstream("file.txt") << "one\ntwo\nthree\n";
  std::ifstream file("file.txt");
  show("lines", std::vector<std::string>(std::istream_iterator<std::string>(file), {}));
  std::fstream both("file.txt", std::ios::in | std::ios::out);
  both.seekp(4);
  both << "TWO";
  both.seekg(0);
  std::cout << std::string(std::istreambuf_iterator<char>(both), {}) << std::ifstream("absent").is_open() << '\n';

  volatile double half = 2.5;
  std::cout << std::lrint(half) + std::lround(float(half)) + std::lround(-half * 1.0L) << ' ' << std::llround(half) << '\n';
  std::mt19937 twister(1);
  std::cout << twister() << ' ' << twister() << '\n';
  std::optional<int> nothing;
  std::cout << nothing.value_or(9) << ' ' << describe(3) << ' ' << describe(std::string("text")) << '\n';
  auto shared = std::make_shared<int>(5);
  std::weak_ptr<int> weak = shared;
  std::cout << weak.use_count();
  shared.reset();
  std::cout << weak.expired() << ' ' << std::get<1>(std::make_tuple(1, std::string_view("tuple").substr(1, 2))) << '\n';
  const auto begin = std::chrono::steady_clock::now();
  std::cout << (std::chrono::steady_clock::now() >= begin) << ' '
            << std::chrono::duration_cast<std::chrono::minutes>(std::chrono::hours(2)).count() << '\n';
  std::wcout << L"wide" << std::endl;
  std::cerr << "to standard error" << std::endl;
  const std::string read((std::istreambuf_iterator<char>(std::cin)), {});
  std::cout << "read " << read.size() << std::endl;
}
