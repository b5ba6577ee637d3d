/* Opening otherwise: O_PATH, openat2's ways of resolving, files without a name, files in memory. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

struct how {
  unsigned long long flags, mode, resolve;
};

static int open2(int directory, const char *path, unsigned long long flags, unsigned long long resolve) {
  struct how how = {flags, flags & O_CREAT ? 0644 : 0, resolve};
  return syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static void tell(const char *what, int fd) {
  report_open(what, fd);
  if (fd >= 0) close(fd);
}

static void paths(void) {
  struct stat st;
  char text[16];
  int file = must("create", open("file", O_CREAT | O_RDWR, 0000));
  must("write", write(file, "content", 7));
  must("symlink", symlink("file", "link"));
  must("mkdir", mkdir("d", 0755));
  must("inner", open("d/inner", O_CREAT | O_RDWR, 0644));
  int path = must("O_PATH", open("file", O_PATH));
  report("mapped", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0) == MAP_FAILED ? -1 : 0);
  report("read", read(path, text, 1));
  report("write", write(path, "x", 1));
  report("seek", lseek(path, 0, SEEK_SET));
  report("truncate", ftruncate(path, 0));
  report("chmod", syscall(SYS_fchmod, path, 0600));
  report("chown", syscall(SYS_fchown, path, 0, 0));
  report("sync", fsync(path));
  report("ioctl", ioctl(path, FIONREAD, text));
  report("list", syscall(SYS_getdents64, path, text, sizeof text));
  must("fstat", fstat(path, &st));
  printf("size %d flags %x\n", (int)st.st_size, fcntl(path, F_GETFL));
  report("set flags", fcntl(path, F_SETFL, O_APPEND));
  struct pollfd one = {path, POLLIN | POLLOUT, 0};
  int ready = poll(&one, 1, 0);
  printf("poll %d %x\n", ready, one.revents);
  int copy = must("dup", dup(path));
  close(copy);
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", path);
  chmod("file", 0644);
  int again = must("through /proc", open(name, O_RDONLY));
  printf("read %ld\n", (long)read(again, text, sizeof text));
  must("chmodat", fchmodat(AT_FDCWD, name, 0640, 0));
  must("fstat", fstat(file, &st));
  printf("mode %o\n", st.st_mode & 07777);
  int link = must("a link", open("link", O_PATH | O_NOFOLLOW));
  must("fstat", fstat(link, &st));
  printf("link %d\n", S_ISLNK(st.st_mode));
  long length = readlinkat(link, "", text, sizeof text);
  printf("leads to %.*s\n", (int)length, text);
  report("through a file", openat(path, "x", O_RDONLY));
  int directory = must("a directory", open("d", O_PATH | O_DIRECTORY));
  report("not a directory", open("file", O_PATH | O_DIRECTORY));
  tell("beneath it", openat(directory, "inner", O_RDONLY));
  must("fchdir", fchdir(directory));
  must("back", chdir(".."));
  must("link by descriptor", linkat(file, "", AT_FDCWD, "second", AT_EMPTY_PATH));
  must("stat", stat("second", &st));
  printf("links %d\n", (int)st.st_nlink);
  report("without leave", linkat(file, "", AT_FDCWD, "third", 0));
}

enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

static void resolving(void) {
  int d = must("open d", open("d", O_RDONLY));
  must("symlink", symlink("../file", "d/up"));
  must("symlink", symlink("/inner", "d/absolute"));
  must("symlink", symlink("inner", "d/near"));
  must("symlink", symlink("loop", "d/loop"));
  tell("as ever", open2(d, "../file", O_RDONLY, 0));
  tell("beneath", open2(d, "inner", O_RDONLY, BENEATH));
  tell("beneath, by a link", open2(d, "near", O_RDONLY, BENEATH));
  tell("beneath, there and back", open2(d, "../d/inner", O_RDONLY, BENEATH));
  tell("beneath, up", open2(d, "../file", O_RDONLY, BENEATH));
  tell("beneath, up by a link", open2(d, "up", O_RDONLY, BENEATH));
  tell("beneath, absolute", open2(d, "/etc", O_RDONLY, BENEATH));
  tell("beneath, an absolute link", open2(d, "absolute", O_RDONLY, BENEATH));
  tell("in root, up", open2(d, "../../inner", O_RDONLY, IN_ROOT));
  tell("in root, absolute", open2(d, "/inner", O_RDONLY, IN_ROOT));
  tell("in root, an absolute link", open2(d, "absolute", O_RDONLY, IN_ROOT));
  tell("in root, nothing", open2(d, "up", O_RDONLY, IN_ROOT));
  tell("no links", open2(d, "inner", O_RDONLY, NO_SYMLINKS));
  tell("no links, a link", open2(d, "near", O_RDONLY, NO_SYMLINKS));
  tell("no links, the link itself", open2(d, "near", O_PATH | O_NOFOLLOW, NO_SYMLINKS));
  tell("a loop", open2(d, "loop", O_RDONLY, BENEATH));
  tell("one mount", open2(d, "inner", O_RDONLY, NO_XDEV));
  tell("another mount", open2(AT_FDCWD, "/proc/version", O_RDONLY, NO_XDEV));
  tell("a magic link", open2(AT_FDCWD, "/proc/self/cwd", O_RDONLY, 0));
  tell("no magic links", open2(AT_FDCWD, "/proc/self/cwd", O_RDONLY, NO_MAGICLINKS));
  tell("no magic but others", open2(AT_FDCWD, "/proc/self/comm", O_RDONLY, NO_MAGICLINKS));
  tell("make beneath", open2(d, "made", O_RDWR | O_CREAT, BENEATH));
  tell("make above", open2(d, "../made", O_RDWR | O_CREAT, BENEATH));
  report("both", open2(d, "inner", O_RDONLY, BENEATH | IN_ROOT));
  report("nonsense", open2(d, "inner", O_RDONLY, 64));
  report("flags", open2(d, "inner", 1ull << 40, 0));
  struct how how = {O_RDONLY, 0644, 0};
  report("a mode for nothing", syscall(SYS_openat2, d, "inner", &how, sizeof how));
  how.mode = 0;
  report("too short", syscall(SYS_openat2, d, "inner", &how, sizeof how - 1));
  struct { struct how how; long more; } longer = {how, 0};
  tell("longer", syscall(SYS_openat2, d, "inner", &longer, sizeof longer));
  longer.more = 1;
  printf("longer with more: %d\n", syscall(SYS_openat2, d, "inner", &longer, sizeof longer) < 0 && errno == E2BIG);
}

static void nameless(void) {
  struct stat st;
  char name[64], text[16];
  int file = must("O_TMPFILE", open("d", O_TMPFILE | O_RDWR, 0640));
  must("write", write(file, "words", 5));
  must("fstat", fstat(file, &st));
  printf("links %d mode %o size %d\n", (int)st.st_nlink, st.st_mode & 07777, (int)st.st_size);
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  must("name it", linkat(AT_FDCWD, name, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
  close(file);
  file = must("open", open("d/named", O_RDONLY));
  printf("read %ld\n", (long)read(file, text, sizeof text));
  must("fstat", fstat(file, &st));
  printf("links %d\n", (int)st.st_nlink);
  must("unlink", unlink("d/named"));
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  report("no name again", linkat(AT_FDCWD, name, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
  file = must("O_EXCL", open("d", O_TMPFILE | O_RDWR | O_EXCL, 0600));
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  report("never a name", linkat(AT_FDCWD, name, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
  report("to be read only", open("d", O_TMPFILE | O_RDONLY, 0600));
  report("in a file", open("file", O_TMPFILE | O_RDWR, 0600));
}

static void in_memory(void) {
  char name[64], text[64];
  struct stat st;
  int file = must("memfd_create", memfd_create("some name", MFD_CLOEXEC));
  must("write", write(file, "remembered", 10));
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  long length = readlink(name, text, sizeof text);
  printf("%.*s\n", (int)length, text);
  must("fstat", fstat(file, &st));
  printf("mode %o links %d size %d\n", st.st_mode, (int)st.st_nlink, (int)st.st_size);
  printf("cloexec %d flags %x\n", fcntl(file, F_GETFD), fcntl(file, F_GETFL) & O_ACCMODE);
  int again = must("again", open(name, O_RDONLY));
  must("ftruncate", ftruncate(file, 1 << 20));
  printf("read %ld\n", (long)read(again, text, 10));
  char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  printf("mapped %.10s\n", map);
  map[0] = 'R';
  pread(again, text, 1, 0);
  printf("through the map %c\n", text[0]);
  printf("seals %d\n", fcntl(file, F_GET_SEALS));
  report("seal", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  report("flags", memfd_create("x", 0x1000));
  memset(text, 'n', sizeof text);
  text[63] = 0;
  tell("a long name", memfd_create(text, 0));
  static char longest[300];
  memset(longest, 'n', 250);
  report("too long a name", memfd_create(longest, 0));
}

static void without_a_trace(void) {
  close(must("own", open("mine", O_RDWR | O_CREAT, 0644)));
  close(must("other", open("other", O_RDWR | O_CREAT, 0644)));
  must("chown", chown("mine", 1000, 1000));
  must("let others in", chmod(".", 0755));
  must("seteuid", seteuid(1000));
  report_open("O_NOATIME of one's own", open("mine", O_RDONLY | O_NOATIME));
  report_open("O_NOATIME of another's", open("other", O_RDONLY | O_NOATIME));
  must("seteuid", seteuid(0));
  report_open("O_NOATIME of anybody's", open("mine", O_RDONLY | O_NOATIME));
  static char text[32];
  int most = must("pipe-max-size", open("/proc/sys/fs/pipe-max-size", O_RDONLY));
  must("read", read(most, text, sizeof text - 1));
  printf("largest pipe %s", text);
}

int main(void) {
  without_a_trace();
  paths();
  resolving();
  nameless();
  in_memory();
  return 0;
}
