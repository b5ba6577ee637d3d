/* Room in files made and given back; where data is; extended attributes. */
#include "../report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { UNIT = 65536 };

static char bytes[UNIT];

static void sizes(const char *what, int fd) {
  struct stat st;
  must("fstat", fstat(fd, &st));
  printf("%s: size %ld stored %ld\n", what, (long)st.st_size, (long)st.st_blocks * 512 / UNIT);
}

static void seek(const char *what, int fd, long from, int whence) {
  long found = lseek(fd, from, whence);
  if (found < 0) printf("%s from %ld: %s\n", what, from, errno == ENXIO ? "ENXIO" : errno_name(errno));
  else printf("%s from %ld: %ld\n", what, from, found);
}

static void room(void) {
  char text[8];
  int fd = must("open", open("f", O_CREAT | O_RDWR, 0600));
  must("fallocate", fallocate(fd, 0, 0, 2 * UNIT));
  sizes("allocated", fd);
  must("keep size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 * UNIT, 2 * UNIT));
  sizes("beyond the end", fd);
  memset(bytes, 'x', sizeof bytes);
  for (int i = 0; i < 4; i++) must("write", pwrite(fd, bytes, UNIT, i * UNIT));
  sizes("written", fd);
  must("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, UNIT, 2 * UNIT));
  sizes("a hole", fd);
  must("read", pread(fd, text, 2, UNIT - 1));
  printf("%d %d\n", text[0], text[1]);
  must("read", pread(fd, text, 2, 3 * UNIT - 1));
  printf("%d %d\n", text[0], text[1]);
  seek("data", fd, 0, SEEK_DATA);
  seek("hole", fd, 0, SEEK_HOLE);
  seek("data", fd, UNIT, SEEK_DATA);
  seek("data", fd, 2 * UNIT + 5, SEEK_DATA);
  seek("hole", fd, UNIT + 7, SEEK_HOLE);
  seek("hole", fd, 3 * UNIT, SEEK_HOLE);
  seek("data", fd, 4 * UNIT, SEEK_DATA);
  seek("hole", fd, 4 * UNIT, SEEK_HOLE);
  must("a small hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 5));
  must("read", pread(fd, text, 7, 9));
  printf("%d %d %d %d\n", text[0], text[1], text[5], text[6]);
  must("all of it", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100 * UNIT));
  sizes("nothing", fd);
  seek("data", fd, 0, SEEK_DATA);
  seek("hole", fd, 0, SEEK_HOLE);
  must("ftruncate", ftruncate(fd, 50L * UNIT));
  must("write", pwrite(fd, bytes, UNIT, 40L * UNIT));
  seek("data", fd, 0, SEEK_DATA);
  seek("hole", fd, 40L * UNIT, SEEK_HOLE);
  seek("data", fd, 41L * UNIT, SEEK_DATA);
  must("ftruncate", ftruncate(fd, 0));
  sizes("emptied", fd);
  report("nothing to do", fallocate(fd, 0, 0, 0));
  report("before the start", fallocate(fd, 0, -1, 1));
  report("a hole that grows", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
  int reader = open("f", O_RDONLY);
  report("not for writing", fallocate(reader, 0, 0, 1));
  int ends[2];
  must("pipe", pipe(ends));
  report("a pipe", fallocate(ends[1], 0, 0, 1));
  printf("O_APPEND copy %ld\n", (long)copy_file_range(fd, NULL, open("g", O_CREAT | O_WRONLY | O_APPEND, 0600), NULL, 1, 0));
}

static const char *name_of(int number) {
  switch (number) {
    case ENODATA: return "ENODATA";
    case E2BIG: return "E2BIG";
    default: return errno_name(number);
  }
}

static void told(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, name_of(errno));
  else printf("%s: %ld\n", what, result);
}

static void attributes(void) {
  static char text[70000];
  int fd = must("open", open("a", O_CREAT | O_RDWR, 0644));
  must("symlink", symlink("a", "l"));
  told("none", getxattr("a", "user.x", text, sizeof text));
  told("empty list", listxattr("a", text, sizeof text));
  told("set", setxattr("a", "user.x", "value", 5, 0));
  told("how long", getxattr("a", "user.x", NULL, 0));
  told("too short", getxattr("a", "user.x", text, 3));
  told("get", fgetxattr(fd, "user.x", text, sizeof text));
  printf("%.5s\n", text);
  told("through a link", getxattr("l", "user.x", text, sizeof text));
  told("of a link", lgetxattr("l", "user.x", text, sizeof text));
  told("on a link", lsetxattr("l", "user.x", "v", 1, 0));
  told("create", setxattr("a", "user.x", "v", 1, XATTR_CREATE));
  told("replace", setxattr("a", "user.y", "v", 1, XATTR_REPLACE));
  told("both", setxattr("a", "user.x", "v", 1, XATTR_CREATE | XATTR_REPLACE));
  told("flags", setxattr("a", "user.x", "v", 1, 4));
  told("replaced", fsetxattr(fd, "user.x", "", 0, XATTR_REPLACE));
  told("empty", getxattr("a", "user.x", text, sizeof text));
  told("binary", setxattr("a", "user.\xff\n", "\0\1", 2, XATTR_CREATE));
  long length = flistxattr(fd, text, sizeof text);
  printf("list %ld\n", length);
  told("list too short", listxattr("a", text, 3));
  told("list how long", listxattr("a", NULL, 0));
  told("no space", setxattr("a", "other.x", "v", 1, 0) < 0 && errno == EOPNOTSUPP);
  told("no name", setxattr("a", "user.", "v", 1, 0));
  told("nothing", setxattr("a", "", "v", 1, 0));
  memset(text, 'n', 300);
  memcpy(text, "user.", 5);
  text[300] = 0;
  told("a name too long", setxattr("a", text, "v", 1, 0));
  told("too much", setxattr("a", "user.z", text, 65537, 0));
  told("removed", removexattr("a", "user.x"));
  told("removed again", fremovexattr(fd, "user.x"));
  told("of nothing", getxattr("nothing", "user.x", text, 1));
  must("mkdir", mkdir("dir", 0755));
  told("a directory", setxattr("dir", "user.d", "1", 1, 0));
  must("mkfifo", mkfifo("fifo", 0600));
  told("a FIFO", setxattr("fifo", "user.d", "1", 1, 0));
  must("rename", rename("a", "b"));
  told("moved along", listxattr("b", NULL, 0));
  must("chmod", chmod(".", 0755));
  must("seteuid", seteuid(1000));
  told("who may not write", setxattr("b", "user.x", "1", 1, 0));
  told("who may read", listxattr("b", NULL, 0));
  must("seteuid", seteuid(0));
  must("chmod", chmod("b", 0600));
  must("seteuid", seteuid(1000));
  told("who may not read", getxattr("b", "user.\xff\n", text, sizeof text));
}

int main(void) {
  room();
  attributes();
  return 0;
}
