/* Atomic objects that machines have no instructions for: of 16 and 24 bytes, of three, in odd places (-latomic). */
#ifdef __clang__
#pragma clang diagnostic ignored "-Watomic-alignment"
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, TURNS = 500 };

struct three {
  unsigned char of[3];
};
struct large {
  long total, turns, last;
};

/* What compilers call for objects in odd places. */
void load_any(size_t, const void *, void *, int) __asm__("__atomic_load");
void store_any(size_t, void *, const void *, int) __asm__("__atomic_store");

static _Atomic struct large large;
static _Atomic unsigned __int128 wide;
static _Atomic struct three three;
static _Atomic long plain;

static void *adds(void *argument) {
  const long own = *(const long *)argument;
  for (long turn = 0; turn < TURNS; turn++) {
    struct large was = atomic_load(&large), next;
    do next = (struct large){was.total + own, was.turns + 1, own};
    while (!atomic_compare_exchange_weak(&large, &was, next));
    atomic_fetch_add(&wide, (unsigned __int128)own << 64 | 1);
    atomic_fetch_xor(&plain, own);
    if (turn % 64 == 0) sched_yield();
  }
  return 0;
}

static void show(const char *title, unsigned __int128 value) {
  printf("%s %llx:%llx\n", title, (unsigned long long)(value >> 64), (unsigned long long)value);
}

int main(void) {
  pthread_t threads[THREADS];
  long own[THREADS];
  for (int index = 0; index < THREADS; index++) {
    own[index] = 3 * index + 1;
    pthread_create(&threads[index], 0, adds, &own[index]);
  }
  for (int index = 0; index < THREADS; index++) pthread_join(threads[index], 0);
  const struct large end = atomic_load(&large);
  printf("%ld after %ld turns, %ld\n", end.total, end.turns, plain);
  show("wide", wide);
  show("was", atomic_exchange(&wide, (unsigned __int128)5 << 70 | 12));
  show("and", atomic_fetch_and(&wide, ~(unsigned __int128)4));
  show("or", atomic_fetch_or(&wide, 3));
  show("sub", atomic_fetch_sub(&wide, 20));
  show("nand", __atomic_fetch_nand((unsigned __int128 *)&wide, 0xff, __ATOMIC_SEQ_CST));
  show("is", wide);

  atomic_store(&three, ((struct three){{'a', 'b', 'c'}}));
  struct three expected = {{'a', 'b', 'd'}};
  const int first = atomic_compare_exchange_strong(&three, &expected, ((struct three){{'x', 'y', 'z'}}));
  const int second = atomic_compare_exchange_strong(&three, &expected, ((struct three){{'x', 'y', 'z'}}));
  expected = atomic_exchange(&three, ((struct three){{'e', 'n', 'd'}}));
  printf("%d %d %.3s %.3s\n", first, second, (char *)expected.of, (char *)&three);

  unsigned char bytes[16] = {0};
  long value = 0x0102030405060708, got = 0;
  store_any(sizeof value, bytes + 3, &value, __ATOMIC_SEQ_CST);
  load_any(sizeof got, bytes + 3, &got, __ATOMIC_SEQ_CST);
  printf("%d %d %lx\n", bytes[3], bytes[10], got);
  _Atomic int small = 5;
  printf("%d%d\n", atomic_is_lock_free(&small), atomic_is_lock_free(&large));
  return 0;
}
