/* Handlers of signals: which calls they end and which are made again, how they nest, block, jump away, and where they run. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static void catch(int signal) {
  (void)signal;
  caught += 1;
}

static void wait_ms(int ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signal, &action, NULL);
}

static int ends[2];
static sem_t *semaphore;

/* A child that interrupts its parent, and a moment later makes happen what it waits for. */
static pid_t disturb(void (*then)(void)) {
  pid_t parent = getpid(), child = fork();
  must("fork", child);
  if (child > 0) return child;
  wait_ms(25);
  kill(parent, SIGUSR1);
  wait_ms(40);
  if (then != NULL) then();
  _exit(5);
}

static void send_byte(void) {
  if (write(ends[1], "x", 1) < 0) _exit(9);
}
static void drain(void) {
  static char bytes[65536];
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  while (read(ends[0], bytes, sizeof bytes) > 0) {
  }
}
static void open_end(void) { wait_ms(open("fifo", O_WRONLY) * 0 + 30); }
static void post(void) { sem_post(semaphore); }

static char room[8];
static long do_read(void) { return read(ends[0], room, 8); }
static long do_readv(void) {
  struct iovec parts[2] = {{room, 1}, {room + 1, 1}};
  return readv(ends[0], parts, 2);
}
static long do_write(void) {
  static char bytes[70000];
  return write(ends[1], bytes, 1);
}
static long do_open(void) {
  int fd = open("fifo", O_RDONLY);
  if (fd >= 0) close(fd);
  return fd < 0 ? fd : 1;
}
static long do_wait(void) {
  int status;
  return waitpid(-1, &status, 0) > 0 ? WEXITSTATUS(status) : -1;
}
static long do_waitid(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED) == 0 ? info.si_status : -1;
}
static long do_sem(void) { return sem_wait(semaphore); }
static long do_sem_timed(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 5;
  return sem_timedwait(semaphore, &until);
}
static long do_pause(void) { return pause(); }
static long do_suspend(void) {
  sigset_t none;
  sigemptyset(&none);
  return sigsuspend(&none);
}
static long do_poll(void) { return poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 2000); }
static long do_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  return select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){2, 0});
}
static long do_sleep(void) { return nanosleep(&(struct timespec){2, 0}, NULL); }

static void try(const char *what, long (*call)(void), void (*then)(void), int full) {
  for (int restart = 0; restart <= 1; restart++) {
    must("pipe", pipe(ends));
    if (full) {
      static char bytes[65536];
      must("fill", write(ends[1], bytes, sizeof bytes));
    }
    handle(SIGUSR1, catch, restart ? SA_RESTART : 0);
    caught = 0;
    pid_t child = disturb(then);
    errno = 0;
    long outcome = call();
    printf("%s%s: %ld %s, handled %d\n", what, restart ? " again" : "", outcome, outcome < 0 ? errno_name(errno) : "-", caught);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
  }
}

static char order[64];
static void note(const char *what) { strcat(order, what); }
static void outer(int signal) {
  (void)signal;
  note("<");
  raise(SIGUSR2);
  note(">");
}
static void inner(int signal) {
  (void)signal;
  note("(");
  wait_ms(2);
  note(")");
}
static int depth;
static void again(int signal) {
  note("[");
  if (++depth < 3) raise(signal);
  note("]");
}

static void nesting(void) {
  handle(SIGUSR1, outer, 0);
  handle(SIGUSR2, inner, 0);
  raise(SIGUSR1);
  printf("nested %s\n", order);
  order[0] = 0;
  struct sigaction masked = {.sa_handler = outer};
  sigaddset(&masked.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &masked, NULL);
  raise(SIGUSR1);
  printf("masked %s\n", order);
  order[0] = 0;
  handle(SIGUSR1, again, SA_NODEFER);
  raise(SIGUSR1);
  printf("not deferred %s\n", order);
  order[0] = 0;
  depth = 0;
  handle(SIGUSR1, again, 0);
  raise(SIGUSR1);
  printf("deferred %s\n", order);
}

/* What stands beside a handler stays, also where there is none. Libc's own flag (SA_RESTORER) aside. */
static void tell(const char *what, int signal) {
  struct sigaction now;
  sigaction(signal, NULL, &now);
  printf("%s: %s, flags %#x, blocks", what, now.sa_handler == SIG_DFL ? "default" : now.sa_handler == SIG_IGN ? "ignored" : "handler",
         (unsigned)now.sa_flags & ~0x04000000u);
  for (int one = 1; one < 32; one++) {
    if (sigismember(&now.sa_mask, one)) printf(" %d", one);
  }
  printf("\n");
}

