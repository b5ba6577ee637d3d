/* pwritev2 that appends, and how long a turn is. */
#include "../report.h"
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define APPEND 16

static long put(int fd, const char *text, long position, int flags) {
  struct iovec one = {(void *)text, strlen(text)};
  return syscall(SYS_pwritev2, fd, &one, 1, position, 0L, flags);
}

static void show(int fd) {
  char text[64];
  long length = pread(fd, text, sizeof text, 0);
  printf("%.*s, at %ld\n", (int)length, text, (long)lseek(fd, 0, SEEK_CUR));
}

int main(void) {
  int fd = must("open", open("file", O_CREAT | O_RDWR, 0644));
  must("write", (int)write(fd, "first", 5));
  must("lseek", (int)lseek(fd, 2, SEEK_SET));
  report("appended", put(fd, "+second", 0, APPEND));
  show(fd);
  report("appended at the offset", put(fd, "+third", -1, APPEND));
  show(fd);
  report("put", put(fd, "F", 0, 0));
  show(fd);
  report("no such flag", put(fd, "x", 0, 1 << 20));
  report("no such position", put(fd, "x", -2, APPEND));
  int ends[2];
  must("pipe", pipe(ends));
  report("a pipe with a position", put(ends[1], "x", 0, APPEND));
  report("read only", put(ends[0], "x", -1, APPEND));
  unlink("file");

  struct timespec turn = {-1, -1};
  report("a turn", syscall(SYS_sched_rr_get_interval, 0, &turn));
  report("of nobody", syscall(SYS_sched_rr_get_interval, 0x3ffffff0, &turn));
  report("of less than nobody", syscall(SYS_sched_rr_get_interval, -1, &turn));
  report("to nowhere", syscall(SYS_sched_rr_get_interval, 0, (void *)(unsigned long)0xfffffff0u));
  return 0;
}
