/* POSIX message queues: names, sizes, order, waiting, being told, and what ends them. */
#include "../report.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define NAME "/linden-guest"
#define OTHER "/linden-other"

static volatile sig_atomic_t caught, code, value, sender;

static void informed(int signal, siginfo_t *info, void *context) {
  (void)context;
  caught++, code = info->si_code, value = info->si_value.sival_int, sender = info->si_pid;
  (void)signal;
}

static struct timespec *soon(int milliseconds) {
  static struct timespec when;
  clock_gettime(CLOCK_REALTIME, &when);
  when.tv_nsec += milliseconds * 1000000L;
  if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
  return &when;
}

static void take(mqd_t queue) {
  char text[64];
  unsigned priority = 99;
  ssize_t length = mq_receive(queue, text, sizeof text, &priority);
  if (length < 0) report("receive", -1);
  else printf("received %u: %.*s\n", priority, (int)length, text);
}

static void describe(const char *what, mqd_t queue) {
  struct mq_attr now;
  must("mq_getattr", mq_getattr(queue, &now));
  printf("%s: %s %ld of %ld, %ld bytes each\n", what, now.mq_flags & O_NONBLOCK ? "does not wait," : "waits,", now.mq_curmsgs, now.mq_maxmsg, now.mq_msgsize);
}

static mqd_t make(const char *name, int flags, long messages, long bytes) {
  struct mq_attr size = {.mq_maxmsg = messages, .mq_msgsize = bytes};
  return mq_open(name, O_CREAT | O_RDWR | flags, 0600, &size);
}

static void names(void) {
  mq_unlink(NAME);
  mq_unlink(OTHER);
  report_open("not there", mq_open(NAME, O_RDWR));
  report("unlink nothing", mq_unlink(NAME));
  mqd_t queue = mq_open(NAME, O_CREAT | O_RDWR, 0640, NULL);
  report_open("made", queue);
  describe("as it is made", queue);
  struct stat about;
  must("fstat", fstat(queue, &about));
  printf("mode %o, a file %d\n", about.st_mode & 0777, S_ISREG(about.st_mode));
  printf("closed by execve %d\n", fcntl(queue, F_GETFD) == FD_CLOEXEC);
  report_open("made again", mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
  report_open("a directory", mq_open("/a/b", O_CREAT | O_RDWR, 0600, NULL));
  report_open("no name", mq_open("/", O_CREAT | O_RDWR, 0600, NULL));
  report_open("dots", mq_open("/..", O_CREAT | O_RDWR, 0600, NULL));
  char longest[300];
  memset(longest, 'q', sizeof longest);
  longest[0] = '/', longest[257] = '\0';
  report_open("too long a name", mq_open(longest, O_CREAT | O_RDWR, 0600, NULL));
  longest[256] = '\0';
  mqd_t named = mq_open(longest, O_CREAT | O_RDWR, 0600, NULL);
  report_open("as long as it may be", named);
  mq_close(named);
  must("mq_unlink", mq_unlink(longest));
  report_open("no messages", make(OTHER, 0, 0, 10));
  report_open("no bytes", make(OTHER, 0, 10, 0));
  report_open("fewer than none", make(OTHER, 0, -1, 10));
  report_open("far too many", make(OTHER, 0, 65537, 10));
  report_open("far too long", make(OTHER, 0, 1, 16 * 1024 * 1024 + 1));
  mq_close(queue);
  queue = mq_open(NAME, O_RDONLY);
  report("send to a reader's", mq_send(queue, "x", 1, 0));
  mq_close(queue);
  queue = mq_open(NAME, O_WRONLY);
  char text[8192];
  report("receive from a writer's", mq_receive(queue, text, sizeof text, NULL));
  report("close", mq_close(queue));
  report("close again", mq_close(queue));
  report("not a queue", mq_send(0, "x", 1, 0));
  must("mq_unlink", mq_unlink(NAME));
}

static void order(void) {
  mqd_t queue = make(NAME, 0, 4, 32);
  must("mq_open", queue);
  must("send", mq_send(queue, "low", 3, 1));
  must("send", mq_send(queue, "high", 4, 7));
  must("send", mq_send(queue, "low again", 9, 1));
  must("send", mq_send(queue, "", 0, 32767));
  report("no such priority", mq_send(queue, "x", 1, 32768));
  describe("full", queue);
  report("a deadline", mq_timedsend(queue, "x", 1, 0, soon(20)));
  report("one that is over", mq_timedsend(queue, "x", 1, 0, &(struct timespec){1, 0}));
  report("none at all", mq_timedsend(queue, "x", 1, 0, &(struct timespec){1, 1000000000}));
  char text[64];
  report("too long", mq_send(queue, text, 33, 0));
  report("too little room", mq_receive(queue, text, 31, NULL));
  for (int i = 0; i < 4; i++) take(queue);
  report("nothing by the deadline", mq_timedreceive(queue, text, sizeof text, NULL, soon(20)));
  struct mq_attr wish = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 99}, before;
  must("mq_setattr", mq_setattr(queue, &wish, &before));
  printf("waited before %d\n", before.mq_flags == 0);
  describe("now", queue);
  take(queue);
  wish.mq_flags = O_APPEND;
  report("other flags", mq_setattr(queue, &wish, NULL));
  for (int i = 0; i < 5; i++) report("send", mq_send(queue, &"abcde"[i], 1, 3));
  struct pollfd ready = {queue, POLLIN | POLLOUT, 0};
  printf("poll %d", poll(&ready, 1, 0));
  printf(" %x\n", ready.revents);
  for (int i = 0; i < 4; i++) take(queue);
  printf("poll %d", poll(&ready, 1, 0));
  printf(" %x\n", ready.revents);
  must("send", mq_send(queue, "nowhere", 7, 3));
  report("to nowhere", mq_receive(queue, (char *)(unsigned long)0xfffffff0u, 64, NULL));
  take(queue);
  report("from nowhere", mq_send(queue, (char *)(unsigned long)0xfffffff0u, 32, 0));
  must("mq_unlink", mq_unlink(NAME));
  must("send", mq_send(queue, "without a name", 14, 0));
  report_open("unlinked", mq_open(NAME, O_RDWR));
  mqd_t fresh = make(NAME, 0, 1, 8);
  describe("another of the name", fresh);
  take(queue);
  mq_close(fresh);
  mq_close(queue);
  must("mq_unlink", mq_unlink(NAME));
}

