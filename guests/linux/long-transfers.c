/* Reads and writes of more than a kernel moves at once: the count is what was asked for, and the bytes are the right ones. */
#include "../report.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { MANY = 5 * 1024 * 1024 + 12345 };

static unsigned char *bytes, *others;

static unsigned char at(long index) { return (unsigned char)(index * 7 + (index >> 8) * 13 + (index >> 20)); }

static void check(const char *what, const unsigned char *from, long first, long count) {
  long wrong = 0;
  for (long i = 0; i < count; i++) wrong += from[i] != at(first + i);
  printf("%s: %ld wrong\n", what, wrong);
}

static void xfsz(int signal) { (void)signal; }

int main(void) {
  bytes = malloc(MANY);
  others = malloc(MANY);
  if (bytes == NULL || others == NULL) return 99;
  for (long i = 0; i < MANY; i++) bytes[i] = at(i);

  int file = must("open", open("long", O_RDWR | O_CREAT | O_TRUNC, 0600));
  report("write", write(file, bytes, MANY));
  report("where it is", lseek(file, 0, SEEK_CUR));
  must("lseek", lseek(file, 0, SEEK_SET));
  report("read", read(file, others, MANY));
  report("where it is", lseek(file, 0, SEEK_CUR));
  check("read", others, 0, MANY);
  memset(others, 0, MANY);
  report("read to the end", pread(file, others, MANY, 100));
  check("pread", others, 100, MANY - 100);
  report("pwrite", pwrite(file, bytes, MANY, MANY));
  report("size", lseek(file, 0, SEEK_END));
  report("pread", pread(file, others, MANY, MANY));
  check("pread", others, 0, MANY);

  struct iovec parts[1000];
  for (int i = 0; i < 1000; i++) parts[i] = (struct iovec){bytes + i * 5000, 5000};
  must("truncate", ftruncate(file, 0));
  must("lseek", lseek(file, 0, SEEK_SET));
  report("writev", writev(file, parts, 1000));
  for (int i = 0; i < 1000; i++) parts[i].iov_base = others + i * 5000;
  memset(others, 0, MANY);
  report("preadv", preadv(file, parts, 1000, 0));
  check("preadv", others, 0, 5000000);

  int end = must("open", open("long", O_WRONLY | O_APPEND));
  report("append", write(end, bytes, 2000000));
  report("append", write(end, bytes, 2000000));
  report("where it is", lseek(end, 0, SEEK_CUR));
  report("pread", pread(file, others, 2000000, 7000000));
  check("appended", others, 0, 2000000);

  struct rlimit limit = {3 * 1024 * 1024, 3 * 1024 * 1024};
  signal(SIGXFSZ, xfsz);
  must("setrlimit", setrlimit(RLIMIT_FSIZE, &limit));
  must("truncate", ftruncate(file, 0));
  must("lseek", lseek(file, 0, SEEK_SET));
  report("up to a limit", write(file, bytes, MANY));
  report("beyond it", write(file, bytes, MANY));
  report("from within", pwrite(file, bytes, MANY, 2 * 1024 * 1024 + 1));

  int null = must("open", open("/dev/null", O_WRONLY));
  int zero = must("open", open("/dev/zero", O_RDONLY));
  report("into nothing", write(null, bytes, MANY));
  report("of nothing", read(zero, others, MANY));
  long set = 0;
  for (long i = 0; i < MANY; i++) set += others[i] != 0;
  printf("set: %ld\n", set);

  int ends[2];
  must("pipe", pipe(ends));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    close(ends[1]);
    long count = 0, wrong = 0;
    for (;;) {
      long got = read(ends[0], others, 100000);
      if (got <= 0) break;
      for (long i = 0; i < got; i++) wrong += others[i] != at(count + i);
      count += got;
    }
    printf("through a pipe: %ld, %ld wrong\n", count, wrong);
    fflush(stdout);
    _exit(0);
  }
  close(ends[0]);
  report("into a pipe", write(ends[1], bytes, MANY));
  close(ends[1]);
  must("wait", waitpid(child, NULL, 0));

  must("pipe", pipe(ends));
  fflush(stdout);
  child = must("fork", fork());
  if (child == 0) {
    close(ends[1]);
    long count = 0;
    while (count < 3000000) count += read(ends[0], others, 3000000 - count);
    _exit(0);
  }
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  long written = write(ends[1], bytes, MANY);
  printf("until it broke: %d\n", written >= 3000000 && written < MANY);
  report("broken", write(ends[1], bytes, MANY));
  return 0;
}
