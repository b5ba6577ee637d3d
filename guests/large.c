/* Sixteen megabytes through a file in pieces of odd sizes, checked from both ends and in the middle. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIZE = 16 << 20, PIECE = 3000001 };

static unsigned char pattern(long offset) { return (unsigned char)(offset * 2654435761u >> 13); }

int main(void) {
  static unsigned char buffer[PIECE];
  int fd = must("create", open("large", O_CREAT | O_RDWR, 0644));
  long offset = 0;
  while (offset < SIZE) {
    long length = SIZE - offset < PIECE ? SIZE - offset : PIECE;
    for (long i = 0; i < length; i++) buffer[i] = pattern(offset + i);
    /* A short count is legal: go on from there. */
    for (long done = 0; done < length;) {
      ssize_t moved = write(fd, buffer + done, length - done);
      if (moved <= 0) return report("write", moved), 1;
      done += moved;
    }
    offset += length;
  }
  struct stat status;
  must("fstat", fstat(fd, &status));
  printf("size %lld\n", (long long)status.st_size);
  long wrong = 0, read_bytes = 0;
  must("lseek", lseek(fd, 0, SEEK_SET));
  for (;;) {
    ssize_t moved = read(fd, buffer, 777777);
    if (moved < 0) return report("read", moved), 1;
    if (moved == 0) break;
    for (ssize_t i = 0; i < moved; i++) wrong += buffer[i] != pattern(read_bytes + i);
    read_bytes += moved;
  }
  printf("read %ld, wrong %ld\n", read_bytes, wrong);
  for (long at = SIZE - 1; at > 0; at -= 1234567) {
    if (pread(fd, buffer, 1, at) != 1 || buffer[0] != pattern(at)) wrong++;
  }
  printf("backwards wrong %ld\n", wrong);
  /* Many small pieces of one vector. */
  struct iovec vector[64];
  for (int i = 0; i < 64; i++) vector[i] = (struct iovec){buffer + i * 100, i};
  must("lseek", lseek(fd, 1000, SEEK_SET));
  report("readv", readv(fd, vector, 64));
  long at = 1000;
  for (int i = 0; i < 64; i++) {
    for (int j = 0; j < i; j++) wrong += buffer[i * 100 + j] != pattern(at++);
  }
  printf("vector wrong %ld\n", wrong);
  return 0;
}
