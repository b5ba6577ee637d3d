/* What a program dies of: the shell's status must be the one of Linux. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero = 0;
static volatile int lowest = -2147483647 - 1;
static volatile int minus_one = -1;

/* Two calls, so that it is no loop; and no array, because WASI's C stack has no guard below it. */
__attribute__((noinline)) static long deeper(long n) {
  if (n < zero) return n;
  return deeper(n + 1) + deeper(n + zero) * 3;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  printf("going to %s\n", how);
  fflush(stdout);
  if (strcmp(how, "divide") == 0) return 1 / zero;
  if (strcmp(how, "remainder") == 0) return 1 % zero;
  if (strcmp(how, "overflow a division") == 0) return lowest / minus_one;
  if (strcmp(how, "read far away") == 0) return *(volatile char *)(uintptr_t)0xfffffff0u;
  if (strcmp(how, "write far away") == 0) return *(volatile char *)(uintptr_t)0xfffffff0u = 1;
  if (strcmp(how, "recurse") == 0) return (int)deeper(1);
  if (strcmp(how, "abort") == 0) abort();
  return 0;
}
