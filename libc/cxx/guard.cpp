// What every program with exceptions has: the tag that carries one, and a catch around all of it. A WebAssembly exception
// that nobody catches leaves the module without a word; C++ calls std::terminate. The C library has the same functions
// without a catch, which give way to these.
#include <exception>

// The value is the address of the exception's header.
__asm__(".tagtype __cpp_exception i32\n"
        ".globl __cpp_exception\n"
        "__cpp_exception:\n");

extern "C" {
void __libc_run(int, char **);

void __guarded_run(int argc, char **argv) {
  try {
    __libc_run(argc, argv);
  } catch (...) {
    std::terminate();
  }
}

int __guarded_thread(int (*func)(void *), void *arg) {
  try {
    return func(arg);
  } catch (...) {
    std::terminate();
  }
}
}
