/* Futexes with an owner (FUTEX_LOCK_PI), mutexes made of them, futex_waitv and FUTEX_WAKE_OP. */
#include "../report.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* linux/futex.h of older kernels has neither. */
#define LOCK_PI2 13
#define SIZE_U32 2
struct word_to_wait_for { uint64_t val, uaddr; uint32_t flags, reserved; };
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static uint32_t word, other, third;
static volatile int stage;

static long futex(uint32_t *at, int op, uint32_t value, void *timeout, uint32_t *second, uint32_t value3) {
  return syscall(SYS_futex, at, op, value, timeout, second, value3);
}

static void rest(int milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static struct timespec *soon(clockid_t clock) {
  static struct timespec when;
  clock_gettime(clock, &when);
  when.tv_nsec += 20000000;
  if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
  return &when;
}

/* What the word says, without the numbers. */
static void show(const char *what, uint32_t value, pid_t holder) {
  printf("%s: %s%s%s\n", what, (value & FUTEX_TID_MASK) == 0 ? "nobody's" : (value & FUTEX_TID_MASK) == (uint32_t)holder ? "ours" : "another's",
    value & FUTEX_WAITERS ? ", awaited" : "", value & FUTEX_OWNER_DIED ? ", orphaned" : "");
}

static void *holds(void *unused) {
  (void)unused;
  report("the thread locks", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  stage = 1;
  while (stage == 1) rest(1);
  return (void *)(intptr_t)futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void *dies(void *unused) {
  (void)unused;
  report("the thread locks", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  stage = 1;
  while (stage == 1) rest(1);
  rest(20);
  return NULL;
}

static void *crosses(void *unused) {
  (void)unused;
  report("the thread locks the other", futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  stage = 1;
  long got = futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return (void *)(intptr_t)got;
}

static void *queues(void *unused) {
  must("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  must("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  return unused;
}

static void *waits(void *unused) {
  (void)unused;
  stage = 1;
  return (void *)(intptr_t)futex(&third, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void *waits_for_any(void *given) {
  struct word_to_wait_for words[3] = {
    {1, (uintptr_t)&word, SIZE_U32 | FUTEX_PRIVATE_FLAG, 0},
    {2, (uintptr_t)&other, SIZE_U32 | FUTEX_PRIVATE_FLAG, 0},
    {3, (uintptr_t)&third, SIZE_U32, 0},
  };
  (void)given;
  stage = 1;
  return (void *)(intptr_t)syscall(SYS_futex_waitv, words, 3, 0, NULL, CLOCK_MONOTONIC);
}

static void *locks_and_leaves(void *mutex) {
  must("lock", pthread_mutex_lock(mutex));
  return NULL;
}

static pthread_t begin(void *(*body)(void *), void *with) {
  pthread_t made;
  stage = 0;
  must("pthread_create", pthread_create(&made, NULL, body, with));
  return made;
}

/* What a thread got in the end: it does not say so itself, because who speaks first is nobody's promise. */
static void joined(const char *what, pthread_t thread) {
  void *got;
  pthread_join(thread, &got);
  printf("%s: %ld\n", what, (long)(intptr_t)got);
}

static void until(int wanted) {
  while (stage != wanted) rest(1);
}

static void owners(void) {
  pid_t self = (pid_t)syscall(SYS_gettid);
  report("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  show("locked", word, self);
  report("lock again", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  report("try again", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  report("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  show("unlocked", word, self);
  report("unlock again", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));

  pthread_t thread = begin(holds, NULL);
  until(1);
  report("try", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  show("held", word, self);
  report("lock with a deadline", futex(&word, FUTEX_LOCK_PI, 0, soon(CLOCK_REALTIME), NULL, 0));
  report("lock with a monotonic one", futex(&word, LOCK_PI2, 0, soon(CLOCK_MONOTONIC), NULL, 0));
  report("lock by the real clock", futex(&word, LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME), NULL, 0));
  report("no such clock", futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, soon(CLOCK_REALTIME), NULL, 0));
  report("no such time", futex(&word, FUTEX_LOCK_PI, 0, &(struct timespec){0, 1000000000}, NULL, 0));
  report("another's is not ours", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  stage = 2;
  report("lock what is handed on", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  show("handed on", word & FUTEX_TID_MASK, self);
  joined("the thread unlocks", thread);
  must("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  show("unlocked", word, self);

  thread = begin(dies, NULL);
  until(1);
  stage = 2;
  report("lock of one that dies", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  show("its lock", word, self);
  pthread_join(thread, NULL);
  must("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));

  must("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  thread = begin(crosses, NULL);
  until(1);
  rest(20);
  report("a circle", futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  must("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  joined("the thread locks ours", thread);
}

static void hostile(void) {
  pid_t self = (pid_t)syscall(SYS_gettid);
  word = 0x3ffffff0;
  report("nobody's number", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  printf("marked %d\n", (word & FUTEX_WAITERS) != 0);
  word = FUTEX_OWNER_DIED;
  report("an orphan", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  show("taken", word, self);
  word = 0;
  report("between words", futex((uint32_t *)((char *)&word + 1), FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  report("nowhere", futex((uint32_t *)(uintptr_t)0xfffffffcu, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  report("unlock nowhere", futex((uint32_t *)(uintptr_t)0xfffffffcu, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  pthread_t thread = begin(waits, NULL);
  until(1);
  rest(20);
  report("what is waited for otherwise", futex(&third, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  third = 0x3ffffff0;
  report("also of nobody", futex(&third, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  third = (uint32_t)self;
  report("unlocked otherwise", futex(&third, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  third = 0;
  printf("woken %ld\n", futex(&third, FUTEX_WAKE, 0, NULL, NULL, 0));
  joined("the wait", thread);

  thread = begin(holds, NULL);
  until(1);
  pthread_t second;
  uint32_t true_word = word;
  must("pthread_create", pthread_create(&second, NULL, queues, NULL));
  rest(30);
  report("wake who waits to own", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
  report("move who waits to own", futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0));
  word = (uint32_t)self;
  report("a forged owner", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  word = 0x3ffffff0;
  report("a forged stranger", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  word = true_word | FUTEX_WAITERS;
  stage = 2;
  joined("the thread unlocks", thread);
  pthread_join(second, NULL);
  show("in the end", word, self);
}

static void mutexes(void) {
  static pthread_mutex_t mutex;
  pthread_mutexattr_t attributes;
  must("mutexattr_init", pthread_mutexattr_init(&attributes));
  printf("protocol %d\n", pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  must("mutex_init", pthread_mutex_init(&mutex, &attributes));
  pthread_t thread = begin(locks_and_leaves, &mutex);
  pthread_join(thread, NULL);
  printf("orphaned %d\n", pthread_mutex_lock(&mutex) == EOWNERDEAD);
  printf("mended %d\n", pthread_mutex_consistent(&mutex));
  printf("twice %d\n", pthread_mutex_lock(&mutex) == EDEADLK);
  printf("unlocked %d\n", pthread_mutex_unlock(&mutex));

  pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  must("mutex_init", pthread_mutex_init(shared, &attributes));
  fflush(stdout);
  /* 1: the child has the lock; 2: it is to end. */
  _Atomic int *agreed = (_Atomic int *)(shared + 1);
  pid_t child = fork();
  if (child == 0) {
    int locked = pthread_mutex_lock(shared);
    *agreed = 1;
    while (*agreed != 2) rest(1);
    _exit(locked);
  }
  while (*agreed != 1) rest(1);
  struct timespec *when = soon(CLOCK_REALTIME);
  printf("timed out %d\n", pthread_mutex_timedlock(shared, when) == ETIMEDOUT);
  *agreed = 2;
  printf("after its process %d\n", pthread_mutex_lock(shared) == EOWNERDEAD);
  pthread_mutex_consistent(shared);
  pthread_mutex_unlock(shared);
  int status;
  waitpid(child, &status, 0);
  printf("child %d\n", status);
}

static void many(void) {
  word = 1, other = 2, third = 3;
  pthread_t thread = begin(waits_for_any, NULL);
  until(1);
  rest(20);
  printf("woken %ld\n", futex(&other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  joined("the wait", thread);
  printf("nobody left %ld\n", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  thread = begin(waits_for_any, NULL);
  until(1);
  rest(20);
  printf("woken %ld\n", futex(&third, FUTEX_WAKE, 1, NULL, NULL, 0));
  joined("the wait", thread);
  struct word_to_wait_for one = {9, (uintptr_t)&word, SIZE_U32, 0};
  report("not as expected", syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0));
  one.val = 1;
  report("with a deadline", syscall(SYS_futex_waitv, &one, 1, 0, soon(CLOCK_MONOTONIC), CLOCK_MONOTONIC));
  report("by the real clock", syscall(SYS_futex_waitv, &one, 1, 0, soon(CLOCK_REALTIME), CLOCK_REALTIME));
  report("no such clock", syscall(SYS_futex_waitv, &one, 1, 0, soon(CLOCK_MONOTONIC), CLOCK_BOOTTIME));
  report("none", syscall(SYS_futex_waitv, &one, 0, 0, NULL, 0));
  report("too many", syscall(SYS_futex_waitv, &one, 129, 0, NULL, 0));
  report("flags", syscall(SYS_futex_waitv, &one, 1, 1, NULL, 0));
  one.reserved = 1;
  report("what is reserved", syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0));
  one.reserved = 0, one.flags = 0;
  report("of no size", syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0));
  one.flags = SIZE_U32, one.uaddr = 0xfffffffcu;
  report("nowhere", syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0));
  report("read from nowhere", syscall(SYS_futex_waitv, (void *)(uintptr_t)0xffffffe0u, 1, 0, NULL, 0));

  third = 0;
  thread = begin(waits, NULL);
  until(1);
  rest(20);
  other = 5;
  printf("nobody woken %ld\n", futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &third, FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 3)));
  printf("now %u\n", third);
  third = 0;
  printf("woken %ld\n", futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &third, FUTEX_OP(FUTEX_OP_OR, 4, FUTEX_OP_CMP_LT, 1)));
  joined("the wait", thread);
  printf("now %u\n", third);
  static const int operations[] = {FUTEX_OP_SET, FUTEX_OP_ADD, FUTEX_OP_OR, FUTEX_OP_ANDN, FUTEX_OP_XOR, 5};
  for (int i = 0; i < 6; i++) {
    other = 0xfffffff0;
    long plain = futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(operations[i], 0xffd, FUTEX_OP_CMP_GE, 0xff0));
    printf("%d: %ld %x\n", i, plain, other);
    long shifted = futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP((operations[i] | 8), 31, FUTEX_OP_CMP_NE, 0));
    printf("%d: %ld %x\n", i, shifted, other);
  }
  report("no such comparison", futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_SET, 1, 6, 0)));
  printf("done all the same %u\n", other);
  report("no such clock", futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, soon(CLOCK_REALTIME), NULL, 0));
}

int main(void) {
  owners();
  hostile();
  mutexes();
  many();
  return 0;
}
