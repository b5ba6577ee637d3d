/* poll, select and signals that interrupt them; sleeping until a time; signals taken by waiting for them. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t caught, caught_value;

static void handler(int signal) { caught = signal; }

static void informed(int signal, siginfo_t *info, void *context) {
  (void)context;
  caught = signal;
  caught_value = info->si_value.sival_int;
}

static long milliseconds_since(const struct timespec *then) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

int main(void) {
  int ends[2];
  must("pipe", pipe(ends));
  struct pollfd fds[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {77, POLLIN, 0}};
  int ready = poll(fds, 3, 0);
  printf("poll %d: %x %x %x\n", ready, fds[0].revents, fds[1].revents, fds[2].revents);
  must("write", write(ends[1], "x", 1));
  ready = poll(fds, 1, 1000);
  printf("poll %d: %x\n", ready, fds[0].revents);

  fd_set reads, writes;
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_SET(ends[0], &reads);
  FD_SET(ends[1], &writes);
  struct timeval second = {1, 0};
  ready = select(ends[1] + 1, &reads, &writes, NULL, &second);
  printf("select %d %d %d\n", ready, !!FD_ISSET(ends[0], &reads), !!FD_ISSET(ends[1], &writes));
  FD_SET(60, &reads);
  report("select of a closed descriptor", select(61, &reads, NULL, NULL, &second));

  char byte;
  must("read", read(ends[0], &byte, 1));
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  printf("nothing %d\n", poll(fds, 1, 30));
  printf("waited %d\n", milliseconds_since(&start) >= 29);
  printf("sleep %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL));
  struct timespec wrong = {0, 1000000000};
  report("a second of nanoseconds", nanosleep(&wrong, NULL));

  sigset_t usr1, empty, pending;
  sigemptyset(&empty);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  must("sigprocmask", sigprocmask(SIG_BLOCK, &usr1, NULL));
  must("raise", raise(SIGUSR1));
  must("sigpending", sigpending(&pending));
  printf("pending %d\n", sigismember(&pending, SIGUSR1));
  siginfo_t info;
  struct timespec none = {0, 0};
  printf("taken %d\n", sigtimedwait(&usr1, &info, &none) == SIGUSR1 && info.si_signo == SIGUSR1);
  report("no more", sigtimedwait(&usr1, &info, &none));

  struct sigaction action = {.sa_handler = handler}, old;
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  must("sigaction", sigaction(SIGUSR1, NULL, &old));
  printf("kept %d\n", old.sa_handler == handler);
  must("raise", raise(SIGUSR1));
  printf("blocked %d\n", (int)caught);
  report("sigsuspend", sigsuspend(&empty));
  printf("handled %d\n", caught == SIGUSR1);
  caught = 0;
  must("sigprocmask", sigprocmask(SIG_UNBLOCK, &usr1, NULL));
  must("raise", raise(SIGUSR1));
  printf("at once %d\n", caught == SIGUSR1);

  must("sigaction", sigaction(SIGALRM, &action, NULL));
  struct itimerval soon = {.it_value = {0, 20000}};
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
  report("poll that a timer interrupts", poll(fds, 1, 5000));
  printf("by %d\n", caught == SIGALRM);
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
  report("read that a timer interrupts", read(ends[0], &byte, 1));

  action = (struct sigaction){.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGRTMIN, &action, NULL));
  must("sigqueue", sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4711}));
  printf("queued %d %d\n", caught == SIGRTMIN, (int)caught_value);
  report("no such signal", kill(getpid(), 99));
  signal(SIGPIPE, SIG_IGN);
  close(ends[0]);
  report("a pipe nobody reads", write(ends[1], "x", 1));
  fflush(stdout);
  signal(SIGPIPE, SIG_DFL);
  write(ends[1], "x", 1);
  printf("not reached\n");
  return 0;
}
