/* longjmp beside destructors: it runs none, where exceptions run all. */
#include <csetjmp>
#include <cstdio>
#include <stdexcept>

static jmp_buf place;
static volatile int deep;

struct Says {
  const char *name;
  explicit Says(const char *given) : name(given) {}
  ~Says() { std::printf("~%s\n", name); }
};

[[gnu::noinline]] static void leaves(int how) {
  Says inner("leaves");
  deep++;
  if (how == 1) longjmp(place, 7);
  if (how == 2) throw std::runtime_error("thrown");
}

[[gnu::noinline]] static void between(int how) {
  Says middle("between");
  try {
    leaves(how);
  } catch (const std::logic_error &) {
    std::puts("not here");
  }
  deep++;
}

[[gnu::noinline]] static void never_throws(int how) noexcept {
  leaves(how);
  deep++;
}

[[gnu::noinline]] static void begins(void (*function)(int)) {
  Says outer("begins");
  int came = setjmp(place);
  std::printf("came %d\n", came);
  if (came == 0) function(1);
}

int main() {
  begins(between);
  begins(never_throws);
  begins(leaves);
  try {
    between(2);
  } catch (const std::exception &caught) {
    std::printf("caught %s\n", caught.what());
  }
  try {
    if (setjmp(place) == 0) between(1);
    else throw 5;
  } catch (int number) {
    std::printf("caught %d\n", number);
  } catch (...) {
    std::puts("caught something");
  }
  return 0;
}
