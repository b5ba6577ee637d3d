/* FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: from waiting for a word to owning a futex, as a condition does it. */
#include "../report.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static uint32_t condition, mutex, other;
static volatile int waiting, entered, order[8];
static volatile sig_atomic_t caught;

static long futex(uint32_t *at, int op, uint32_t value, void *timeout, uint32_t *second, uint32_t value3) {
  return syscall(SYS_futex, at, op, value, timeout, second, value3);
}

static long wait_on(uint32_t value, struct timespec *timeout) {
  return futex(&condition, FUTEX_WAIT_REQUEUE_PI, value, timeout, &mutex, 0);
}

static long requeue(int wake, long move, uint32_t value) {
  return futex(&condition, FUTEX_CMP_REQUEUE_PI, wake, (void *)move, &mutex, value);
}

static void rest(int milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static struct timespec *soon(clockid_t clock, int milliseconds) {
  static struct timespec when;
  clock_gettime(clock, &when);
  when.tv_nsec += milliseconds * 1000000L;
  if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
  return &when;
}

static void lock(uint32_t *word) { must("lock", futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0)); }
static void unlock(uint32_t *word) { must("unlock", futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0)); }

static void *waits(void *number) {
  waiting++;
  long got = wait_on(0, NULL);
  if (got == 0) {
    int owns = (mutex & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
    order[entered++] = (int)(intptr_t)number * (owns ? 1 : -1);
    rest(5);
    unlock(&mutex);
  }
  return (void *)(intptr_t)(got == 0 ? 0 : errno == EAGAIN ? 1 : errno == ETIMEDOUT ? 2 : 3);
}

static void *waits_a_while(void *unused) {
  (void)unused;
  waiting++;
  long got = wait_on(0, soon(CLOCK_MONOTONIC, 400));
  return (void *)(intptr_t)(got == 0 ? 0 : errno == ETIMEDOUT ? 2 : 3);
}

static void *waits_plainly(void *unused) {
  (void)unused;
  waiting++;
  return (void *)(intptr_t)futex(&condition, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void *waits_for_another(void *unused) {
  (void)unused;
  waiting++;
  long got = futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &other, 0);
  if (got == 0) unlock(&other);
  return (void *)(intptr_t)got;
}

static pthread_t begin(void *(*body)(void *), int number) {
  pthread_t made;
  int before = waiting;
  must("pthread_create", pthread_create(&made, NULL, body, (void *)(intptr_t)number));
  while (waiting == before) rest(1);
  rest(20);
  return made;
}

static void joined(const char *what, pthread_t thread) {
  void *got;
  pthread_join(thread, &got);
  printf("%s: %ld\n", what, (long)(intptr_t)got);
}

static void mistakes(void) {
  report("another value", wait_on(1, NULL));
  report("one word", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &condition, 0));
  report("half a word", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (uint32_t *)((char *)&mutex + 2), 0));
  report("nowhere", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (uint32_t *)(unsigned long)0xfffffff0u, 0));
  report("no such time", wait_on(0, &(struct timespec){0, 1000000000}));
  report("in time", wait_on(0, soon(CLOCK_MONOTONIC, 30)));
  report("in time by the real clock", futex(&condition, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME, 30), &mutex, 0));
  report("nobody waits", requeue(1, 1, 0));
  report("waking two", requeue(2, 1, 0));
  report("waking none", requeue(0, 1, 0));
  report("moving less than none", requeue(1, -1, 0));
  report("not that value", requeue(1, 1, 7));
  report("requeue one word", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &condition, 0));
  printf("untouched %u %u\n", condition, mutex);
}

static void conditions(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) threads[i] = begin(waits, i + 1);
  report("a plain wake", futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0));
  report("a plain requeue", futex(&condition, FUTEX_REQUEUE, 0, (void *)1, &other, 0));
  report("to another futex", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &other, 0));
  lock(&mutex);
  printf("signal %ld\n", requeue(1, 0, 0));
  rest(20);
  printf("nobody entered %d\n", entered);
  unlock(&mutex);
  while (entered < 1) rest(1);
  rest(20);
  printf("broadcast %ld\n", requeue(1, 100, 0));
  for (int i = 0; i < 4; i++) joined("waited", threads[i]);
  for (int i = 0; i < 4; i++) printf("%d ", order[i]);
  printf("free %d\n", (mutex & FUTEX_TID_MASK) == 0);
  mutex = 0, entered = 0;

  pthread_t first = begin(waits_for_another, 0), second = begin(waits, 7);
  report("one that is for another", requeue(1, 1, 0));
  printf("moved %ld\n", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)0, &other, 0));
  printf("moved %ld\n", requeue(1, 1, 0));
  joined("waited", first), joined("waited", second);
  mutex = other = 0, entered = 0;

  first = begin(waits_plainly, 0);
  report("one that waits plainly", requeue(1, 1, 0));
  printf("woken %ld\n", futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0));
  joined("waited", first);

  lock(&mutex);
  first = begin(waits_a_while, 0);
  printf("moved %ld\n", requeue(1, 0, 0));
  joined("its time was over", first);
  printf("nobody waits %d\n", (mutex & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid));
  unlock(&mutex);
  mutex = 0;
}

static void catches(int signal) { caught = signal; }

static void signals(void) {
  struct sigaction action = {.sa_handler = catches};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  pthread_t thread = begin(waits, 1);
  pthread_kill(thread, SIGUSR1);
  rest(30);
  printf("caught %d, and it waits on\n", caught == SIGUSR1);
  caught = 0;
  lock(&mutex);
  printf("moved %ld\n", requeue(1, 0, 0));
  pthread_kill(thread, SIGUSR1);
  joined("moved and interrupted", thread);
  printf("caught %d\n", caught == SIGUSR1);
  unlock(&mutex);
  mutex = 0;
}

/* Words that two processes share. */
static void processes(void) {
  uint32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    words[2] = 1;
    long got = futex(&words[0], FUTEX_WAIT_REQUEUE_PI, 0, NULL, &words[1], 0);
    int owns = (words[1] & FUTEX_TID_MASK) == (uint32_t)getpid();
    _exit(got == 0 && owns && futex(&words[1], FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0 ? 5 : 6);
  }
  while (*(volatile uint32_t *)&words[2] == 0) rest(1);
  rest(20);
  lock(&words[1]);
  printf("moved %ld\n", futex(&words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)0, &words[1], 0));
  unlock(&words[1]);
  int status;
  must("waitpid", waitpid(child, &status, 0));
  printf("child %d, free %d\n", WEXITSTATUS(status), (words[1] & FUTEX_TID_MASK) == 0);
}

int main(void) {
  mistakes();
  conditions();
  signals();
  processes();
  return 0;
}
