/* poll(2) and sleeping: files are always ready, bad descriptors are told, time passes. */
#include "report.h"
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static long elapsed(struct timespec from) {
  struct timespec to;
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

static void events(short value) {
  printf("  in %d out %d err %d nval %d\n", (value & POLLIN) != 0, (value & POLLOUT) != 0, (value & POLLERR) != 0,
         (value & POLLNVAL) != 0);
}

int main(void) {
  struct timespec start, pause = {0, 50000000};
  int file = must("create", open("file", O_CREAT | O_RDWR, 0644));
  must("write", write(file, "x", 1));
  struct pollfd one = {file, POLLIN | POLLOUT, 0};
  report("a file", poll(&one, 1, -1));
  events(one.revents);
  struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
  report("standard output", poll(&out, 1, 1000));
  events(out.revents);

  struct pollfd both[2] = {{file, POLLIN, 0}, {7777, POLLIN, 0}};
  report("one good, one bad", poll(both, 2, 1000));
  events(both[0].revents);
  events(both[1].revents);

  clock_gettime(CLOCK_MONOTONIC, &start);
  report("nanosleep", nanosleep(&pause, NULL));
  long passed = elapsed(start);
  printf("slept long enough %d, not too long %d\n", passed >= 49, passed < 2000);
  clock_gettime(CLOCK_MONOTONIC, &start);
  report("usleep", usleep(30000));
  printf("slept long enough %d\n", elapsed(start) >= 29);
  clock_gettime(CLOCK_MONOTONIC, &start);
  struct timespec nothing = {0, 0};
  report("sleep for nothing", nanosleep(&nothing, NULL));
  struct timespec wrong = {0, 2000000000};
  report("sleep for nonsense", nanosleep(&wrong, NULL));
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 40000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("sleep until: %s\n", errno_name(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL)));
  passed = elapsed(start);
  printf("about right %d\n", passed >= 30 && passed < 2000);
  until.tv_sec = 1;
  printf("sleep until long ago: %s\n", errno_name(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL)));
  return 0;
}
