/* Holes, growing, shrinking and allocating. */
#include "report.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd;

static void size(void) {
  struct stat status;
  must("fstat", fstat(fd, &status));
  printf("size %lld\n", (long long)status.st_size);
}

static void at(off_t offset) {
  unsigned char byte = 0x55;
  ssize_t got = pread(fd, &byte, 1, offset);
  printf("at %lld: %zd, %02x\n", (long long)offset, got, byte);
}

int main(void) {
  fd = must("open", open("sparse", O_CREAT | O_RDWR, 0644));
  report("seek", lseek(fd, 1000000, SEEK_SET));
  size();
  report("write", write(fd, "end", 3));
  size();
  at(0);
  at(999999);
  at(1000000);
  at(1000003);
  report("write in the hole", pwrite(fd, "mid", 3, 500000));
  at(499999);
  at(500001);
  report("shrink", ftruncate(fd, 500001));
  size();
  at(500000);
  at(500001);
  report("grow", ftruncate(fd, 1000010));
  size();
  at(500001);
  at(1000000);
  report("truncate to 0", ftruncate(fd, 0));
  size();
  report("truncate negative", ftruncate(fd, -1));
  /* Far beyond 32 bits. */
  report("write at 5 GiB", pwrite(fd, "x", 1, 5LL << 30));
  size();
  at((5LL << 30) - 1);
  at(5LL << 30);
  printf("seek to 5 GiB: %lld\n", (long long)lseek(fd, 5LL << 30, SEEK_SET));
  printf("seek to the end: %lld\n", (long long)lseek(fd, 0, SEEK_END));
  report("shrink", ftruncate(fd, 10));
  printf("allocate: %s\n", errno_name(posix_fallocate(fd, 5, 100)));
  size();
  printf("allocate inside: %s\n", errno_name(posix_fallocate(fd, 0, 10)));
  size();
  printf("allocate nothing: %s\n", errno_name(posix_fallocate(fd, 0, 0)));
  printf("allocate negative: %s\n", errno_name(posix_fallocate(fd, -1, 10)));
  at(104);
  return 0;
}
