/* What runs before main and after it: constructors, destructors of objects and of the program, and what atexit(3) was given. */
#include <cstdio>
#include <cstdlib>

namespace {

struct Told {
  const char *name;
  explicit Told(const char *of) : name(of) { std::printf("%s is made\n", name); }
  ~Told() { std::printf("%s is gone\n", name); }
};

Told first("first");

__attribute__((destructor)) void last() { std::puts("destructor"); }
__attribute__((destructor(200))) void last_of_all() { std::puts("destructor 200"); }
__attribute__((destructor(300))) void late() { std::puts("destructor 300"); }

Told second("second");

__attribute__((constructor)) void constructor() {
  std::puts("constructor");
  std::atexit([] { std::puts("at exit, says the constructor"); });
}

__attribute__((constructor(200))) void early() {
  std::puts("constructor 200");
  std::atexit([] { std::puts("at exit, says constructor 200"); });
}

}

int main() {
  static Told inner("inner");
  std::atexit([] { std::puts("at exit, says main"); });
  std::puts("main");
}
