/* A program that misuses processes in the way its first argument names. Whatever it gets, it gets alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *name_of(int number) {
  switch (number) {
    case E2BIG: return "E2BIG";
    case EACCES: return "EACCES";
    case EFAULT: return "EFAULT";
    case ELOOP: return "ELOOP";
    case ENOENT: return "ENOENT";
    case ENOEXEC: return "ENOEXEC";
    default: return strerror(number);
  }
}

static int reap(void) {
  int count = 0;
  while (waitpid(-1, NULL, 0) > 0) count += 1;
  return count;
}

/* Everything above the heap, where the stack goes while it forks. */
static void scribble(uint32_t from, uint32_t step, uint32_t value) {
  uint32_t end = __builtin_wasm_memory_size(0) * 65536u;
  for (uint32_t at = from; at + 4 <= end; at += step) *(volatile uint32_t *)(uintptr_t)at = value;
}

static int scribbles(int word) {
  pid_t child = fork();
  if (child == 0) {
    uint32_t buffer = __builtin_wasm_memory_size(0) * 65536u - 262144u;
    static const uint32_t values[] = {0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 65536};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
      if (word < 0) scribble(buffer, 4, values[i]);
      else *(volatile uint32_t *)(uintptr_t)(buffer + 4 * word) = values[i];
      if (fork() == 0) _exit(0);
    }
    reap();
    _exit(0);
  }
  return reap();
}

static volatile int handled;
static void fork_here(int signal) {
  (void)signal;
  if (handled++ < 20 && fork() == 0) _exit(0);
}

static int forking_handlers(void) {
  struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_NODEFER | SA_RESTART};
  sigaction(SIGCHLD, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often, NULL);
  if (fork() == 0) _exit(0);
  for (int i = 0; i < 50; i++) {
    usleep(2000);
    for (volatile int busy = 0; busy < 20000; busy += 1) {
    }
  }
  setitimer(ITIMER_REAL, &never, NULL);
  reap();
  return handled > 0;
}

static void *execs(void *path) {
  char *argv[] = {path, NULL};
  for (int i = 0; i < 20; i++) execv(path, argv);
  return NULL;
}

static void *forks(void *unused) {
  for (int i = 0; i < 20; i++) {
    if (fork() == 0) _exit(0);
  }
  return unused;
}

static int exec_during_fork(void) {
  pthread_t threads[3];
  pthread_create(&threads[0], NULL, forks, NULL);
  pthread_create(&threads[1], NULL, execs, "/tmp/none");
  pthread_create(&threads[2], NULL, forks, NULL);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  return reap() > 0;
}

static void put(const char *path, const void *bytes, size_t length) {
  int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);
  if (fd < 0 || write(fd, bytes, length) != (ssize_t)length) exit(90);
  close(fd);
}

static void try_exec(const char *what, const char *path) {
  char *argv[] = {(char *)path, NULL};
  errno = 0;
  execv(path, argv);
  int executed = errno;
  pid_t child;
  int spawned = posix_spawn(&child, path, NULL, NULL, argv, environ);
  printf("%s: %s, %s\n", what, name_of(executed), name_of(spawned));
}

