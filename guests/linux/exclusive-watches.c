/* EPOLLEXCLUSIVE: of several lists that watch one file, what happens to it wakes one that somebody waits for; a hang-up all. */
#include "../report.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define WAITERS 3

static atomic_int *woken;
static int told[2];

static int watch(int epoll, int fd, unsigned events) {
  struct epoll_event event = {.events = events};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void until_asleep(pid_t child) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/stat", child);
  for (;;) {
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) must("read the state", -1);
    fclose(file);
    if (strrchr(line, ')')[2] == 'S') return;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
}

static void wait_and_tell(int fd, unsigned events) {
  int epoll = must("epoll_create1", epoll_create1(0));
  struct epoll_event event;
  must("watch", watch(epoll, fd, EPOLLIN | EPOLLEXCLUSIVE | events));
  must("ready", write(told[1], "r", 1));
  int count = epoll_wait(epoll, &event, 1, 15000);
  if (count == 1) atomic_fetch_add(woken, 1);
  must("tell", write(told[1], event.events & EPOLLHUP ? "h" : "w", 1));
  _exit(count != 1);
}

static char hear(void) {
  char word = 0;
  must("hear", read(told[0], &word, 1));
  return word;
}

static void start(pid_t *children, int fd, int other, unsigned events) {
  atomic_store(woken, 0);
  for (int i = 0; i < WAITERS; i++) {
    children[i] = must("fork", fork());
    if (children[i] == 0) {
      close(other);
      wait_and_tell(fd, events);
    }
    hear();
  }
  for (int i = 0; i < WAITERS; i++) until_asleep(children[i]);
}

static void finish(void) {
  int status, sum = 0;
  while (wait(&status) > 0) sum += status;
  printf("their ends: %d\n", sum);
}

static void of_pipe(const char *what, unsigned events) {
  int ends[2];
  char byte;
  pid_t children[WAITERS];
  must("pipe", pipe(ends));
  start(children, ends[0], ends[1], events);
  for (int i = 0; i < WAITERS - 1; i++) {
    must("write", write(ends[1], "x", 1));
    char word = hear();
    printf("%s: %c, woken %d\n", what, word, atomic_load(woken));
    must("read", read(ends[0], &byte, 1));
  }
  close(ends[1]);
  printf("%s: %c", what, hear());
  printf(", woken %d\n", atomic_load(woken));
  finish();
  close(ends[0]);
}

static void of_counter(void) {
  int counter = must("eventfd", eventfd(0, 0));
  uint64_t one = 1;
  pid_t children[WAITERS];
  start(children, counter, -1, 0);
  for (int i = 0; i < WAITERS; i++) {
    must("write", write(counter, &one, sizeof one));
    char word = hear();
    printf("a counter: %c, woken %d\n", word, atomic_load(woken));
    must("read", read(counter, &one, sizeof one));
    one = 1;
  }
  finish();
  close(counter);
}

static void hung_up(void) {
  int ends[2];
  pid_t children[WAITERS];
  must("pipe", pipe(ends));
  start(children, ends[0], ends[1], 0);
  close(ends[1]);
  for (int i = 0; i < WAITERS; i++) printf("hung up: %c\n", hear());
  finish();
  close(ends[0]);
}

/* Where nobody waits, each list learns of it; and what stands beside the flag. */
static void alone(void) {
  int ends[2], lists[2];
  struct epoll_event event;
  must("pipe", pipe(ends));
  for (int i = 0; i < 2; i++) {
    lists[i] = must("epoll_create1", epoll_create1(0));
    must("watch", watch(lists[i], ends[0], EPOLLIN | EPOLLEXCLUSIVE));
    report("nothing", epoll_wait(lists[i], &event, 1, 0));
  }
  must("write", write(ends[1], "x", 1));
  for (int i = 0; i < 2; i++) report("both", epoll_wait(lists[i], &event, 1, 0));
  static const unsigned beside[] = {EPOLLONESHOT, EPOLLPRI, EPOLLRDHUP, EPOLLET, EPOLLOUT | EPOLLERR | EPOLLHUP};
  int other = must("epoll_create1", epoll_create1(0));
  for (unsigned i = 0; i < sizeof beside / sizeof *beside; i++) {
    int copy = must("dup", dup(ends[0]));
    report("beside", watch(other, copy, EPOLLEXCLUSIVE | beside[i]));
    close(copy);
  }
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  report("changed", epoll_ctl(lists[0], EPOLL_CTL_MOD, ends[0], &event));
  event.events = EPOLLIN;
  report("changed to ordinary", epoll_ctl(lists[0], EPOLL_CTL_MOD, ends[0], &event));
  report("a list", watch(other, lists[0], EPOLLIN | EPOLLEXCLUSIVE));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  woken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must("pipe", pipe(told));
  of_pipe("edges", EPOLLET);
  of_pipe("levels", 0);
  of_counter();
  hung_up();
  alone();
  return 0;
}
