/* Descriptor numbers: the lowest free one is used, and offsets belong to the open file. */
#include "report.h"
#include <fcntl.h>
#include <unistd.h>

int main(void) {
  char a, b;
  int first = must("create", open("file", O_CREAT | O_RDWR, 0644));
  must("write", write(first, "abcdef", 6));
  int second = must("open", open("file", O_RDONLY));
  int third = must("open", open("file", O_RDONLY));
  printf("ascending %d\n", first < second && second < third);
  must("close", close(second));
  printf("lowest free %d\n", open("file", O_RDONLY) == second);
  must("lseek", lseek(third, 3, SEEK_SET));
  must("read", read(second, &a, 1));
  must("read", read(third, &b, 1));
  printf("own offsets: %c %c\n", a, b);
  must("close", close(0));
  printf("zero is reused: %d\n", open("file", O_RDONLY));
  must("read", read(0, &a, 1));
  printf("%c\n", a);
  report("read from standard output", read(STDOUT_FILENO, &a, 1) == -1 ? -1 : 1);
  return 0;
}
