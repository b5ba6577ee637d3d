/* Times single calls: the same source runs natively and inside Linden. Usage: calls DIRECTORY [ROUNDS].
   Prints one line a call: its name and the median nanoseconds of five batches. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static char path[512];
static char buffer[65536];
static int file = -1;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void clock_once(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
}
#ifndef __wasi__
/* glibc remembers getpid, but not this. */
static void getppid_once(void) { getppid(); }
#endif
static void pread_1(void) { if (pread(file, buffer, 1, 7) != 1) die("pread"); }
static void pread_4k(void) { if (pread(file, buffer, 4096, 0) != 4096) die("pread"); }
static void pwrite_1(void) { if (pwrite(file, buffer, 1, 7) != 1) die("pwrite"); }
static void pwrite_4k(void) { if (pwrite(file, buffer, 4096, 0) != 4096) die("pwrite"); }
static void open_close(void) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) die("open");
  close(fd);
}
static void stat_path(void) {
  struct stat s;
  if (stat(path, &s) != 0) die("stat");
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void bench(const char *name, void (*once)(void), long rounds) {
  double batch[5];
  for (long i = 0; i < rounds / 10; i++) once();
  for (int b = 0; b < 5; b++) {
    double start = now_ns();
    for (long i = 0; i < rounds; i++) once();
    batch[b] = (now_ns() - start) / (double)rounds;
  }
  qsort(batch, 5, sizeof batch[0], by_value);
  printf("%s %.1f\n", name, batch[2]);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: calls DIRECTORY [ROUNDS]\n");
    return 2;
  }
  long rounds = argc > 2 ? atol(argv[2]) : 100000;
  snprintf(path, sizeof path, "%s/calls.dat", argv[1]);
  file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0) die(path);
  memset(buffer, 'x', sizeof buffer);
  if (write(file, buffer, sizeof buffer) != sizeof buffer) die("write");

  bench("clock_gettime", clock_once, rounds);
#ifndef __wasi__
  bench("getppid", getppid_once, rounds);
#endif
  bench("pread-1", pread_1, rounds);
  bench("pread-4k", pread_4k, rounds);
  bench("pwrite-1", pwrite_1, rounds);
  bench("pwrite-4k", pwrite_4k, rounds);
  bench("open-close", open_close, rounds / 4);
  bench("stat", stat_path, rounds / 2);
  close(file);
  unlink(path);
  return 0;
}
