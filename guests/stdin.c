/* Standard input to its end, what kind of thing the standard streams are, and polling for input. */
#include "report.h"
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  printf("terminals: %d %d %d\n", isatty(0), isatty(1), isatty(2));
  report("seek a pipe", lseek(0, 0, SEEK_CUR));
  struct pollfd in = {0, POLLIN, 0};
  report("poll", poll(&in, 1, 5000));
  printf("readable: %d\n", (in.revents & (POLLIN | POLLHUP)) != 0);
  static char buffer[1000];
  unsigned long total = 0, sum = 0;
  for (;;) {
    ssize_t got = read(0, buffer, sizeof buffer);
    if (got == -1) return report("read", got), 1;
    if (got == 0) break;
    for (ssize_t i = 0; i < got; i++) sum = (sum * 31 + (unsigned char)buffer[i]) % 1000003;
    total += got;
  }
  printf("%lu bytes, sum %lu\n", total, sum);
  report("read at the end", read(0, buffer, 1));
  report("write to standard input", write(0, "x", 1) == -1 ? -1 : 1);
  fprintf(stderr, "on standard error\n");
  printf("no newline at the end");
  return 0;
}
