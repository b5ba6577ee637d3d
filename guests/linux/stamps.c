/* Files are stamped with a time between the clock's before a change and after it, as nearly as the system's tick: also where
   a program computes for long between two changes and makes no call. */
#include "../report.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Two of Linux's longest ticks (HZ=100), nanoseconds. */
#define TICKS 20000000LL

static long long nanoseconds(struct timespec time) { return time.tv_sec * 1000000000LL + time.tv_nsec; }

static long long now(void) {
  struct timespec time;
  must("clock_gettime", clock_gettime(CLOCK_REALTIME, &time));
  return nanoseconds(time);
}

static long long modified(int fd) {
  struct stat status;
  must("fstat", fstat(fd, &status));
  return nanoseconds(status.st_mtim);
}

/* Turns that take a tenth of a second, about. */
static long turns_of(void) {
  long turns = 1 << 16;
  for (;; turns *= 2) {
    long long start = now();
    for (volatile long i = 0; i < turns; i++) {}
    if (now() - start > 100000000LL) return turns;
  }
}

int main(void) {
  long turns = turns_of();
  int fd = must("create", open("file", O_CREAT | O_RDWR, 0644));
  long long start = now();
  for (volatile long i = 0; i < turns; i++) {}
  must("write", write(fd, "x", 1));
  long long written = modified(fd);
  printf("after work: late enough %d, not later %d\n", written > start + TICKS, written <= now());
  long long before = now();
  for (int i = 0; i < 1000; i++) {
    must("write", write(fd, "x", 1));
    long long at = modified(fd);
    if (at < before - TICKS || at > now() || at < written) printf("write %d: out of order\n", i);
    written = at;
  }
  return 0;
}
