/* Semaphores, mutexes, conditions and barriers in shared memory, between processes. */
#include "../report.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct place {
  sem_t first, second;
  pthread_mutex_t mutex, robust;
  pthread_cond_t condition;
  pthread_barrier_t barrier;
  int count, flag, order[16];
};

static struct place *at;

static int reap(pid_t child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *early;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *look(void *unused) {
  pthread_mutex_lock(&gate);
  printf("a thread older than what is shared sees %s\n", early);
  strcpy(early, "its words");
  pthread_mutex_unlock(&gate);
  return unused;
}

/* The first that this process shares, while a thread of it has not begun yet. */
static void beside_a_new_thread(void) {
  pthread_t thread;
  pthread_mutex_lock(&gate);
  if (pthread_create(&thread, NULL, look, NULL)) exit(97);
  early = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (early == MAP_FAILED) exit(98);
  strcpy(early, "the first words");
  pthread_mutex_unlock(&gate);
  pthread_join(thread, NULL);
  pid_t child = must("fork", fork());
  if (child == 0) {
    printf("a child sees %s\n", early);
    fflush(stdout);
    _exit(0);
  }
  reap(child);
  must("munmap", munmap(early, 4096));
}

static void attributes(void) {
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  printf("setpshared %d\n", pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED));
  pthread_mutex_init(&at->mutex, &mutex);
  pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&at->robust, &mutex);
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&at->condition, &condition);
  pthread_barrierattr_t barrier;
  pthread_barrierattr_init(&barrier);
  pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&at->barrier, &barrier, 3);
  must("sem_init", sem_init(&at->first, 1, 0));
  must("sem_init", sem_init(&at->second, 1, 0));
}

static void semaphores(void) {
  pid_t child = must("fork", fork());
  for (int i = 0; i < 100; i++) {
    if (child == 0) {
      must("sem_wait", sem_wait(&at->first));
      at->count += i;
      must("sem_post", sem_post(&at->second));
    } else {
      at->count *= -1;
      must("sem_post", sem_post(&at->first));
      must("sem_wait", sem_wait(&at->second));
    }
  }
  if (child == 0) _exit(7);
  printf("semaphores %d %d\n", reap(child), at->count);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  report("a semaphore nobody posts", sem_timedwait(&at->first, &soon));
}

static void counting(void) {
  pid_t children[4];
  at->count = 0;
  for (int i = 0; i < 4; i++) {
    children[i] = must("fork", fork());
    if (children[i] != 0) continue;
    for (int j = 0; j < 50; j++) {
      pthread_mutex_lock(&at->mutex);
      int seen = at->count;
      if (j % 5 == 0) sched_yield();
      at->count = seen + 1;
      pthread_mutex_unlock(&at->mutex);
    }
    _exit(0);
  }
  for (int i = 0; i < 4; i++) reap(children[i]);
  printf("counted %d\n", at->count);
}

static void conditions(void) {
  at->flag = 0;
  pid_t child = must("fork", fork());
  if (child == 0) {
    pthread_mutex_lock(&at->mutex);
    while (at->flag == 0) pthread_cond_wait(&at->condition, &at->mutex);
    at->flag = 2;
    pthread_cond_broadcast(&at->condition);
    pthread_mutex_unlock(&at->mutex);
    _exit(0);
  }
  struct timespec moment = {0, 10000000};
  nanosleep(&moment, NULL);
  pthread_mutex_lock(&at->mutex);
  at->flag = 1;
  pthread_cond_signal(&at->condition);
  while (at->flag != 2) pthread_cond_wait(&at->condition, &at->mutex);
  pthread_mutex_unlock(&at->mutex);
  printf("condition %d\n", reap(child));
}

static void barriers(void) {
  pid_t children[2];
  at->count = 0;
  for (int i = 0; i < 2; i++) {
    children[i] = must("fork", fork());
    if (children[i] != 0) continue;
    at->count++;
    pthread_barrier_wait(&at->barrier);
    _exit(at->count);
  }
  at->count++;
  pthread_barrier_wait(&at->barrier);
  printf("barrier %d", at->count);
  for (int i = 0; i < 2; i++) printf(" %d", reap(children[i]));
  printf("\n");
}

/* Whoever holds a robust mutex dies, by its own hand or another's. */
static void robust(int killed) {
  pid_t child = must("fork", fork());
  if (child == 0) {
    pthread_mutex_lock(&at->robust);
    sem_post(&at->first);
    if (killed) pause();
    _exit(0);
  }
  sem_wait(&at->first);
  if (killed) kill(child, SIGKILL);
  int locked = pthread_mutex_lock(&at->robust);
  printf("owner died %d\n", locked == EOWNERDEAD);
  printf("consistent %d\n", pthread_mutex_consistent(&at->robust));
  pthread_mutex_unlock(&at->robust);
  printf("ended %d\n", reap(child));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  beside_a_new_thread();
  at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 98;
  attributes();
  semaphores();
  counting();
  conditions();
  barriers();
  robust(0);
  robust(1);
  return 0;
}
