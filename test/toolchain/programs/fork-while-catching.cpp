// Forks in a catch block and in a destructor that an exception runs: what the driver warns of. Below both it may.
#include <stdexcept>
#include <unistd.h>

extern "C" __attribute__((noinline)) int forks_in_try() {
  try {
    if (getpid() == 1) throw std::runtime_error("one");
    return fork();
  } catch (const std::exception &) {
    return -1;
  }
}

extern "C" __attribute__((noinline)) int forks_in_catch() {
  try {
    if (getpid() != 1) throw 1;
  } catch (int) {
    return fork();
  }
  return 0;
}

struct Forking {
  __attribute__((noinline)) ~Forking() { fork(); }
};

extern "C" __attribute__((noinline)) int forks_in_destructor() {
  Forking forking;
  if (getpid() != 1) throw 2;
  return 0;
}

int main(int count, char **) {
  return count == 1 ? forks_in_try() : count == 2 ? forks_in_catch() : forks_in_destructor();
}
