/* The CPU time of oneself, of a thread and of another process, by the clocks their numbers make. */
#include "../report.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static long long read_clock(clockid_t id) {
  struct timespec now = {-1, 0};
  if (clock_gettime(id, &now) != 0) return -1;
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void spin(long long nanoseconds) {
  while (read_clock(CLOCK_PROCESS_CPUTIME_ID) < nanoseconds) {}
}

static void own(const char *what, clockid_t id) {
  long long before = read_clock(id);
  spin(read_clock(CLOCK_PROCESS_CPUTIME_ID) + 2000000);
  long long after = read_clock(id);
  printf("%s: runs %d\n", what, before >= 0 && after > before && after <= read_clock(CLOCK_PROCESS_CPUTIME_ID));
  struct timespec step = {7, 7};
  report("its step", clock_getres(id, &step));
  printf("%ld %ld\n", (long)step.tv_sec, (long)step.tv_nsec);
  report("set", clock_settime(id, &step));
}

/* A new thread's clock and usage begin at nothing, however long its process has run: 100 ms, of which half is asked for. */
static void *begins(void *begun) {
  struct rusage usage;
  long long used = read_clock(CLOCK_THREAD_CPUTIME_ID);
  must("getrusage", getrusage(RUSAGE_THREAD, &usage));
  long long told = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL;
  told += (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
  long long whole = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  *(int *)begun = used >= 0 && used + 50000000 < whole && told + 50000000 < whole;
  spin(whole + 20000000);
  return read_clock(CLOCK_THREAD_CPUTIME_ID) >= used + 10000000 ? begun : NULL;
}

static void of_threads(void) {
  int begun = 0;
  void *spun = NULL;
  pthread_t thread;
  spin(100000000);
  must("pthread_create", pthread_create(&thread, NULL, begins, &begun));
  must("pthread_join", pthread_join(thread, &spun));
  printf("a thread begins at nothing %d, and runs %d\n", begun, spun != NULL);
  long long own = read_clock(CLOCK_THREAD_CPUTIME_ID);
  printf("another's is not one's own %d\n", own + 10000000 < read_clock(CLOCK_PROCESS_CPUTIME_ID));
}

int main(void) {
  clockid_t id;
  of_threads();
  printf("of the caller %s\n", errno_name(clock_getcpuclockid(0, &id)));
  own("caller", id);
  printf("of its number %s\n", errno_name(clock_getcpuclockid(getpid(), &id)));
  own("number", id);
  printf("of a thread %s\n", errno_name(pthread_getcpuclockid(pthread_self(), &id)));
  own("thread", id);
  printf("of nobody %d\n", clock_getcpuclockid(4000000, &id) != 0);
  report("no kind", clock_gettime((clockid_t)-1, &(struct timespec){0, 0}));

  int ends[2];
  char byte;
  must("pipe", pipe(ends));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    spin(20000000);
    must("write", write(ends[1], "x", 1));
    for (;;) pause();
  }
  must("read", read(ends[0], &byte, 1));
  printf("of a child %s\n", errno_name(clock_getcpuclockid(child, &id)));
  printf("has spun %d\n", read_clock(id) >= 20000000);
  must("kill", kill(child, SIGKILL));
  must("wait", waitpid(child, NULL, 0));
  report("gone", clock_gettime(id, &(struct timespec){0, 0}));
  return 0;
}
