/* Descriptors of processes: pidfd_open, pidfd_send_signal, pidfd_getfd, waitid(P_PIDFD); and signals that tell something. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif
#define BY_DESCRIPTOR 3

static volatile sig_atomic_t caught, code, value, sender;

static void informed(int signal, siginfo_t *info, void *context) {
  (void)context;
  caught = signal, code = info->si_code, value = info->si_value.sival_int, sender = info->si_pid;
}

static int open_process(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static long send_signal(int fd, int signal, siginfo_t *info) { return syscall(SYS_pidfd_send_signal, fd, signal, info, 0); }

static int readiness(int fd, int milliseconds) {
  struct pollfd one = {fd, POLLIN, 0};
  int ready = poll(&one, 1, milliseconds);
  return ready == 1 ? one.revents : ready;
}

/* A child that says it is there and then waits for a signal. */
static pid_t child_that_waits(void) {
  int ends[2];
  char byte;
  must("pipe", pipe(ends));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    must("write", write(ends[1], "x", 1));
    for (;;) pause();
  }
  must("read", read(ends[0], &byte, 1));
  close(ends[0]);
  close(ends[1]);
  return child;
}

static void *other_thread(void *at) {
  *(int *)at = (int)syscall(SYS_gettid);
  while (*(volatile int *)at != 0) usleep(1000);
  return NULL;
}