static int no_programs(void) {
  static const unsigned char header[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  static const unsigned char component[] = {0, 'a', 's', 'm', 13, 0, 1, 0};
  static const unsigned char behind[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 99, 1, 1};
  static const unsigned char cut[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 0x7f};
  /* (import "a" "b" (func)) */
  static const unsigned char importing[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 'a', 1, 'b', 0, 0};
  put("/tmp/empty", "", 0);
  put("/tmp/text", "hello\n", 6);
  put("/tmp/elf", "\177ELF\2\1\1", 7);
  put("/tmp/header", header, sizeof header);
  put("/tmp/component", component, sizeof component);
  put("/tmp/behind", behind, sizeof behind);
  put("/tmp/cut", cut, sizeof cut);
  put("/tmp/importing", importing, sizeof importing);
  put("/tmp/nobody", "#!/tmp/missing\n", 15);
  put("/tmp/circle", "#!/tmp/circle\n", 14);
  put("/tmp/nothing", "#!\n", 3);
  put("/tmp/plain", header, sizeof header);
  chmod("/tmp/plain", 0644);
  static const char *const names[] = {"empty", "text", "elf", "header", "component", "behind", "cut", "importing", "nobody", "circle", "nothing", "plain", "absent"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    char path[32];
    snprintf(path, sizeof path, "/tmp/%s", names[i]);
    try_exec(names[i], path);
  }
  try_exec("a directory", "/tmp");
  try_exec("a device", "/dev/null");
  return 0;
}

static void bomb(const char *what, char **argv, char **envp) {
  errno = 0;
  execve("/tmp/none", argv, envp);
  int executed = errno;
  pid_t child;
  printf("%s: %s, %s\n", what, name_of(executed), name_of(posix_spawn(&child, "/tmp/none", NULL, NULL, argv, envp)));
}

static int argument_bombs(void) {
  char *none[] = {NULL}, *one[] = {"a", NULL};
  size_t big = 1 << 20, many = 1 << 20;
  char *text = malloc(big), **list = malloc((many + 1) * sizeof *list);
  memset(text, 'x', big - 1);
  text[big - 1] = 0;
  for (size_t i = 0; i < many; i++) list[i] = text;
  list[many] = NULL;
  bomb("a million million bytes", list, none);
  bomb("of environment", one, list);
  for (size_t i = 0; i < many; i++) list[i] = "";
  bomb("a million nothings", list, none);
  char **last = (char **)(uintptr_t)(__builtin_wasm_memory_size(0) * 65536u - 4);
  char *kept = *last;
  *last = "a";
  bomb("a list without an end", last, none);
  *last = kept;
  char *end = (char *)(uintptr_t)(__builtin_wasm_memory_size(0) * 65536u - 1), before = *end;
  *end = 'x';
  char *endless[] = {end, NULL};
  bomb("a text without an end", endless, none);
  *end = before;
  char *wild[] = {(char *)0xfffffff0u, NULL};
  bomb("a wild text", wild, none);
  bomb("a wild list", (char **)0xfffffff0u, none);
  bomb("nothing wrong", one, none);
  return 0;
}

static int fork_bomb(void) {
  for (;;) fork();
}

static sigjmp_buf away;
static void leave(int signal) { siglongjmp(away, signal); }

/* Leaves handlers by jumps, between which it forks and computes. */
static int jumps(void) {
  struct sigaction action = {.sa_handler = leave};
  sigaction(SIGALRM, &action, NULL);
  volatile int times = 0;
  struct itimerval soon = {{0, 0}, {0, 2000}};
  if (sigsetjmp(away, 1) != 0) times += 1;
  if (times < 30) {
    setitimer(ITIMER_REAL, &soon, NULL);
    if (times % 3 == 0 && fork() == 0) _exit(0);
    for (;;) {
      if (times % 2 == 0) pause();
    }
  }
  reap();
  return times;
}

/* Many children one after the other, each of which fills much memory. None is waited for before all have ended. */
static int heavy_children(void) {
  enum { CHILDREN = 30, BYTES = 64 << 20 };
  for (int i = 0; i < CHILDREN; i++) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    if (fork() == 0) {
      volatile char *all = malloc(BYTES);
      if (all == NULL) _exit(1);
      for (size_t at = 0; at < BYTES; at += 4096) all[at] = 1;
      _exit(0);
    }
    close(ends[1]);
    char byte;
    read(ends[0], &byte, 1);
    close(ends[0]);
  }
  int well = 0, status;
  while (wait(&status) > 0) well += status == 0;
  return well;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  int word = argc > 2 ? atoi(argv[2]) : -1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(how, "scribble") == 0) printf("%d\n", scribbles(word) > 0);
  else if (strcmp(how, "handlers") == 0) printf("%d\n", forking_handlers());
  else if (strcmp(how, "exec during fork") == 0) printf("%d\n", exec_during_fork());
  else if (strcmp(how, "no programs") == 0) no_programs();
  else if (strcmp(how, "arguments") == 0) argument_bombs();
  else if (strcmp(how, "fork bomb") == 0) fork_bomb();
  else if (strcmp(how, "jumps") == 0) printf("%d\n", jumps());
  else if (strcmp(how, "heavy children") == 0) printf("%d\n", heavy_children());
  else return 99;
  return 0;
}
