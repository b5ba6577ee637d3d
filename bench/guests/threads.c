/* Two threads that take turns under a mutex with a condition: the same source runs natively and inside Linden.
   Usage: threads ROUNDS. Prints the median nanoseconds a round trip of five batches. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 5

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* Whose turn it is: 0 the first thread's, 1 the second's, 2 nobody's any more. */
static int turn;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void hand_over(int to, int from) {
  pthread_mutex_lock(&mutex);
  turn = to;
  pthread_cond_signal(&changed);
  while (turn == to && from != to) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

static void *second(void *unused) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (turn == 0) pthread_cond_wait(&changed, &mutex);
    if (turn == 2) break;
    turn = 0;
    pthread_cond_signal(&changed);
  }
  pthread_mutex_unlock(&mutex);
  return unused;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
  long rounds = argc > 1 ? atol(argv[1]) : 10000;
  pthread_t thread;
  if (pthread_create(&thread, NULL, second, NULL) != 0) {
    fprintf(stderr, "threads: no thread\n");
    return 1;
  }
  double batch[BATCHES];
  for (long i = 0; i < rounds / 5; i++) hand_over(1, 0);
  for (int b = 0; b < BATCHES; b++) {
    double start = now_ns();
    for (long i = 0; i < rounds; i++) hand_over(1, 0);
    batch[b] = (now_ns() - start) / (double)rounds;
  }
  qsort(batch, BATCHES, sizeof batch[0], by_value);
  hand_over(2, 2);
  pthread_join(thread, NULL);
  printf("mutex %.1f\n", batch[BATCHES / 2]);
  return 0;
}
