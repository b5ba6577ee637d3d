/* Opening, reading and writing regular files: every open flag, offsets, vectors, and the errors of each. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void show(const char *path) {
  char text[128];
  int fd = must("open to show", open(path, O_RDONLY));
  ssize_t length = read(fd, text, sizeof text);
  printf("%s holds %zd: %.*s\n", path, length, (int)length, text);
  close(fd);
}

int main(void) {
  char buffer[64];
  struct stat status;

  report_open("open missing", open("missing", O_RDONLY));
  report_open("open missing for writing", open("missing", O_WRONLY));
  int fd = report_open("create", open("file", O_CREAT | O_EXCL | O_RDWR, 0644));
  report_open("create again, exclusive", open("file", O_CREAT | O_EXCL | O_RDWR, 0644));
  report("write", write(fd, "0123456789", 10));
  report("lseek set", lseek(fd, 4, SEEK_SET));
  report("read", read(fd, buffer, 3));
  printf("%.3s\n", buffer);
  report("lseek cur", lseek(fd, -2, SEEK_CUR));
  report("lseek end", lseek(fd, -1, SEEK_END));
  report("lseek before the start", lseek(fd, -100, SEEK_CUR));
  report("lseek after the end", lseek(fd, 100, SEEK_SET));
  report("read after the end", read(fd, buffer, 3));
  report("lseek bad whence", lseek(fd, 0, 77));
  report("pread", pread(fd, buffer, 4, 6));
  printf("%.4s\n", buffer);
  report("pread over the end", pread(fd, buffer, 20, 8));
  report("pread negative", pread(fd, buffer, 4, -1));
  report("pwrite", pwrite(fd, "ABC", 3, 1));
  report("pwrite negative", pwrite(fd, "ABC", 3, -1));
  report("offset kept", lseek(fd, 0, SEEK_CUR));
  show("file");

  struct iovec out[3] = {{"one", 3}, {"", 0}, {"two!", 4}};
  report("lseek", lseek(fd, 0, SEEK_SET));
  report("writev", writev(fd, out, 3));
  char left[2], right[6];
  struct iovec in[2] = {{left, sizeof left}, {right, sizeof right}};
  report("lseek", lseek(fd, 0, SEEK_SET));
  report("readv", readv(fd, in, 2));
  printf("%.2s|%.6s\n", left, right);
  report("write nothing", write(fd, "", 0));
  report("read nothing", read(fd, buffer, 0));
  report("fstat", fstat(fd, &status));
  printf("size %lld, regular %d, links %d\n", (long long)status.st_size, S_ISREG(status.st_mode), (int)status.st_nlink);
  report("fsync", fsync(fd));
  report("fdatasync", fdatasync(fd));
  report("close", close(fd));
  report("close twice", close(fd));
  report("read closed", read(fd, buffer, 1));
  report("write closed", write(fd, "x", 1));
  report("lseek closed", lseek(fd, 0, SEEK_SET));
  report("fstat closed", fstat(fd, &status));

  fd = report_open("write only", open("file", O_WRONLY));
  report("read write-only", read(fd, buffer, 1));
  close(fd);
  fd = report_open("read only", open("file", O_RDONLY));
  report("write read-only", write(fd, "x", 1));
  report("ftruncate read-only", ftruncate(fd, 1));
  close(fd);
  fd = report_open("truncate", open("file", O_WRONLY | O_TRUNC));
  fstat(fd, &status);
  printf("size %lld\n", (long long)status.st_size);
  close(fd);
  report_open("directory flag on a file", open("file", O_RDONLY | O_DIRECTORY));
  report_open("through a file", open("file/below", O_RDONLY));
  report_open("trailing slash on a file", open("file/", O_RDONLY));
  must("mkdir", mkdir("directory", 0755));
  report_open("write a directory", open("directory", O_WRONLY));
  fd = report_open("read a directory", open("directory", O_RDONLY));
  report("read bytes of a directory", read(fd, buffer, 1));
  close(fd);
  report("close -1", close(-1));
  report("close 12345", close(12345));
  return 0;
}
