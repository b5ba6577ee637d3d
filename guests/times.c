/* File times: set to the nanosecond, left alone, set to now; and which of them an operation moves. */
#include "report.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void show(const char *path) {
  struct stat status;
  must("lstat", lstat(path, &status));
  printf("  atime %lld.%09ld mtime %lld.%09ld\n", (long long)status.st_atim.tv_sec, (long)status.st_atim.tv_nsec,
         (long long)status.st_mtim.tv_sec, (long)status.st_mtim.tv_nsec);
}

static int later(struct timespec left, struct timespec right) {
  return left.tv_sec > right.tv_sec || (left.tv_sec == right.tv_sec && left.tv_nsec > right.tv_nsec);
}

static void rest(void) {
  struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
}

int main(void) {
  struct stat before, after;
  int fd = must("create", open("file", O_CREAT | O_RDWR, 0644));
  struct timespec exact[2] = {{1, 2}, {1700000000, 123456789}};
  report("utimensat", utimensat(AT_FDCWD, "file", exact, 0));
  show("file");
  struct timespec large[2] = {{4102444800, 999999999}, {0, 0}};
  report("futimens", futimens(fd, large));
  show("file");
  struct timespec partly[2] = {{5, UTIME_OMIT}, {77, 7}};
  report("omit atime", futimens(fd, partly));
  show("file");
  /* Neither UTIME_NOW nor NULL: Debian's libc for WASI refuses the one and sends 1970 for the other. */
  report("missing", utimensat(AT_FDCWD, "missing", exact, 0));

  must("symlink", symlink("file", "link"));
  report("the link's own", utimensat(AT_FDCWD, "link", exact, AT_SYMLINK_NOFOLLOW));
  show("link");
  struct timespec other[2] = {{9, 9}, {8, 8}};
  report("through the link", utimensat(AT_FDCWD, "link", other, 0));
  show("file");

  must("fstat", fstat(fd, &before));
  rest();
  must("write", write(fd, "x", 1));
  must("fstat", fstat(fd, &after));
  printf("write: mtime moved %d, ctime moved %d\n", later(after.st_mtim, before.st_mtim), later(after.st_ctim, before.st_ctim));
  before = after;
  rest();
  must("ftruncate", ftruncate(fd, 0));
  must("fstat", fstat(fd, &after));
  printf("truncate: mtime moved %d, ctime moved %d\n", later(after.st_mtim, before.st_mtim), later(after.st_ctim, before.st_ctim));
  before = after;
  rest();
  must("link", link("file", "second"));
  must("fstat", fstat(fd, &after));
  printf("link: mtime moved %d, ctime moved %d\n", later(after.st_mtim, before.st_mtim), later(after.st_ctim, before.st_ctim));

  must("mkdir", mkdir("dir", 0755));
  must("stat", stat("dir", &before));
  rest();
  close(must("create", open("dir/entry", O_CREAT | O_WRONLY, 0644)));
  must("stat", stat("dir", &after));
  printf("create: directory moved %d\n", later(after.st_mtim, before.st_mtim));
  before = after;
  rest();
  must("unlink", unlink("dir/entry"));
  must("stat", stat("dir", &after));
  printf("unlink: directory moved %d\n", later(after.st_mtim, before.st_mtim));
  return 0;
}
