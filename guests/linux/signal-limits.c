/* RLIMIT_SIGPENDING: how many signals may wait for the processes of one real user, and what becomes of those beyond. */
#include "../report.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static int queue(pid_t to, int signal, int value) { return sigqueue(to, signal, (union sigval){.sival_int = value}); }

/* How many more real-time signals may wait for this process; they wait from now on. */
static int fill(void) {
  int count = 0;
  while (count < 100000 && queue(getpid(), SIGRTMIN, count) == 0) count++;
  printf("then %s, ", errno == EAGAIN ? "EAGAIN" : strerror(errno));
  return count;
}

static int drain(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  int count = 0;
  while (sigtimedwait(&set, NULL, &(struct timespec){0, 0}) == signal) count++;
  return count;
}

static void show(const char *what, int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int got = sigtimedwait(&set, &info, &(struct timespec){0, 0});
  if (got == -1) report(what, got);
  else printf("%s: code %d value %d, sender %d\n", what, info.si_code, info.si_value.sival_int, info.si_pid == getpid());
}

static void *fills(void *unused) {
  (void)unused;
  int count = 0;
  while (count < 100000 && syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN + 1) == 0) count++;
  return (void *)(long)count;
}

int main(void) {
  /* A user of one's own, where that can be had: others' signals would count as well. */
  if (geteuid() == 0 && (setgid(54321) != 0 || setuid(54321) != 0)) return 1;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  struct rlimit limit = {40, 60};
  must("setrlimit", setrlimit(RLIMIT_SIGPENDING, &limit));
  int most = fill();
  printf("some %d\n", most > 30 && most <= 40);

  report("kill has room", kill(getpid(), SIGUSR1));
  report("a real-time one of kill too", kill(getpid(), SIGRTMIN + 2));
  report("once", kill(getpid(), SIGRTMIN + 2));
  report("a standard one loses what it tells", queue(getpid(), SIGUSR2, 7));
  report("a real-time one is refused", queue(getpid(), SIGRTMIN + 3, 7));
  report("to a thread", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN + 3));
  show("SIGUSR1", SIGUSR1);
  show("SIGUSR2", SIGUSR2);
  show("SIGRTMIN+2", SIGRTMIN + 2);
  show("no other", SIGRTMIN + 2);
  show("SIGRTMIN+3", SIGRTMIN + 3);

  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    /* Nothing waits for it, but its user has no room left. */
    int none = fill();
    printf("none %d\n", none);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  /* It waits and counts like any other. */
  drain(SIGCHLD);
  printf("drained %d\n", drain(SIGRTMIN) == most);

  pthread_t thread;
  must("pthread_create", pthread_create(&thread, NULL, fills, NULL));
  void *count;
  pthread_join(thread, &count);
  printf("a thread has as much: %d\n", (long)count == most);
  int again = fill();
  printf("and its end gave it back: %d\n", again == most);

  limit.rlim_cur = 60;
  must("setrlimit", setrlimit(RLIMIT_SIGPENDING, &limit));
  int more = fill();
  printf("more %d\n", more == 20);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    drain(SIGRTMIN);
    int none = fill();
    printf("still none %d\n", none);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  /* It waits and counts like any other. */
  drain(SIGCHLD);
  printf("drained %d\n", drain(SIGRTMIN) == most + 20);
  limit.rlim_cur = 0;
  must("setrlimit", setrlimit(RLIMIT_SIGPENDING, &limit));
  printf("none %d\n", fill());
  kill(getpid(), SIGTERM);
  show("kill", SIGTERM);
  limit.rlim_cur = 60;
  must("setrlimit", setrlimit(RLIMIT_SIGPENDING, &limit));

  /* A timer's signal waits once, however often its time comes. */
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4};
  event.sigev_value.sival_int = 9;
  must("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec often = {{0, 2000000}, {0, 2000000}};
  must("timer_settime", timer_settime(timer, 0, &often, NULL));
  usleep(50000);
  often = (struct itimerspec){{0, 0}, {0, 0}};
  show("the timer's", SIGRTMIN + 4);
  printf("and more often %d\n", timer_getoverrun(timer) >= 3);
  must("timer_settime", timer_settime(timer, 0, &often, NULL));
  return 0;
}
