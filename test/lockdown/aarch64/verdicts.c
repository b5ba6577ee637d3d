/*
 * The first and only process of an aarch64 machine: asks its kernel what filters say. Every answer of the filters is an errno
 * (the test has turned "allow" and "kill" into ones of their own), so no call that is tried is ever executed.
 *
 * /cases: u32 rounds; each: u32 bytes of the program, u32 calls, the program, calls of { u64 number; u64 arguments[6] }.
 * Prints for each round "R", the answers as four hexadecimal digits each, and a newline.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1 << 16, FAILED = 0x7fff };

struct shared {
  volatile uint32_t done;
  volatile int32_t answers[MOST];
};

static long call(uint64_t number, const uint64_t *a) {
  register uint64_t x8 __asm__("x8") = number;
  register uint64_t x0 __asm__("x0") = a[0];
  register uint64_t x1 __asm__("x1") = a[1];
  register uint64_t x2 __asm__("x2") = a[2];
  register uint64_t x3 __asm__("x3") = a[3];
  register uint64_t x4 __asm__("x4") = a[4];
  register uint64_t x5 __asm__("x5") = a[5];
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return (long)x0;
}

static void try_all(const unsigned char *program, uint32_t bytes, const unsigned char *calls, uint32_t count,
                    struct shared *shared) {
  struct sock_fprog filter = { .len = bytes / sizeof(struct sock_filter), .filter = (struct sock_filter *)program };
  int ready = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
              syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t *words = (const uint64_t *)(calls + (size_t)i * 56);
    shared->answers[i] = ready ? (int32_t)call(words[0], words + 1) : -FAILED;
  }
  shared->done = 1;
  for (;;) /* no call is left to end with: the parent kills */
    ;
}

int main(void) {
  struct utsname machine;
  uname(&machine);
  printf("MACHINE %s %s\n", machine.machine, machine.release);
  int file = open("/cases", O_RDONLY);
  off_t size = lseek(file, 0, SEEK_END);
  unsigned char *cases = malloc((size_t)size + 8);
  lseek(file, 0, SEEK_SET);
  for (off_t at = 0; at < size;) {
    ssize_t got = read(file, cases + at, (size_t)(size - at));
    if (got <= 0) break;
    at += got;
  }
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint32_t rounds = *(uint32_t *)cases;
  unsigned char *at = cases + 8;
  for (uint32_t round = 0; round < rounds; round++) {
    uint32_t bytes = ((uint32_t *)at)[0], count = ((uint32_t *)at)[1];
    unsigned char *program = at + 8, *calls = program + bytes;
    at = calls + (size_t)count * 56;
    shared->done = 0;
    pid_t child = fork();
    if (child == 0) try_all(program, bytes, calls, count, shared);
    int status, gone = 0;
    while (!shared->done && !gone) {
      gone = waitpid(child, &status, WNOHANG) == child;
      usleep(1000);
    }
    if (!gone) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
    }
    putchar('R');
    if (gone) printf(" the child ended with status %x", status);
    else for (uint32_t i = 0; i < count; i++) printf("%04x", (unsigned)-shared->answers[i] & 0xffff);
    putchar('\n');
    fflush(stdout);
  }
  puts("END");
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  return 0;
}
