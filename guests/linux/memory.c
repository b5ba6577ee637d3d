/* Mappings: anonymous and of files, moved, shrunk, emptied, and what is refused. */
#include "../report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static void *map(size_t size, int flags, int fd, off_t offset) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
}

static int all(const char *bytes, size_t size, char value) {
  for (size_t i = 0; i < size; i++) if (bytes[i] != value) return 0;
  return 1;
}

int main(void) {
  char *first = map(10 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("aligned %d, zero %d\n", ((unsigned long)first & (PAGE - 1)) == 0, all(first, 10 * PAGE, 0));
  memset(first, 'x', 10 * PAGE);
  must("munmap", munmap(first + 2 * PAGE, PAGE));
  char *again = mmap(first + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("fixed %d, zero %d, around %c%c\n", again == first + 2 * PAGE, all(again, PAGE, 0), again[-1], again[PAGE]);
  report("no replacing", mmap(first, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 1);

  char *big = mremap(first, 10 * PAGE, 3000 * PAGE, MREMAP_MAYMOVE);
  printf("moved %c%c, then zero %d\n", big[0], big[10 * PAGE - 1], all(big + 10 * PAGE, 2990 * PAGE, 0));
  char *small = mremap(big, 3000 * PAGE, PAGE, 0);
  printf("shrunk in place %d\n", small == big);
  report("mremap of nothing", mremap(NULL, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 1);

  int file = must("create", open("file", O_CREAT | O_RDWR, 0644));
  for (int i = 0; i < PAGE + 100; i++) must("write", write(file, i < PAGE ? "a" : "b", 1));
  char *mapped = map(2 * PAGE, MAP_PRIVATE, file, 0);
  printf("file %c %c, rest zero %d\n", mapped[PAGE - 1], mapped[PAGE], all(mapped + PAGE + 100, PAGE - 100, 0));
  mapped[0] = 'z';
  char byte;
  must("pread", pread(file, &byte, 1, 0));
  printf("private: %c\n", byte);
  char *second = map(PAGE, MAP_PRIVATE, file, PAGE);
  printf("at an offset: %c\n", second[0]);
  must("mprotect", mprotect(mapped, PAGE, PROT_READ));
  must("msync", msync(mapped, 2 * PAGE, MS_SYNC));
  must("madvise", madvise(small, PAGE, MADV_DONTNEED));
  printf("emptied %d\n", all(small, PAGE, 0));

  report("length zero", map(0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
  report("neither shared nor private", map(PAGE, MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
  report("a crooked offset", map(PAGE, MAP_PRIVATE, file, 100) == MAP_FAILED ? -1 : 1);
  report("a closed descriptor", map(PAGE, MAP_PRIVATE, 77, 0) == MAP_FAILED ? -1 : 1);
  report("a closed descriptor, and no length", map(0, MAP_PRIVATE, 77, 0) == MAP_FAILED ? -1 : 1);
  report("flags nobody knows", map(PAGE, MAP_SHARED | 1 << 27, file, 0) == MAP_FAILED ? -1 : 1);
  report("the same, looked at", map(PAGE, MAP_SHARED_VALIDATE | 1 << 23, file, 0) == MAP_FAILED ? -1 : 1);
  report("flags that are known", map(PAGE, MAP_SHARED_VALIDATE | MAP_NORESERVE, file, 0) == MAP_FAILED ? -1 : 1);
  report("the same of no file", map(PAGE, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 1);
  report("a crooked address", munmap(mapped + 1, PAGE));
  report("madvise of advice there is not", madvise(small, PAGE, 999));
  int readable = must("open", open("file", O_RDONLY));
  report("shared and writable of a file that is not", map(PAGE, MAP_SHARED, readable, 0) == MAP_FAILED ? -1 : 1);
  must("munmap", munmap(mapped, 2 * PAGE));

  char *blocks[200];
  for (int i = 0; i < 200; i++) blocks[i] = memset(malloc(100000 + i), i, 100000 + i);
  int right = 1;
  for (int i = 0; i < 200; i++) right &= all(blocks[i], 100000 + i, i);
  for (int i = 0; i < 200; i += 2) free(blocks[i]);
  for (int i = 0; i < 200; i += 2) blocks[i] = calloc(1, 50000);
  for (int i = 0; i < 200; i++) right &= i % 2 ? all(blocks[i], 100000 + i, i) : all(blocks[i], 50000, 0);
  printf("heap %d\n", right);
  return 0;
}