static void *receives(void *queue) {
  static char text[2][64];
  static int many;
  char *own = text[many++];
  ssize_t length = mq_receive(*(mqd_t *)queue, own, 64, NULL);
  own[length < 0 ? 0 : length] = '\0';
  return own;
}

static void *sends(void *queue) {
  mq_send(*(mqd_t *)queue, "waited", 6, 5);
  return NULL;
}

static void waiting(void) {
  mqd_t queue = make(NAME, 0, 1, 32);
  must("mq_open", queue);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    must("pthread_create", pthread_create(&threads[i], NULL, receives, &queue));
    usleep(100000);
  }
  must("send", mq_send(queue, "first", 5, 0));
  must("send", mq_send(queue, "second", 6, 9));
  describe("handed over", queue);
  for (int i = 0; i < 2; i++) {
    void *got;
    pthread_join(threads[i], &got);
    printf("thread %d: %s\n", i, (char *)got);
  }
  must("send", mq_send(queue, "full", 4, 1));
  must("pthread_create", pthread_create(&threads[0], NULL, sends, &queue));
  usleep(20000);
  take(queue);
  pthread_join(threads[0], NULL);
  take(queue);

  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    char text[32];
    ssize_t length = mq_receive(queue, text, sizeof text, NULL);
    _exit(length == 5 ? 3 : 4);
  }
  usleep(20000);
  must("send", mq_send(queue, "child", 5, 0));
  int status;
  waitpid(child, &status, 0);
  printf("child %d\n", WEXITSTATUS(status));

  int list = must("epoll_create", epoll_create1(0));
  struct epoll_event event = {EPOLLIN, {.fd = 5}};
  must("epoll_ctl", epoll_ctl(list, EPOLL_CTL_ADD, queue, &event));
  printf("nothing yet %d\n", epoll_wait(list, &event, 1, 0));
  must("send", mq_send(queue, "x", 1, 0));
  printf("told %d\n", epoll_wait(list, &event, 1, 1000));
  take(queue);

  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGALRM, &action, NULL));
  alarm(1);
  take(queue);
  caught = 0;
  mq_close(queue);
  must("mq_unlink", mq_unlink(NAME));
}

