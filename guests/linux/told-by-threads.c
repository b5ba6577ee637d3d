/* mq_notify with SIGEV_THREAD: a function in a thread of its own, once, for a message that comes to an empty queue. */
#include "../report.h"
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define NAME "/linden-told"

static sem_t told;
static volatile int value, times;
static pthread_t first;

static void function(union sigval given) {
  value = given.sival_int;
  times++;
  if (pthread_equal(pthread_self(), first)) printf("in the first thread\n");
  sem_post(&told);
}

/* Asks to be told again before it takes what came, as mq_notify(3) shows it. */
static mqd_t again;
static void drains(union sigval given) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = drains, .sigev_value = given};
  must("mq_notify", mq_notify(again, &event));
  char text[32];
  while (mq_receive(again, text, sizeof text, NULL) >= 0) times++;
  sem_post(&told);
}

static int waits(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 10;
  return sem_timedwait(&told, &until);
}

static void tells(const char *what) {
  int missing = waits();
  printf("%s: %d %d\n", what, missing, (int)value);
}

static void take(mqd_t queue) {
  char text[32];
  must("mq_receive", mq_receive(queue, text, sizeof text, NULL));
}

int main(void) {
  sem_init(&told, 0, 0);
  first = pthread_self();
  mq_unlink(NAME);
  struct mq_attr size = {.mq_maxmsg = 8, .mq_msgsize = 32};
  mqd_t queue = must("mq_open", mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0600, &size));
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = function};
  event.sigev_value.sival_int = 41;
  report("notify", mq_notify(queue, &event));
  report("twice", mq_notify(queue, &event));
  must("mq_send", mq_send(queue, "a", 1, 0));
  tells("told");
  must("mq_send", mq_send(queue, "b", 1, 0));
  event.sigev_value.sival_int = 42;
  report("once, so again", mq_notify(queue, &event));
  must("mq_send", mq_send(queue, "c", 1, 0));
  take(queue), take(queue), take(queue);
  printf("it was not empty %d\n", (int)times);
  must("mq_send", mq_send(queue, "d", 1, 0));
  tells("told");
  take(queue);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 18);
  event.sigev_notify_attributes = &attributes, event.sigev_value.sival_int = 43;
  report("with attributes", mq_notify(queue, &event));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    mq_send(queue, "e", 1, 0);
    /* Only the thread that forks is there. */
    usleep(20000);
    _exit(times == 2 ? 3 : 4);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child %d\n", WEXITSTATUS(status));
  tells("by a child");
  take(queue);

  event.sigev_notify_attributes = NULL;
  report("notify", mq_notify(queue, &event));
  report("not any more", mq_notify(queue, NULL));
  must("mq_send", mq_send(queue, "f", 1, 0));
  take(queue);
  report("notify", mq_notify(queue, &event));
  close(must("dup", dup(queue)));
  must("mq_send", mq_send(queue, "g", 1, 0));
  take(queue);
  usleep(50000);
  printf("given up twice %d\n", (int)times);
  for (int i = 0; i < 100; i++) {
    must("mq_notify", mq_notify(queue, &event));
    must("mq_notify", mq_notify(queue, NULL));
  }
  report("not a queue", mq_notify(0, &event));
  report("not open", mq_notify(99, &event));

  again = must("mq_open", mq_open(NAME, O_RDONLY | O_NONBLOCK));
  times = 0;
  event.sigev_notify_function = drains;
  must("mq_notify", mq_notify(again, &event));
  for (int i = 0; i < 5; i++) {
    must("mq_send", mq_send(queue, "h", 1, 0));
    waits();
  }
  printf("drained %d\n", (int)times);
  must("mq_notify", mq_notify(queue, NULL));
  mq_close(again);
  mq_close(queue);
  must("mq_unlink", mq_unlink(NAME));
  return 0;
}
