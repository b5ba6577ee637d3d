/* Programs that make no call: signals reach them, others run beside them, they are stopped, continued and ended. */
#include "../report.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t alarms, users;
static sigjmp_buf away;

static void on_alarm(int signal) {
  (void)signal;
  alarms += 1;
}

static void on_user(int signal) {
  (void)signal;
  users += 1;
}

static void leave(int signal) { siglongjmp(away, signal); }

static void busy_for_ever(void) {
  for (;;) {
  }
}

/* Work that no compiler can leave out, and that calls itself. */
static volatile unsigned sink;
static unsigned twice(int depth) { return depth == 0 ? ++sink : twice(depth - 1) + twice(depth - 1); }

static pid_t busy_child(void) {
  pid_t child = fork();
  must("fork", child);
  if (child != 0) return child;
  busy_for_ever();
  _exit(99);
}

static void say_how(const char *what, int status) {
  if (WIFEXITED(status)) printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else if (WIFSTOPPED(status)) printf("%s: stopped %d\n", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status)) printf("%s: continued\n", what);
}

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm};
  int status;
  sigaction(SIGALRM, &action, NULL);
  action.sa_handler = on_user;
  sigaction(SIGUSR1, &action, NULL);

  struct itimerval soon = {{0, 0}, {0, 20000}};
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
  while (alarms == 0) {
  }
  printf("one alarm: %d\n", alarms);

  struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
  must("setitimer", setitimer(ITIMER_REAL, &often, NULL));
  while (alarms < 6) twice(6);
  must("setitimer", setitimer(ITIMER_REAL, &never, NULL));
  printf("six alarms: %d\n", alarms >= 6);

  /* The handler leaves by a jump, out of a function that makes no call. */
  action.sa_handler = leave;
  sigaction(SIGALRM, &action, NULL);
  int came = sigsetjmp(away, 1);
  if (came == 0) {
    setitimer(ITIMER_REAL, &soon, NULL);
    busy_for_ever();
  }
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  printf("left by signal %d, blocked %d\n", came, sigismember(&mask, SIGALRM));

  pid_t child = busy_child();
  nanosleep(&(struct timespec){0, 10000000}, NULL);
  must("kill", kill(child, SIGSTOP));
  must("waitpid", waitpid(child, &status, WUNTRACED));
  say_how("busy child", status);
  must("kill", kill(child, SIGCONT));
  must("waitpid", waitpid(child, &status, WCONTINUED));
  say_how("busy child", status);
  must("kill", kill(child, SIGTERM));
  must("waitpid", waitpid(child, &status, 0));
  say_how("busy child", status);

  /* Two that work beside each other, and one that asks whether they still do. */
  pid_t first = busy_child(), second = busy_child();
  for (int i = 0; i < 5; i++) nanosleep(&(struct timespec){0, 2000000}, NULL);
  printf("both run: %d %d\n", waitpid(first, &status, WNOHANG), waitpid(second, &status, WNOHANG));
  must("kill", kill(first, SIGKILL));
  must("waitpid", waitpid(first, &status, 0));
  say_how("first", status);
  must("kill", kill(second, SIGXCPU));
  must("waitpid", waitpid(second, &status, 0));
  say_how("second", status);

  /* A parent that waits for nothing and a child that signals it. */
  pid_t parent = getpid();
  child = fork();
  if (child == 0) {
    kill(parent, SIGUSR1);
    _exit(3);
  }
  while (users == 0) {
  }
  must("waitpid", waitpid(child, &status, 0));
  say_how("signaller", status);
  printf("users %d\n", users);
  return 0;
}