static void descriptors(void) {
  report("no process", open_process(0, 0));
  report("a negative one", open_process(-1, 0));
  report("nobody", open_process(0x3ffffff0, 0));
  report("flags", open_process(getpid(), 1));
  int self = must("pidfd_open", open_process(getpid(), 0));
  printf("closed by execve %d\n", fcntl(self, F_GETFD) == FD_CLOEXEC);
  printf("flags %d\n", (fcntl(self, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDWR);
  char byte;
  report("read", read(self, &byte, 1));
  report("write", write(self, "x", 1));
  report("seek", lseek(self, 0, SEEK_SET));
  printf("not ended %d\n", readiness(self, 0));
  report("signal 0", send_signal(self, 0, NULL));
  report("no such signal", send_signal(self, 99, NULL));
  report("not a process", send_signal(0, 0, NULL));
  report("closed", send_signal(99, 0, NULL));
  report("signal flags", syscall(SYS_pidfd_send_signal, self, 0, NULL, 16));
  report("nowhere", send_signal(self, SIGUSR1, (siginfo_t *)(unsigned long)0xfffffff0u));
  must("pidfd_send_signal", send_signal(self, SIGUSR1, NULL));
  printf("caught %d %d %d\n", caught == SIGUSR1, code == SI_USER, sender == getpid());
  siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};
  info.si_value.sival_int = 41;
  report("another's signal", send_signal(self, SIGUSR1, &info));
  must("pidfd_send_signal", send_signal(self, SIGUSR2, &info));
  printf("caught %d %d %d\n", caught == SIGUSR2, code == SI_QUEUE, (int)value);
  info.si_code = SI_USER;
  report("as if by kill, to oneself", send_signal(self, SIGUSR2, &info));
  close(self);
}

static void children(void) {
  pid_t child = child_that_waits();
  int fd = must("pidfd_open", open_process(child, 0));
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
  report("as if by kill", send_signal(fd, SIGUSR1, &info));
  report("not yet", waitid(BY_DESCRIPTOR, fd, &info, WEXITED | WNOHANG));
  int list = must("epoll_create", epoll_create1(0));
  struct epoll_event event = {EPOLLIN, {.fd = 7}};
  must("epoll_ctl", epoll_ctl(list, EPOLL_CTL_ADD, fd, &event));
  printf("alive %d %d\n", readiness(fd, 20), epoll_wait(list, &event, 1, 0));
  must("pidfd_send_signal", send_signal(fd, SIGTERM, NULL));
  printf("ended %d\n", readiness(fd, 5000) == POLLIN);
  printf("told %d", epoll_wait(list, &event, 1, 1000));
  printf(" %d\n", event.data.fd);
  report("to a zombie", send_signal(fd, SIGTERM, NULL));
  report("a zombie's descriptor", syscall(SYS_pidfd_getfd, fd, 0, 0));
  int again = open_process(child, 0);
  report("left to be waited for", waitid(BY_DESCRIPTOR, again, &info, WEXITED | WNOWAIT));
  close(again);
  report("waitid", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  printf("child %d code %d status %d\n", info.si_pid == child, info.si_code == CLD_KILLED, info.si_status);
  printf("gone %d\n", (readiness(fd, 0) & POLLIN) != 0);
  report("to nobody", send_signal(fd, SIGTERM, NULL));
  report("nobody's descriptor", syscall(SYS_pidfd_getfd, fd, 0, 0));
  report("no child any more", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  report("open nobody", open_process(child, 0));
  close(fd);
  report("not open", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  report("negative", waitid(BY_DESCRIPTOR, -1, &info, WEXITED));
  report("no process", waitid(BY_DESCRIPTOR, 0, &info, WEXITED));
  int self = must("pidfd_open", open_process(getpid(), 0));
  report("no child", waitid(BY_DESCRIPTOR, self, &info, WEXITED));

  fflush(stdout);
  child = must("fork", fork());
  if (child == 0) {
    usleep(30000);
    _exit(7);
  }
  fd = must("pidfd_open", open_process(child, O_NONBLOCK));
  report("without waiting", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  fcntl(fd, F_SETFL, 0);
  report("waiting", waitid(BY_DESCRIPTOR, fd, &info, WEXITED));
  printf("status %d\n", info.si_status);
}

static void another_ones_files(void) {
  int ends[2], others[2];
  must("pipe", pipe(ends));
  must("pipe", pipe(others));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    int mine = must("open", open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    must("dup2", dup2(ends[1], 50));
    must("write", write(others[1], &mine, sizeof mine));
    for (;;) pause();
  }
  int theirs;
  must("read", read(others[0], &theirs, sizeof theirs));
  int fd = must("pidfd_open", open_process(child, 0));
  report("flags", syscall(SYS_pidfd_getfd, fd, 0, 1));
  report("not open there", syscall(SYS_pidfd_getfd, fd, 999, 0));
  report("negative", syscall(SYS_pidfd_getfd, fd, -1, 0));
  report("of no process", syscall(SYS_pidfd_getfd, 0, 0, 0));
  int taken = (int)syscall(SYS_pidfd_getfd, fd, 50, 0);
  report_open("taken", taken);
  printf("closed by execve %d\n", fcntl(taken, F_GETFD) == FD_CLOEXEC);
  must("kill", kill(child, SIGKILL));
  waitpid(child, NULL, 0);
  close(ends[1]);
  must("write", write(taken, "y", 1));
  char byte = 0;
  must("read", read(ends[0], &byte, 1));
  printf("through it %c\n", byte);
  close(taken);
  printf("end %d\n", (int)read(ends[0], &byte, 1));
  if (geteuid() == 0) {
    child = child_that_waits();
    int superuser = must("pidfd_open", open_process(child, 0));
    fflush(stdout);
    pid_t second = must("fork", fork());
    if (second == 0) {
      if (setgid(1234) != 0 || setuid(1234) != 0) _exit(9);
      report("not one's own", syscall(SYS_pidfd_getfd, superuser, 0, 0));
      report("not to signal either", send_signal(superuser, SIGTERM, NULL));
      fflush(stdout);
      _exit(0);
    }
    waitpid(second, NULL, 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  } else {
    printf("not one's own: -1 EPERM\nnot to signal either: -1 EPERM\n");
  }
}

static void queued(void) {
  pid_t child = child_that_waits();
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  info.si_pid = 4242, info.si_value.sival_int = 5;
  must("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, &info));
  printf("told %d %d %d\n", caught == SIGUSR2, (int)sender, (int)value);
  report("nobody", syscall(SYS_rt_sigqueueinfo, 0x3ffffff0, SIGUSR1, &info));
  report("no such signal", syscall(SYS_rt_sigqueueinfo, getpid(), 99, &info));
  report("nowhere", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, (void *)(unsigned long)0xfffffff0u));
  info.si_code = SI_TKILL;
  report("forged", syscall(SYS_rt_sigqueueinfo, child, 0, &info));
  report("forged, to nobody", syscall(SYS_rt_sigqueueinfo, 0x3ffffff0, 0, &info));
  report("forged, to oneself", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  static int tid;
  pthread_t thread;
  must("pthread_create", pthread_create(&thread, NULL, other_thread, &tid));
  while (*(volatile int *)&tid == 0) usleep(1000);
  int number = tid;
  report("forged, to a thread", syscall(SYS_rt_tgsigqueueinfo, getpid(), number, SIGUSR1, &info));
  info.si_code = SI_QUEUE, info.si_value.sival_int = 6;
  must("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, getpid(), number, SIGUSR1, &info));
  for (int i = 0; i < 1000 && value != 6; i++) usleep(1000);
  printf("told %d\n", (int)value);
  report("another's thread", syscall(SYS_rt_tgsigqueueinfo, child, number, SIGUSR1, &info));
  report("no group", syscall(SYS_rt_tgsigqueueinfo, 0, number, SIGUSR1, &info));
  report("no thread", syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGUSR1, &info));
  report("no such signal", syscall(SYS_rt_tgsigqueueinfo, getpid(), number, 65, &info));
  report("only asked", syscall(SYS_rt_tgsigqueueinfo, getpid(), number, 0, &info));
  tid = 0;
  pthread_join(thread, NULL);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  report("ended", syscall(SYS_rt_tgsigqueueinfo, getpid(), number, 0, &info));
}

int main(void) {
  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  must("sigaction", sigaction(SIGUSR2, &action, NULL));
  descriptors();
  children();
  another_ones_files();
  queued();
  return 0;
}
