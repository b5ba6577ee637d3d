/* Forks in handlers that interrupted a wait, a handler and a sleep; each child tells its parent by its status. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int children, copies;
static timer_t timer;

static void fork_here(int signal) {
  pid_t child = fork();
  if (child < 0) {
    printf("fork: %s\n", errno == ENOSYS ? "ENOSYS" : "?");
    exit(3);
  }
  if (child == 0) copies += 1;
  else children += 1;
  if (signal == SIGUSR1 && child > 0) raise(SIGUSR2);
}

static int reap(void) {
  int sum = 0, status;
  while (wait(&status) > 0) sum += WEXITSTATUS(status);
  return sum;
}

static int deep(int depth) {
  if (depth > 0) return deep(depth - 1) + 1;
  raise(SIGUSR1);
  /* The alarm comes while the first one sleeps, however slow the machine is; copies have no timer. */
  if (copies == 0) timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, 50000000}}, NULL);
  nanosleep(&(struct timespec){copies == 0, 20000000}, NULL);
  return 0;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGUSR1, fork_here);
  signal(SIGUSR2, fork_here);
  signal(SIGALRM, fork_here);
  struct timespec soon = {0, 30000000};
  timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &timer);
  int depth = deep(40);
  if (copies > 0) {
    /* Each copy came back through its handler to where the signal came, and on to here. */
    if (children > 0) return reap() + 1;
    return depth == 40 ? 1 : 100;
  }
  nanosleep(&soon, NULL);
  int sum = reap();
  printf("depth %d, children %d, copies' sum %d\n", depth, children, sum);
  return 0;
}
