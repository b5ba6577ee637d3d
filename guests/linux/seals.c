/* Seals of files in memory: what may still be done to them, by calls and by mappings. */
#include "../report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 32
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif

static int make(const char *name, unsigned flags, int bytes) {
  int fd = must("memfd_create", memfd_create(name, flags));
  must("ftruncate", ftruncate(fd, bytes));
  return fd;
}

static void seals(int fd) { report("seals", fcntl(fd, F_GET_SEALS)); }

static void *map(const char *what, int fd, int protection, int flags) {
  void *at = mmap(NULL, 4096, protection, flags, fd, 0);
  report(what, at == MAP_FAILED ? -1 : 0);
  return at;
}

int main(void) {
  int fd = make("plain", 0, 4096);
  seals(fd);
  report("not to be sealed", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  close(fd);
  fd = must("open", open("ordinary", O_RDWR | O_CREAT, 0644));
  int held = fcntl(fd, F_GET_SEALS);
  printf("ordinary %d\n", held == -1 || held == F_SEAL_SEAL);
  report("an ordinary file", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == -1 ? 0 : 1);
  unlink("ordinary");
  close(fd);
  int ends[2];
  must("pipe", pipe(ends));
  report("a pipe", fcntl(ends[0], F_GET_SEALS));
  report("a pipe sealed", fcntl(ends[0], F_ADD_SEALS, F_SEAL_GROW));
  report("closed", fcntl(99, F_GET_SEALS));

  fd = make("sizes", MFD_ALLOW_SEALING, 4096);
  seals(fd);
  report("no such seal", fcntl(fd, F_ADD_SEALS, 64));
  report("nothing", fcntl(fd, F_ADD_SEALS, 0));
  report("shrink", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  report("smaller", ftruncate(fd, 100));
  report("bigger", ftruncate(fd, 8192));
  report("grow", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  seals(fd);
  report("bigger", ftruncate(fd, 8193));
  report("the same", ftruncate(fd, 8192));
  report("inside", pwrite(fd, "abc", 3, 8189));
  report("over the end", pwrite(fd, "abc", 3, 8190));
  report("behind it", pwrite(fd, "abc", 3, 9000));
  static char page[8192];
  struct iovec parts[2] = {{page, 4096}, {page, 8192}};
  report("partly", pwritev(fd, parts, 2, 0));
  report("allocate", posix_fallocate(fd, 0, 8193) == EPERM);
  report("allocate inside", posix_fallocate(fd, 0, 100));
  must("write", write(ends[1], "xyz", 3));
  loff_t at = 8190;
  report("splice", splice(ends[0], NULL, fd, &at, 3, 0));
  at = 0;
  report("splice inside", splice(ends[0], NULL, fd, &at, 3, 0));
  report("no more", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
  report("sealed", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  report_open("emptied", open(path, O_RDWR | O_TRUNC));
  int reader = open(path, O_RDONLY);
  report_open("for reading", reader);
  report("by a reader", fcntl(reader, F_ADD_SEALS, F_SEAL_SHRINK));
  close(reader);
  close(fd);

  fd = make("written", MFD_ALLOW_SEALING, 4096);
  must("write", pwrite(fd, "first", 5, 0));
  char *writable = map("map for writing", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  report("while it may be written", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  must("munmap", munmap(writable, 4096));
  char *own = map("map a copy", fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  report("write", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  seals(fd);
  own[0] = 'F';
  report("pwrite", pwrite(fd, "x", 1, 0));
  report("nothing written", pwrite(fd, "x", 0, 0));
  report("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10));
  map("map for writing", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  map("map a copy", fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  report("bigger", ftruncate(fd, 8192));
  char text[6] = "";
  must("read", pread(fd, text, 5, 0));
  printf("%s\n", text);
  close(fd);

  fd = make("future", MFD_ALLOW_SEALING, 4096);
  writable = map("map for writing", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  report("future writes", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  report("pwrite", pwrite(fd, "x", 1, 0));
  map("map for writing", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  char *seen = map("map for reading", fd, PROT_READ, MAP_SHARED);
  report("mprotect", mprotect(seen, 4096, PROT_READ | PROT_WRITE));
  strcpy(writable, "from before");
  memset(text, 0, sizeof text);
  must("msync", msync(writable, 4096, MS_SYNC));
  must("read", pread(fd, text, 5, 0));
  printf("%s, %.11s\n", text, seen);
  close(fd);

  fd = make("runs", MFD_ALLOW_SEALING | MFD_EXEC, 10);
  report("less", fchmod(fd, 0700));
  report("exec", fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
  report("chmod", fchmod(fd, 0600));
  report("chmod of others", fchmod(fd, 0500));
  seals(fd);
  close(fd);
  fd = make("runs not", MFD_NOEXEC_SEAL, 10);
  seals(fd);
  struct stat about;
  must("fstat", fstat(fd, &about));
  printf("mode %o\n", about.st_mode & 0777);
  report("chmod", fchmod(fd, 0700));
  report("grow", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  seals(fd);
  return 0;
}
