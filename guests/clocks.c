/* Clocks: they run, they agree, they have a resolution. */
#include "report.h"
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec first, second;
  report("realtime", clock_gettime(CLOCK_REALTIME, &first));
  printf("after 2024 %d, nanoseconds in range %d\n", first.tv_sec > 1704067200, first.tv_nsec >= 0 && first.tv_nsec < 1000000000);
  printf("time() agrees: %d\n", llabs((long long)(time(NULL) - first.tv_sec)) <= 1);
  report("monotonic", clock_gettime(CLOCK_MONOTONIC, &first));
  int backwards = 0;
  for (int i = 0; i < 1000; i++) {
    clock_gettime(CLOCK_MONOTONIC, &second);
    backwards += second.tv_sec < first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec < first.tv_nsec);
    first = second;
  }
  printf("backwards: %d\n", backwards);
  report("resolution", clock_getres(CLOCK_MONOTONIC, &second));
  printf("between 1 ns and 1 ms: %d\n", second.tv_sec == 0 && second.tv_nsec > 0 && second.tv_nsec <= 1000000);
  unsigned char a[64], b[64];
  report("entropy", getentropy(a, sizeof a));
  report("entropy", getentropy(b, sizeof b));
  int same = 0;
  for (unsigned i = 0; i < sizeof a; i++) same += a[i] == b[i];
  printf("two draws differ: %d\n", same < 16);
  static unsigned char large[512];
  report("too much entropy", getentropy(large, 257));
  return 0;
}
