/* Times what takes more than one process or thread: the same source runs natively and inside Linden.
   Usage: processes ROW ROUNDS [PROGRAM]. Prints the row's name and the median nanoseconds a round of five batches.
   PROGRAM is what the rows of exec and spawn start: one that ends at once. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 5

extern char **environ;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static char *program;
static char *arguments[] = {"nothing", NULL};

static void reap(pid_t child) {
  int status;
  if (child < 0) die("child");
  if (waitpid(child, &status, 0) != child || status != 0) die("wait");
}

static void fork_once(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  reap(child);
}

static void fork_exec_once(void) {
  pid_t child = fork();
  if (child == 0) {
    execv(program, arguments);
    _exit(1);
  }
  reap(child);
}

static void spawn_once(void) {
  pid_t child = -1;
  if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0) die("posix_spawn");
  reap(child);
}

static volatile sig_atomic_t caught;

static void count(int signal) {
  (void)signal;
  caught++;
}

static void signal_once(void) {
  sig_atomic_t before = caught;
  raise(SIGUSR1);
  if (caught != before + 1) die("signal");
}

/* A byte to a child and back, over two pipes. */
static int there[2], back[2];

static void pipe_once(void) {
  char byte = 'x';
  if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) die("pipe");
}

static pid_t echo(void) {
  if (pipe(there) != 0 || pipe(back) != 0) die("pipe");
  pid_t child = fork();
  if (child != 0) return child;
  char byte;
  close(there[1]);
  while (read(there[0], &byte, 1) == 1) {
    if (write(back[1], &byte, 1) != 1) _exit(1);
  }
  _exit(0);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void bench(const char *name, void (*once)(void), long rounds) {
  double batch[BATCHES];
  for (long i = 0; i < rounds / 5; i++) once();
  for (int b = 0; b < BATCHES; b++) {
    double start = now_ns();
    for (long i = 0; i < rounds; i++) once();
    batch[b] = (now_ns() - start) / (double)rounds;
  }
  qsort(batch, BATCHES, sizeof batch[0], by_value);
  printf("%s %.1f\n", name, batch[BATCHES / 2]);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: processes ROW ROUNDS [PROGRAM]\n");
    return 2;
  }
  const char *row = argv[1];
  long rounds = atol(argv[2]);
  program = argc > 3 ? argv[3] : NULL;
  if (strncmp(row, "fork-", 5) == 0 && row[5] >= '0' && row[5] <= '9') {
    /* So many MB beside what the program has anyway, none of it zero. */
    size_t bytes = (size_t)atol(row + 5) << 20;
    char *ballast = malloc(bytes);
    if (ballast == NULL) die("malloc");
    memset(ballast, 'x', bytes);
    bench(row, fork_once, rounds);
    return ballast[bytes - 1] == 'x' ? 0 : 1;
  }
  if (strcmp(row, "fork-exec") == 0) bench(row, fork_exec_once, rounds);
  else if (strcmp(row, "spawn") == 0) bench(row, spawn_once, rounds);
  else if (strcmp(row, "signal") == 0) {
    signal(SIGUSR1, count);
    bench(row, signal_once, rounds);
  } else if (strcmp(row, "pipe") == 0) {
    pid_t child = echo();
    bench(row, pipe_once, rounds);
    close(there[1]);
    reap(child);
  } else {
    fprintf(stderr, "processes: no row %s\n", row);
    return 2;
  }
  return 0;
}
