/* Memory that processes share: anonymous and of files, through fork; what is written where, and what is refused. */
#include "../report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE 4096

static void *map(size_t size, int protection, int flags, int fd, off_t offset) {
  return mmap(NULL, size, protection, flags, fd, offset);
}

static char *shared(size_t size) {
  char *at = map(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) exit(98);
  return at;
}

static int reap(pid_t child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int turns[2][2];

static void give(int to) { must("write", write(turns[to][1], "x", 1)); }

static void take(int own) {
  char byte;
  must("read", read(turns[own][0], &byte, 1));
}

static void anonymous(void) {
  char *at = shared(5 * PAGE), *own = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(at, "parent");
  strcpy(own, "mine");
  pid_t child = must("fork", fork());
  if (child == 0) {
    printf("child sees %s, %s\n", at, own);
    fflush(stdout);
    strcpy(at + 4 * PAGE, "child");
    strcpy(own, "other");
    _exit(at[3 * PAGE]);
  }
  printf("child ended with %d\n", reap(child));
  printf("parent sees %s, %s, %s\n", at, at + 4 * PAGE, own);
  must("munmap", munmap(at + PAGE, 2 * PAGE));
  printf("around the hole %s, %s\n", at, at + 4 * PAGE);
  must("munmap", munmap(at, 5 * PAGE));
}

/* Both write different bytes of one page, taking turns. */
static void turn_about(void) {
  must("pipe", pipe(turns[0]));
  must("pipe", pipe(turns[1]));
  unsigned char *at = (unsigned char *)shared(3 * PAGE);
  pid_t child = must("fork", fork());
  for (int i = 0; i < 200; i++) {
    if (child == 0) take(1);
    int who = child == 0, wrong = 0;
    for (int j = 0; j < 2 * i + who; j++) wrong += at[j * 7] != (unsigned char)(j + 1);
    at[(2 * i + who) * 7] = 2 * i + who + 1;
    if (wrong) printf("%d wrong at %d\n", wrong, i);
    give(child != 0);
    if (child != 0) take(0);
  }
  if (child == 0) _exit(0);
  printf("turns %d, last %d\n", reap(child), at[399 * 7]);
  must("munmap", munmap(at, 3 * PAGE));
}

static void files(void) {
  int file = must("open", open("file", O_RDWR | O_CREAT, 0644));
  must("ftruncate", ftruncate(file, 2 * PAGE + 100));
  char *at = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char bytes[16] = "";
  strcpy(at + PAGE, "mapped");
  must("pread", pread(file, bytes, 7, PAGE));
  printf("read %s\n", bytes);
  must("pwrite", pwrite(file, "MAP", 3, PAGE));
  printf("written %s\n", at + PAGE);
  memset(at + 2 * PAGE + 90, 'e', 50);
  must("msync", msync(at, 3 * PAGE, MS_SYNC));
  printf("size %ld\n", (long)lseek(file, 0, SEEK_END));
  must("pread", pread(file, bytes, 16, 2 * PAGE + 90));
  printf("end %.10s\n", bytes);
  /* Another process opens it anew, and maps another part. */
  pid_t child = must("fork", fork());
  if (child == 0) {
    int again = must("open", open("file", O_RDWR));
    char *part = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, again, PAGE);
    printf("child maps %s\n", part);
    fflush(stdout);
    strcpy(part + 100, "from the child");
    strcpy(at, "through the old mapping");
    _exit(0);
  }
  reap(child);
  printf("parent sees %s, %s\n", at + PAGE + 100, at);
  must("close", close(file));
  strcpy(at + 10, "after close");
  must("munmap", munmap(at, 3 * PAGE));
  file = must("open", open("file", O_RDONLY));
  must("pread", pread(file, bytes, 16, 10));
  printf("kept %s\n", bytes);

  report("writable of one opened for reading", map(PAGE, PROT_WRITE | PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0);
  char *only = map(PAGE, PROT_READ, MAP_SHARED, file, 0);
  printf("readable %.7s\n", only);
  report("made writable", mprotect(only, PAGE, PROT_READ | PROT_WRITE));
  int writer = must("open", open("file", O_WRONLY));
  report("of one opened for writing", map(PAGE, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED ? -1 : 0);
  must("pwrite", pwrite(writer, "changed", 7, 0));
  printf("readable %.7s\n", only);
  must("ftruncate", ftruncate(writer, 3));
  printf("cut off %d %d\n", only[2] == 'a', only[3]);
  must("unlink", unlink("file"));
}

static char *enlarge(char *at, int from, int to) {
  char *larger = mremap(at, from * PAGE, to * PAGE, MREMAP_MAYMOVE);
  if (larger == MAP_FAILED) {
    report("mremap", -1);
    exit(97);
  }
  printf("%d pages:", to);
  for (int page = 0; page < to; page++) printf(" %d", larger[page * PAGE]);
  printf("\n");
  return larger;
}

/* A mapping that grows with its file, again and again, is one mapping; so are two with nothing between them. */
static void growing(void) {
  int file = must("open", open("growing", O_RDWR | O_CREAT, 0644));
  must("ftruncate", ftruncate(file, PAGE));
  char *at = map(PAGE, PROT_READ, MAP_SHARED, file, 0);
  for (int pages = 2; pages <= 6; pages++) {
    char byte = pages;
    must("ftruncate", ftruncate(file, pages * PAGE));
    must("pwrite", pwrite(file, &byte, 1, (pages - 1) * PAGE));
    at = enlarge(at, pages - 1, pages);
  }
  must("munmap", munmap(at + 2 * PAGE, 4 * PAGE));
  if (mmap(at + 2 * PAGE, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 2 * PAGE) == MAP_FAILED) exit(96);
  at = enlarge(at, 4, 6);
  must("mprotect", mprotect(at + PAGE, PAGE, PROT_NONE));
  report("across a change of protection", mremap(at, 6 * PAGE, 7 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  must("mprotect", mprotect(at + PAGE, PAGE, PROT_READ));
  enlarge(at, 6, 6);
  must("unlink", unlink("growing"));
}

/* What is to grow is one mapping: what is shared behind it is neither moved nor lost. */
static void across(void) {
  int file = must("open", open("across", O_RDWR | O_CREAT, 0644));
  must("ftruncate", ftruncate(file, PAGE));
  char *at = map(16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must("mprotect", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
  char *seen = mmap(at + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  strcpy(seen, "here");
  report("into what is shared", mremap(at, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  must("mprotect", mprotect(at + 2 * PAGE, PAGE, PROT_READ));
  report("into what is protected", mremap(at + 2 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  strcpy(seen + 4, " and there");
  char bytes[15];
  must("pread", pread(file, bytes, 15, 0));
  printf("still %s, %s\n", seen, bytes);
  must("unlink", unlink("across"));
}

static void private_mappings(void) {
  int file = must("open", open("other", O_RDWR | O_CREAT, 0644));
  must("write", write(file, "original", 9));
  char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  strcpy(at, "changed!");
  char *own = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  printf("private %s\n", own);
  strcpy(own, "secret!!");
  must("msync", msync(own, PAGE, MS_SYNC));
  char bytes[9];
  must("pread", pread(file, bytes, 9, 0));
  printf("file %s, shared %s\n", bytes, at);
  must("mprotect", mprotect(at, PAGE, PROT_READ));
  printf("protected %s\n", at);
  must("mprotect", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
  must("ftruncate", ftruncate(file, 2 * PAGE));
  char *bigger = mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
  strcpy(bigger + PAGE, "grown");
  must("pread", pread(file, bytes, 6, PAGE));
  printf("remapped %s, %s\n", bigger, bytes);
  char *moved = mremap(bigger + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, shared(PAGE));
  printf("moved %s\n", moved);
  strcpy(moved, "fixed");
  must("msync", msync(moved, PAGE, MS_ASYNC));
  must("pread", pread(file, bytes, 6, PAGE));
  printf("file %s\n", bytes);
  must("unlink", unlink("other"));
}

static void generations(void) {
  int *at = (int *)shared(PAGE);
  for (int i = 0; i < 5; i++) {
    pid_t child = must("fork", fork());
    if (child != 0) {
      int status = reap(child);
      at[5 + i]++;
      if (i == 0) break;
      _exit(status + 1);
    }
    at[i] = getpid() != getppid();
  }
  if (at[4] && !at[9]) _exit(3);
  printf("generations");
  for (int i = 0; i < 10; i++) printf(" %d", at[i]);
  printf("\n");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  anonymous();
  turn_about();
  files();
  growing();
  across();
  private_mappings();
  generations();
  int zeros = open("/dev/zero", O_RDWR);
  if (zeros >= 0) {
    char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zeros, 0);
    pid_t child = must("fork", fork());
    if (child == 0) {
      strcpy(at, "zero");
      _exit(0);
    }
    reap(child);
    if (strcmp(at, "zero") != 0) printf("not shared\n");
  }
  report("a length that is no length", map(0, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  report("msync of nothing", msync(shared(PAGE) + 100, PAGE, MS_SYNC));
  return 0;
}
