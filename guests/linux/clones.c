/* clone and clone3 as processes use them: descriptors of the child, its number, signals at its end, handlers cleared. */
#include "../report.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BY_DESCRIPTOR 3
#ifndef __WCLONE
#define __WCLONE 0x80000000
#define __WALL 0x40000000
#endif

static volatile sig_atomic_t caught, told_status;
static int number;

static void informed(int signal, siginfo_t *info, void *context) {
  (void)context;
  caught = signal, told_status = info->si_status;
}

static int readiness(int fd, int milliseconds) {
  struct pollfd one = {fd, POLLIN, 0};
  int ready = poll(&one, 1, milliseconds);
  return ready == 1 ? one.revents : ready;
}

static long clone3(unsigned long long flags, int *fd, int *parent, int *child, int signal) {
  struct clone_args arguments = {.flags = flags, .exit_signal = signal};
  arguments.pidfd = (unsigned long)fd, arguments.parent_tid = (unsigned long)parent, arguments.child_tid = (unsigned long)child;
  return syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void descriptors(void) {
  int fd = -1;
  fflush(stdout);
  long child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
  if (child == 0) {
    /* The copy was made before, so the child has neither the number nor the file. */
    int known = fd != -1 || fcntl(3, F_GETFD) != -1;
    usleep(20000);
    _exit(known ? 9 : 5);
  }
  printf("made %d, closed by execve %d\n", child > 0 && fd >= 0, fcntl(fd, F_GETFD) == FD_CLOEXEC);
  printf("not ended %d\n", readiness(fd, 0));
  printf("ended %d\n", readiness(fd, 5000) == POLLIN);
  siginfo_t info = {0};
  report("waitid", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  printf("it %d, %d\n", info.si_pid == child, info.si_status);
  close(fd);

  int parent = 0;
  fd = -1;
  child = clone3(CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, &fd, &parent, &number, SIGCHLD);
  if (child == 0) _exit(number == getpid() && parent == 0 ? 6 : 7);
  must("clone3", child);
  int status;
  must("waitpid", waitpid(child, &status, 0));
  printf("numbers %d %d, status %d\n", parent == child, number, WEXITSTATUS(status));
  printf("gone %d\n", (readiness(fd, 0) & POLLIN) != 0);
  close(fd);
}

static int runs(void *argument) {
  number = *(int *)argument;
  kill(getpid(), 0);
  raise(SIGUSR2);
  return number + 1;
}

static void functions(void) {
  static char stack[65536];
  int fd = -1, value = 10, status;
  char *top = stack + sizeof stack;
  number = 0;
  fflush(stdout);
  struct sigaction dies = {.sa_handler = SIG_IGN};
  must("sigaction", sigaction(SIGUSR2, &dies, NULL));
  pid_t child = must("clone", clone(runs, top, CLONE_PIDFD | SIGCHLD, &value, &fd));
  report("waitid", waitid(BY_DESCRIPTOR, fd, &(siginfo_t){0}, WEXITED | WNOWAIT));
  must("waitpid", waitpid(child, &status, 0));
  printf("status %d, here %d\n", WEXITSTATUS(status), number);
  close(fd);
  child = must("clone", clone(runs, top, SIGCHLD, &value));
  must("waitpid", waitpid(child, &status, 0));
  printf("status %d\n", WEXITSTATUS(status));
  report("no stack", clone(runs, NULL, SIGCHLD, &value));
  report("no function", clone(NULL, top, SIGCHLD, &value));
}

/* Another signal than SIGCHLD: such children are waited for apart. */
static void endings(void) {
  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  must("sigaction", sigaction(SIGCHLD, &action, NULL));
  fflush(stdout);
  long child = must("clone3", clone3(0, NULL, NULL, NULL, SIGUSR1));
  if (child == 0) _exit(11);
  while (!caught) usleep(1000);
  printf("told by SIGUSR1 %d of %d\n", caught == SIGUSR1, (int)told_status);
  int status;
  report("no child for wait", waitpid(-1, &status, WNOHANG));
  report("nor by number", waitpid(child, &status, WNOHANG));
  printf("with __WCLONE %d", waitpid(-1, &status, __WCLONE) == child);
  printf(" status %d\n", WEXITSTATUS(status));
  caught = 0;
  child = must("clone3", clone3(0, NULL, NULL, NULL, 0));
  if (child == 0) _exit(12);
  printf("with __WALL %d", waitpid(child, &status, __WALL) == child);
  printf(" status %d, told %d\n", WEXITSTATUS(status), (int)caught);
  child = must("fork", fork());
  if (child == 0) _exit(13);
  report("an ordinary one", waitpid(child, &status, __WCLONE) == -1);
  must("waitpid", waitpid(child, &status, __WALL));
  printf("told by SIGCHLD %d of %d\n", caught == SIGCHLD, (int)told_status);
  signal(SIGCHLD, SIG_IGN);
  child = must("clone3", clone3(0, NULL, NULL, NULL, SIGUSR1));
  if (child == 0) _exit(14);
  usleep(20000);
  printf("it stays %d\n", waitpid(child, &status, __WALL) == child);
  signal(SIGCHLD, SIG_DFL);
  caught = 0;

  fflush(stdout);
  child = must("clone3", clone3(CLONE_CLEAR_SIGHAND, NULL, NULL, NULL, SIGCHLD));
  if (child == 0) {
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    int cleared = now.sa_handler == SIG_DFL;
    sigaction(SIGUSR2, NULL, &now);
    _exit(cleared * 2 + (now.sa_handler == SIG_IGN));
  }
  must("waitpid", waitpid(child, &status, 0));
  printf("cleared but for what is ignored %d\n", WEXITSTATUS(status));
}

static void mistakes(void) {
  int fd = -1;
  report("descriptor and number", syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0));
  report("nowhere", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (void *)(unsigned long)0xfffffff0u, 0, 0));
  report("a thread without its handlers", syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
  report("handlers without memory", syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
  report("clone3, signal 65", clone3(0, NULL, NULL, NULL, 65));
  report("clone3, a signal in the flags", clone3(SIGCHLD, NULL, NULL, NULL, 0));
  report("clone3, unknown", clone3(1ull << 50, NULL, NULL, NULL, 0));
  report("clone3, one place for both", clone3(CLONE_PIDFD | CLONE_PARENT_SETTID, &fd, &fd, NULL, SIGCHLD));
  static struct clone_args large[60];
  report("clone3, too short", syscall(SYS_clone3, large, 63));
  report("clone3, too long", syscall(SYS_clone3, large, 4097));
  large[2].flags = 1;
  report("clone3, of tomorrow", syscall(SYS_clone3, large, sizeof *large * 3));
  large[0].stack = 16;
  report("clone3, half a stack", syscall(SYS_clone3, large, sizeof *large));
  report("clone3, nowhere", syscall(SYS_clone3, (void *)(unsigned long)0xfffffff0u, sizeof *large));
  struct rlimit limit, few;
  must("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
  few = limit, few.rlim_cur = 3;
  must("setrlimit", setrlimit(RLIMIT_NOFILE, &few));
  report("no descriptor left", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0));
  report("so no child", waitpid(-1, NULL, __WALL));
  must("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
}

static void *other_thread(void *at) {
  *(volatile int *)at = (int)syscall(SYS_gettid);
  while (*(volatile int *)at != 0) usleep(1000);
  return NULL;
}

#define OF_THREAD O_EXCL

static void threads(void) {
  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  static int tid;
  pthread_t thread;
  must("pthread_create", pthread_create(&thread, NULL, other_thread, &tid));
  while (*(volatile int *)&tid == 0) usleep(1000);
  int fd = must("pidfd_open", syscall(SYS_pidfd_open, tid, OF_THREAD));
  printf("flags %d\n", (fcntl(fd, F_GETFL) & OF_THREAD) != 0);
  printf("runs %d\n", readiness(fd, 0));
  report("waits for no child", waitid(BY_DESCRIPTOR, fd, &(siginfo_t){0}, WEXITED));
  report("its files", syscall(SYS_pidfd_getfd, fd, 99, 0));
  caught = 0;
  report("signal", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
  for (int i = 0; i < 1000 && !caught; i++) usleep(1000);
  report("to the process", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 2));
  report("to both", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 3));
  report("to no group", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 4));
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_TKILL};
  report("forged", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
  int nobody = tid;
  tid = 0;
  printf("ended %d\n", (readiness(fd, 5000) & POLLIN) != 0);
  pthread_join(thread, NULL);
  report("to a thread that ended", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  report("opened once more", syscall(SYS_pidfd_open, nobody, OF_THREAD));
  close(fd);
  int self = must("pidfd_open", syscall(SYS_pidfd_open, getpid(), OF_THREAD));
  caught = 0;
  report("signal to oneself", syscall(SYS_pidfd_send_signal, self, SIGUSR1, NULL, 1));
  printf("caught %d, not ended %d\n", caught == SIGUSR1, readiness(self, 0));
  close(self);
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    setpgid(0, 0);
    for (;;) pause();
  }
  setpgid(child, child);
  fd = must("pidfd_open", syscall(SYS_pidfd_open, child, 0));
  report("to its group", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 4));
  int status;
  must("waitpid", waitpid(child, &status, 0));
  printf("by signal %d\n", WTERMSIG(status) == SIGTERM);
}

int main(void) {
  descriptors();
  functions();
  endings();
  mistakes();
  threads();
  return 0;
}