static void tell_inside(int signal) { tell("inside", signal); }

static void kept(void) {
  struct sigaction action = {.sa_handler = tell_inside, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_RESTART)};
  sigfillset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  tell("set", SIGUSR1);
  raise(SIGUSR1);
  tell("after it", SIGUSR1);
  pid_t child = fork();
  must("fork", child);
  if (child == 0) {
    tell("in a child", SIGUSR1);
    fflush(stdout);
    raise(SIGUSR1);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("the second ended it: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGHUP);
  for (int i = 0; i < 2; i++) {
    action.sa_handler = i == 0 ? SIG_IGN : SIG_DFL;
    sigaction(SIGUSR2, &action, NULL);
    tell("without a handler", SIGUSR2);
  }
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDWAIT;
  sigaction(SIGCHLD, &action, NULL);
  tell("of children", SIGCHLD);
  child = fork();
  must("fork", child);
  if (child == 0) _exit(0);
  report("a child that waits for nobody", waitpid(child, NULL, 0));
  handle(SIGCHLD, SIG_DFL, 0);
  tell("of children again", SIGCHLD);
}

static sigjmp_buf away;
static void leave(int signal) { siglongjmp(away, signal); }

static void leaving(void) {
  sigset_t mask;
  for (volatile int keeps = 0; keeps <= 1; keeps++) {
    must("pipe", pipe(ends));
    handle(SIGUSR1, leave, SA_RESTART);
    int came = sigsetjmp(away, keeps);
    if (came == 0) {
      disturb(NULL);
      printf("read %ld\n", (long)read(ends[0], room, 1));
    }
    sigprocmask(SIG_SETMASK, NULL, &mask);
    printf("left by %d, blocked %d\n", came, sigismember(&mask, SIGUSR1));
    sigemptyset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    int status;
    waitpid(-1, &status, 0);
    close(ends[0]);
    close(ends[1]);
  }
}

static char *stack_from;
static volatile int on_it, was_used;
static void where(int signal) {
  char here;
  stack_t seen;
  (void)signal;
  on_it = &here >= stack_from && &here < stack_from + 65536;
  sigaltstack(NULL, &seen);
  was_used = (seen.ss_flags & SS_ONSTACK) != 0;
}

static void own_stack(void) {
  stack_t stack = {.ss_size = 65536}, seen;
  must("sigaltstack", sigaltstack(NULL, &seen));
  printf("none at first %d\n", seen.ss_flags == SS_DISABLE);
  stack.ss_sp = stack_from = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must("sigaltstack", sigaltstack(&stack, NULL));
  must("sigaltstack", sigaltstack(NULL, &seen));
  printf("told %d %d\n", seen.ss_sp == stack.ss_sp && seen.ss_size == 65536, seen.ss_flags);
  handle(SIGUSR1, where, SA_ONSTACK);
  raise(SIGUSR1);
  printf("on it %d, in use %d\n", on_it, was_used);
  handle(SIGUSR1, where, 0);
  raise(SIGUSR1);
  printf("not on it %d, in use %d\n", on_it, was_used);
  stack.ss_size = 100;
  report("too small", sigaltstack(&stack, NULL));
  stack.ss_size = 65536;
  stack.ss_flags = 77;
  report("flags", sigaltstack(&stack, NULL));
  stack.ss_flags = SS_DISABLE;
  must("sigaltstack", sigaltstack(&stack, NULL));
  handle(SIGUSR1, where, SA_ONSTACK);
  raise(SIGUSR1);
  printf("disabled %d\n", on_it);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  must("mkfifo", mkfifo("fifo", 0600));
  semaphore = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(semaphore, 1, 0);
  try("read", do_read, send_byte, 0);
  try("readv", do_readv, send_byte, 0);
  try("write", do_write, drain, 1);
  try("open", do_open, open_end, 0);
  try("waitpid", do_wait, NULL, 0);
  try("waitid", do_waitid, NULL, 0);
  try("sem_wait", do_sem, post, 0);
  sem_init(semaphore, 1, 0);
  try("sem_timedwait", do_sem_timed, post, 0);
  try("pause", do_pause, NULL, 0);
  try("sigsuspend", do_suspend, NULL, 0);
  try("poll", do_poll, send_byte, 0);
  try("select", do_select, send_byte, 0);
  try("nanosleep", do_sleep, NULL, 0);
  nesting();
  kept();
  leaving();
  own_stack();
  return 0;
}
