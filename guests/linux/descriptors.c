/* dup, fcntl, pipe2, vectored and positioned transfers, sendfile and copy_file_range: what Linux has beyond WASI. */
#include "../report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void) {
  char buffer[64] = {0};
  int file = must("create", open("file", O_CREAT | O_RDWR, 0644));
  must("write", write(file, "0123456789", 10));

  int copy = must("dup", dup(file));
  printf("shared offset %ld\n", (long)lseek(copy, 0, SEEK_CUR));
  printf("dup2 %d\n", dup2(file, 20));
  printf("dup2 onto itself %d\n", dup2(20, 20));
  report("dup2 of a closed descriptor", dup2(50, 51));
  report("dup3 onto itself", dup3(20, 20, 0));
  printf("dup3 %d\n", dup3(file, 21, O_CLOEXEC));
  printf("close on exec: %d %d\n", fcntl(20, F_GETFD), fcntl(21, F_GETFD));
  must("F_SETFD", fcntl(20, F_SETFD, FD_CLOEXEC));
  printf("now %d\n", fcntl(20, F_GETFD));
  printf("F_DUPFD %d\n", fcntl(file, F_DUPFD, 30));
  printf("F_DUPFD_CLOEXEC %d\n", fcntl(file, F_DUPFD_CLOEXEC, 30));
  report("F_DUPFD below zero", fcntl(file, F_DUPFD, -1));
  printf("flags %d\n", (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR);
  must("F_SETFL", fcntl(copy, F_SETFL, O_APPEND));
  printf("append on both: %d\n", (fcntl(file, F_GETFL) & O_APPEND) != 0);
  must("F_SETFL", fcntl(copy, F_SETFL, 0));

  struct iovec out[2] = {{"ab", 2}, {"cde", 3}};
  printf("pwritev %ld\n", (long)pwritev(file, out, 2, 3));
  struct iovec in[2] = {{buffer, 4}, {buffer + 10, 4}};
  printf("preadv %ld %.4s %.4s\n", (long)preadv(file, in, 2, 1), buffer, buffer + 10);
  report("preadv below zero", preadv(file, in, 2, -1));
  volatile int many = 1025;
  report("too many iovecs", readv(file, in, many));

  int other = must("create", open("other", O_CREAT | O_RDWR, 0644));
  off_t at = 2;
  printf("sendfile %ld", (long)sendfile(other, file, &at, 5));
  printf(", at %ld\n", (long)at);
  loff_t from = 0, to = 8;
  printf("copy_file_range %ld\n", (long)copy_file_range(file, &from, other, &to, 4, 0));
  memset(buffer, '.', sizeof buffer);
  printf("read %ld", (long)pread(other, buffer, 20, 0));
  for (int i = 5; i < 8; i++) if (!buffer[i]) buffer[i] = '-';
  printf(" %.12s\n", buffer);

  int ends[2];
  must("pipe2", pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  report("empty pipe", read(ends[0], buffer, 1));
  must("write", write(ends[1], "through", 7));
  int waiting = 0;
  must("FIONREAD", ioctl(ends[0], FIONREAD, &waiting));
  printf("waiting %d\n", waiting);
  report("isatty", isatty(ends[0]) ? 1 : -1);
  report("lseek of a pipe", lseek(ends[0], 0, SEEK_SET));
  at = 0;
  printf("sendfile to a pipe %ld\n", (long)sendfile(ends[1], file, &at, 3));
  printf("read %ld\n", (long)read(ends[0], buffer, 64));
  printf("%.10s\n", buffer);
  must("close", close(ends[1]));
  printf("end %ld\n", (long)read(ends[0], buffer, 1));

  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  must("F_SETLK", fcntl(file, F_SETLK, &lock));
  must("F_GETLK", fcntl(file, F_GETLK, &lock));
  printf("lock %d\n", lock.l_type == F_UNLCK);
  return 0;
}
