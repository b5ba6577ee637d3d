/*
 * What -latomic is here: the functions that compilers call for atomic objects of more than eight bytes, or of odd sizes or places.
 * One lock serves all of them, for the threads of a process take turns. As with every such library, these are not for handlers of
 * signals: atomic_is_lock_free says so.
 */
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 uint128;

static _Atomic int held;

static void take(void) {
  while (__c11_atomic_exchange(&held, 1, __ATOMIC_ACQUIRE)) sched_yield();
}

static void give(void) { __c11_atomic_store(&held, 0, __ATOMIC_RELEASE); }

/* Sizes the machine has instructions for. */
#define EACH(DO) DO(1, uint8_t) DO(2, uint16_t) DO(4, uint32_t) DO(8, uint64_t)

/* clang knows the names: they can be given to functions called otherwise. */
_Bool is_free(size_t size, const volatile void *at) __asm__("__atomic_is_lock_free");
void load(size_t size, const void *at, void *to, int order) __asm__("__atomic_load");
void store(size_t size, void *at, const void *from, int order) __asm__("__atomic_store");
void exchange(size_t size, void *at, const void *from, void *to, int order) __asm__("__atomic_exchange");
_Bool compare_exchange(size_t size, void *at, void *expected, const void *from, int done, int failed)
    __asm__("__atomic_compare_exchange");

_Bool is_free(size_t size, const volatile void *at) {
  return (size == 1 || size == 2 || size == 4 || size == 8) && (uintptr_t)at % size == 0;
}

void load(size_t size, const void *at, void *to, int order) {
  (void)order;
#define LOAD(bytes, type)                                            \
  if (size == bytes && is_free(size, at)) {                          \
    const type value = __atomic_load_n((const type *)at, __ATOMIC_SEQ_CST); \
    memcpy(to, &value, bytes);                                       \
    return;                                                          \
  }
  EACH(LOAD)
  take();
  memcpy(to, at, size);
  give();
}

void store(size_t size, void *at, const void *from, int order) {
  (void)order;
#define STORE(bytes, type)                                \
  if (size == bytes && is_free(size, at)) {               \
    type value;                                           \
    memcpy(&value, from, bytes);                          \
    __atomic_store_n((type *)at, value, __ATOMIC_SEQ_CST); \
    return;                                               \
  }
  EACH(STORE)
  take();
  memcpy(at, from, size);
  give();
}

/* `to` may be `from`. */
void exchange(size_t size, void *at, const void *from, void *to, int order) {
  (void)order;
#define EXCHANGE(bytes, type)                                        \
  if (size == bytes && is_free(size, at)) {                          \
    type value;                                                      \
    memcpy(&value, from, bytes);                                     \
    value = __atomic_exchange_n((type *)at, value, __ATOMIC_SEQ_CST); \
    memcpy(to, &value, bytes);                                       \
    return;                                                          \
  }
  EACH(EXCHANGE)
  take();
  for (size_t index = 0; index < size; index++) {
    const unsigned char next = ((const unsigned char *)from)[index];
    ((unsigned char *)to)[index] = ((unsigned char *)at)[index];
    ((unsigned char *)at)[index] = next;
  }
  give();
}

_Bool compare_exchange(size_t size, void *at, void *expected, const void *from, int done, int failed) {
  (void)done, (void)failed;
#define COMPARE_EXCHANGE(bytes, type)                                                                              \
  if (size == bytes && is_free(size, at)) {                                                                        \
    type was, value;                                                                                               \
    memcpy(&was, expected, bytes);                                                                                 \
    memcpy(&value, from, bytes);                                                                                   \
    const _Bool same = __atomic_compare_exchange_n((type *)at, &was, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    if (!same) memcpy(expected, &was, bytes);                                                                      \
    return same;                                                                                                   \
  }
  EACH(COMPARE_EXCHANGE)
  take();
  const _Bool same = memcmp(at, expected, size) == 0;
  if (same) memcpy(at, from, size);
  else memcpy(expected, at, size);
  give();
  return same;
}

/* By size: calls of programs that ask whether the library is there, and all of 16 bytes. */
#define SIZED(bytes, type)                                                                        \
  type load_##bytes(const type *at, int order) __asm__("__atomic_load_" #bytes);                  \
  type load_##bytes(const type *at, int order) {                                                  \
    type value;                                                                                   \
    load(bytes, at, &value, order);                                                               \
    return value;                                                                                 \
  }                                                                                               \
  void store_##bytes(type *at, type value, int order) __asm__("__atomic_store_" #bytes);          \
  void store_##bytes(type *at, type value, int order) { store(bytes, at, &value, order); }        \
  type exchange_##bytes(type *at, type value, int order) __asm__("__atomic_exchange_" #bytes);    \
  type exchange_##bytes(type *at, type value, int order) {                                        \
    exchange(bytes, at, &value, &value, order);                                                   \
    return value;                                                                                 \
  }                                                                                               \
  _Bool compare_exchange_##bytes(type *at, type *expected, type value, int done, int failed)      \
      __asm__("__atomic_compare_exchange_" #bytes);                                               \
  _Bool compare_exchange_##bytes(type *at, type *expected, type value, int done, int failed) {    \
    return compare_exchange(bytes, at, expected, &value, done, failed);                           \
  }                                                                                               \
  FETCH(add, bytes, type, was + value)                                                            \
  FETCH(sub, bytes, type, was - value)                                                            \
  FETCH(and, bytes, type, was & value)                                                            \
  FETCH(or, bytes, type, was | value)                                                             \
  FETCH(xor, bytes, type, was ^ value)                                                            \
  FETCH(nand, bytes, type, ~(was & value))

#define FETCH(name, bytes, type, result)                                                                  \
  type fetch_##name##_##bytes(type *at, type value, int order) __asm__("__atomic_fetch_" #name "_" #bytes); \
  type fetch_##name##_##bytes(type *at, type value, int order) {                                          \
    type was = load_##bytes(at, order);                                                                   \
    while (!compare_exchange_##bytes(at, &was, (type)(result), order, order))                             \
      ;                                                                                                   \
    return was;                                                                                           \
  }

EACH(SIZED)
SIZED(16, uint128)
