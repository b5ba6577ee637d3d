// Exceptions through frames that clean up, across C's qsort, rethrown, kept for later, out of constructors; RTTI.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

struct Frame {
  const char *name;
  explicit Frame(const char *name) : name(name) {}
  ~Frame() { std::printf("leaving %s\n", name); }
};

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Named {
  std::string name = "unnamed";
  virtual ~Named() = default;
};
struct Square : Shape, Named {
  double side;
  explicit Square(double side) : side(side) {
    if (side < 0) throw std::invalid_argument("negative side");
    name = "square";
  }
  double area() const override { return side * side; }
};

struct Refused : std::runtime_error {
  int code;
  Refused(const char *why, int code) : std::runtime_error(why), code(code) {}
};

static int deep(int levels) {
  Frame frame(levels % 2 ? "odd" : "even");
  if (levels == 0) throw Refused("bottom", 42);
  return deep(levels - 1) + 1;
}

static int compare(const void *, const void *) { throw std::string("not comparable"); }

struct Members {
  Frame first{"first member"};
  Square second;
  Members() : second(-1) {}
};

static void nested() {
  try {
    deep(1);
  } catch (...) {
    std::throw_with_nested(std::logic_error("outer"));
  }
}

static void caught() {
  try {
    deep(3);
  } catch (const Refused &refused) {
    std::printf("refused: %s %d\n", refused.what(), refused.code);
  }
  try {
    int numbers[] = {3, 1, 2};
    std::qsort(numbers, 3, sizeof *numbers, compare);
  } catch (const std::string &text) {
    std::printf("through qsort: %s\n", text.c_str());
  }
  try {
    Members members;
  } catch (const std::invalid_argument &e) {
    std::printf("constructor: %s\n", e.what());
  }
  try {
    nested();
  } catch (const std::exception &e) {
    std::printf("%s", e.what());
    try {
      std::rethrow_if_nested(e);
    } catch (const std::exception &inner) {
      std::printf(" over %s\n", inner.what());
    }
  }

  std::exception_ptr kept;
  try {
    throw 7L;
  } catch (...) {
    kept = std::current_exception();
  }
  for (int turn = 0; turn < 2; turn++) {
    try {
      std::rethrow_exception(kept);
    } catch (int) {
      std::puts("an int");
    } catch (long number) {
      std::printf("a long %ld\n", number);
    }
  }

  try {
    volatile std::size_t size = static_cast<std::size_t>(-1) - 64;
    void *huge = ::operator new(size);
    std::printf("memory without end %d\n", huge != nullptr);
  } catch (const std::bad_alloc &) {
    std::puts("bad_alloc");
  }
  try {
    std::vector<int>(3).at(3) = 1;
  } catch (const std::out_of_range &) {
    std::puts("out_of_range");
  }
  try {
    std::function<void()>()();
  } catch (const std::bad_function_call &) {
    std::puts("bad_function_call");
  }

  Square square(3);
  Shape *shape = &square;
  std::printf("%s %g %d\n", dynamic_cast<Named *>(shape)->name.c_str(), shape->area(), typeid(*shape) == typeid(Square));
  std::printf("%d\n", dynamic_cast<Square *>(static_cast<Named *>(&square)) == &square);
  try {
    struct Round : Shape {
      double area() const override { return 0; }
    } round;
    Shape &other = round;
    std::printf("%g\n", dynamic_cast<Square &>(other).side);
  } catch (const std::bad_cast &) {
    std::puts("bad_cast");
  }
  std::printf("uncaught %d\n", std::uncaught_exceptions());
}

int main(int count, char **) {
  caught();
  std::fflush(stdout);
  // What nobody catches ends the program, in the first thread and in others.
  std::set_terminate([] {
    try {
      std::rethrow_exception(std::current_exception());
    } catch (int number) {
      std::printf("nobody caught %d\n", number);
    }
    std::fflush(stdout);
    std::abort();
  });
  if (count > 1) std::thread([] { throw 2; }).join();
  throw 1;
}
