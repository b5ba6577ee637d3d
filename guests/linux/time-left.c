/* How much of a sleep or a wait was left when a signal, a descriptor or nothing at all ended it. */
#include "../report.h"
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static void handler(int signal) { (void)signal; }

static void alarm_in(long microseconds) {
  struct itimerval soon = {.it_value = {0, microseconds}};
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
}

/* Whether most of a hundred seconds is left: machines are slow, but not that slow. */
static int most(long seconds) { return seconds >= 60 && seconds < 100; }

int main(void) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  must("sigaction", sigaction(SIGALRM, &action, NULL));
  const struct timespec hundred = {100, 0};
  struct timespec left = {7, 7};

  alarm_in(20000);
  report("nanosleep", nanosleep(&hundred, &left));
  printf("left %d\n", most(left.tv_sec));
  alarm_in(20000);
  report("nanosleep that tells nobody", nanosleep(&hundred, NULL));
  left = hundred;
  alarm_in(20000);
  report("nanosleep over itself", nanosleep(&left, &left));
  printf("left %d\n", most(left.tv_sec));
  left.tv_sec = 7;
  alarm_in(20000);
  printf("clock_nanosleep %s\n", errno_name(clock_nanosleep(CLOCK_MONOTONIC, 0, &hundred, &left)));
  printf("left %d\n", most(left.tv_sec));
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += 100;
  left.tv_sec = 7;
  alarm_in(20000);
  printf("clock_nanosleep until %s\n", errno_name(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &left)));
  printf("untouched %ld\n", (long)left.tv_sec);
  alarm_in(20000);
  long seconds = sleep(100);
  printf("sleep %d\n", most(seconds));
  const struct timespec ages = {1L << 40, 0};
  alarm_in(20000);
  report("ages", nanosleep(&ages, &left));
  printf("left %d\n", left.tv_sec > 200L * 365 * 86400 && left.tv_nsec >= 0 && left.tv_nsec < 1000000000);
  const struct timespec year = {365 * 86400, 0};
  alarm_in(20000);
  report("a year", nanosleep(&year, &left));
  printf("left %d\n", left.tv_sec >= 364 * 86400L && left.tv_sec < 365 * 86400L);
  const struct timespec little = {0, 1000000};
  left = (struct timespec){7, 7};
  report("to the end", nanosleep(&little, &left));
  printf("untouched %ld %ld\n", (long)left.tv_sec, (long)left.tv_nsec);

  /* The calls themselves: libraries keep the span from them. */
  struct timeval span = {100, 0};
  alarm_in(20000);
  report("select", syscall(SYS_select, 0, NULL, NULL, NULL, &span));
  printf("left %d\n", most(span.tv_sec));
  span = (struct timeval){0, 1000};
  report("select to the end", syscall(SYS_select, 0, NULL, NULL, NULL, &span));
  printf("left %ld %ld\n", (long)span.tv_sec, (long)span.tv_usec);
  left = hundred;
  alarm_in(20000);
  report("pselect", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &left, NULL));
  printf("left %d\n", most(left.tv_sec));
  left = hundred;
  alarm_in(20000);
  report("ppoll", syscall(SYS_ppoll, NULL, 0L, &left, NULL, 8));
  printf("left %d\n", most(left.tv_sec));

  int ends[2];
  must("pipe", pipe(ends));
  struct pollfd fd = {ends[1], POLLOUT, 0};
  left = hundred;
  report("ppoll at once", syscall(SYS_ppoll, &fd, 1L, &left, NULL, 8));
  printf("left %d\n", most(left.tv_sec));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[1], &set);
  span = (struct timeval){100, 0};
  report("select at once", syscall(SYS_select, ends[1] + 1, NULL, &set, NULL, &span));
  printf("left %d\n", most(span.tv_sec));
  left = hundred;
  FD_SET(60, &set);
  report("pselect of a closed descriptor", syscall(SYS_pselect6, 61, NULL, &set, NULL, &left, NULL));
  printf("left %d\n", most(left.tv_sec));
  return 0;
}