static void told(void) {
  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  mqd_t queue = make(NAME, 0, 4, 32);
  must("mq_open", queue);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  event.sigev_value.sival_int = 77;
  report("notify", mq_notify(queue, &event));
  report("notify twice", mq_notify(queue, &event));
  must("send", mq_send(queue, "a", 1, 0));
  printf("told %d %d %d %d\n", (int)caught, code == SI_MESGQ, (int)value, sender == getpid());
  report("once", mq_notify(queue, &event));
  must("send", mq_send(queue, "b", 1, 0));
  printf("it was not empty %d\n", (int)caught);
  take(queue);
  take(queue);
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    if (mq_notify(queue, &event) == 0 || errno != EBUSY) _exit(1);
    if (mq_notify(queue, NULL) != 0) _exit(2);
    _exit(mq_send(queue, "c", 1, 0));
  }
  int status;
  while (waitpid(child, &status, 0) == -1) continue;
  printf("by a child %d: %d %d\n", status, (int)caught, sender == child);
  take(queue);
  must("notify", mq_notify(queue, &event));
  report("not any more", mq_notify(queue, NULL));
  must("send", mq_send(queue, "d", 1, 0));
  printf("not told %d\n", (int)caught);
  take(queue);
  must("notify", mq_notify(queue, &event));
  mqd_t second = must("dup", dup(queue));
  mq_close(second);
  must("send", mq_send(queue, "e", 1, 0));
  printf("closing any ends it %d\n", (int)caught);
  take(queue);
  pthread_t thread;
  must("pthread_create", pthread_create(&thread, NULL, receives, &queue));
  usleep(20000);
  must("notify", mq_notify(queue, &event));
  must("send", mq_send(queue, "f", 1, 0));
  pthread_join(thread, NULL);
  printf("somebody waited for it %d\n", (int)caught);
  must("notify", mq_notify(queue, NULL));
  event.sigev_notify = SIGEV_NONE;
  report("told nothing", mq_notify(queue, &event));
  must("send", mq_send(queue, "g", 1, 0));
  report("that was it", mq_notify(queue, &event));
  mq_notify(queue, NULL);
  event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = 65;
  report("no such signal", mq_notify(queue, &event));
  event.sigev_notify = 9;
  report("no such way", mq_notify(queue, &event));
  report("not a queue", mq_notify(0, NULL));
  mq_close(queue);
  must("mq_unlink", mq_unlink(NAME));
}

static void shares(void) {
  struct rlimit limit;
  must("getrlimit", getrlimit(RLIMIT_MSGQUEUE, &limit));
  printf("bytes %ld\n", (long)limit.rlim_cur);
  char name[32];
  int many = 0;
  for (; many < 32; many++) {
    snprintf(name, sizeof name, "/linden-share-%d", many);
    mqd_t queue = make(name, 0, 10, 8192);
    if (queue == -1) break;
    mq_close(queue);
  }
  report_open("one more", make(name, 0, 10, 8192));
  printf("made %d\n", many);
  while (many-- > 0) {
    snprintf(name, sizeof name, "/linden-share-%d", many);
    must("mq_unlink", mq_unlink(name));
  }
  mqd_t queue = make(NAME, 0, 10, 8192);
  report_open("again", queue);
  mq_close(queue);
  fflush(stdout);
  if (geteuid() == 0) {
    pid_t child = must("fork", fork());
    if (child == 0) {
      if (setgid(1234) != 0 || setuid(1234) != 0) _exit(9);
      report_open("another's", mq_open(NAME, O_RDONLY));
      report("unlink another's", mq_unlink(NAME));
      report_open("more than ten", make(OTHER, 0, 11, 10));
      report_open("more than eight thousand", make(OTHER, 0, 1, 8193));
      fflush(stdout);
      _exit(0);
    }
    waitpid(child, NULL, 0);
  } else {
    printf("another's: -1 EACCES\nunlink another's: -1 EACCES\nmore than ten: -1 EINVAL\nmore than eight thousand: -1 EINVAL\n");
  }
  must("mq_unlink", mq_unlink(NAME));
}

int main(void) {
  names();
  order();
  waiting();
  told();
  shares();
  return 0;
}
