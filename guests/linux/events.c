/* Descriptors of events: eventfd, timerfd, signalfd, and epoll over them and over pipes. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static long long count_of(int fd) {
  uint64_t value;
  long got = read(fd, &value, 8);
  if (got == 8) return value;
  printf("read %s, ", errno_name(errno));
  return -1;
}

static int add(int fd, uint64_t value) { return write(fd, &value, 8) == 8 ? 0 : -1; }

static int ready(int fd, short events) {
  struct pollfd one = {fd, events, 0};
  poll(&one, 1, 0);
  return one.revents;
}

static void counters(void) {
  int fd = must("eventfd", eventfd(3, EFD_NONBLOCK));
  printf("ready %x\n", ready(fd, POLLIN | POLLOUT));
  report("add", add(fd, 4));
  printf("counted %lld\n", count_of(fd));
  printf("nothing %lld\n", count_of(fd));
  printf("ready %x\n", ready(fd, POLLIN | POLLOUT));
  report("to the brim", add(fd, 0xfffffffffffffffeULL));
  printf("ready %x\n", ready(fd, POLLIN | POLLOUT));
  report("more", add(fd, 1));
  report("too much", add(fd, 0xffffffffffffffffULL));
  char byte[4] = "";
  report("half a number", read(fd, byte, 4));
  report("half a number", write(fd, byte, 4));
  printf("all %d\n", count_of(fd) == (long long)0xfffffffffffffffeULL);
  close(fd);

  fd = must("eventfd", eventfd(2, EFD_SEMAPHORE | EFD_CLOEXEC));
  printf("one %lld\n", count_of(fd));
  pid_t child = must("fork", fork());
  if (child == 0) {
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    add(fd, 2);
    _exit(0);
  }
  printf("two %lld\n", count_of(fd));
  printf("waited for %lld\n", count_of(fd));
  waitpid(child, NULL, 0);
  close(fd);
  report("flags", eventfd(0, 0x12345));
}

static void timers(void) {
  int fd = must("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  printf("not armed %lld\n", count_of(fd));
  struct itimerspec setting = {{0, 0}, {0, 20000000}}, old;
  must("timerfd_settime", timerfd_settime(fd, 0, &setting, NULL));
  printf("not yet %lld\n", count_of(fd));
  must("timerfd_gettime", timerfd_gettime(fd, &old));
  printf("left %d\n", old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000);
  struct pollfd one = {fd, POLLIN, 0};
  int found = poll(&one, 1, 2000);
  printf("poll %d %x\n", found, one.revents);
  printf("once %lld\n", count_of(fd));
  must("timerfd_gettime", timerfd_gettime(fd, &old));
  printf("over %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_nsec);
  setting.it_interval.tv_nsec = 2000000;
  setting.it_value.tv_nsec = 1;
  must("timerfd_settime", timerfd_settime(fd, 0, &setting, &old));
  nanosleep(&(struct timespec){0, 30000000}, NULL);
  long long many = count_of(fd);
  printf("many %d\n", many >= 10 && many < 1000);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  setting = (struct itimerspec){{0, 0}, now};
  must("timerfd_settime", timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
  printf("past %lld\n", count_of(fd));
  setting.it_value.tv_nsec = 1000000000;
  report("a second of nanoseconds", timerfd_settime(fd, 0, &setting, NULL));
  report("no clock", timerfd_create(77, 0));
  int other = eventfd(0, 0);
  report("no timer", timerfd_gettime(other, &old));
  report("written", write(fd, &now, 8));
  close(other);
  close(fd);
}

static void signals(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  int fd = must("signalfd", signalfd(-1, &mask, SFD_NONBLOCK));
  printf("ready %x\n", ready(fd, POLLIN));
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43});
  printf("ready %x\n", ready(fd, POLLIN));
  struct signalfd_siginfo info[4];
  long got = read(fd, info, sizeof info);
  printf("records %ld\n", got / (long)sizeof info[0]);
  for (int i = 0; i < got / (long)sizeof info[0]; i++)
    printf("signal %d code %d value %d mine %d\n", info[i].ssi_signo == (unsigned)SIGRTMIN ? -1 : (int)info[i].ssi_signo,
           info[i].ssi_code, info[i].ssi_int, info[i].ssi_pid == (unsigned)getpid());
  report("no more", read(fd, info, sizeof info));
  report("too small", read(fd, info, 100));
  pid_t parent = getpid(), child = must("fork", fork());
  if (child == 0) {
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    kill(parent, SIGUSR1);
    _exit(0);
  }
  struct pollfd one = {fd, POLLIN, 0};
  printf("poll %d\n", poll(&one, 1, 2000));
  printf("from the child %d\n", read(fd, info, sizeof info) == sizeof info[0] && info[0].ssi_pid == (unsigned)child);
  waitpid(child, NULL, 0);
  sigemptyset(&mask);
  printf("same %d\n", signalfd(fd, &mask, 0) == fd);
  kill(getpid(), SIGUSR1);
  printf("not its own %x\n", ready(fd, POLLIN));
  report("no signals", signalfd(0, &mask, 0));
  close(fd);
}

static void show(const char *what, int epoll, int timeout) {
  struct epoll_event events[8];
  int count = epoll_wait(epoll, events, 8, timeout);
  printf("%s: %d", what, count);
  for (int i = 0; i < count; i++) printf(" %x:%llx", events[i].events, (unsigned long long)events[i].data.u64);
  printf("\n");
}

static int control(int epoll, int operation, int fd, unsigned events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, fd, &event);
}

static void lists(void) {
  int epoll = must("epoll_create1", epoll_create1(EPOLL_CLOEXEC)), ends[2], again[2];
  must("pipe", pipe(ends));
  must("pipe", pipe(again));
  show("empty", epoll, 0);
  must("add", control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 0x1122334455667788ULL));
  report("twice", control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
  must("add", control(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT, 2));
  show("room", epoll, 0);
  show("still room", epoll, 0);
  must("del", control(epoll, EPOLL_CTL_DEL, ends[1], 0, 0));
  report("no more", control(epoll, EPOLL_CTL_DEL, ends[1], 0, 0));
  report("not there", control(epoll, EPOLL_CTL_MOD, ends[1], EPOLLIN, 0));
  show("nothing", epoll, 10);
  write(ends[1], "abc", 3);
  show("bytes", epoll, 1000);
  show("level", epoll, 1000);
  must("mod", control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 3));
  show("edge", epoll, 1000);
  show("no edge", epoll, 10);
  write(ends[1], "d", 1);
  show("new edge", epoll, 1000);
  must("mod", control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4));
  show("once", epoll, 1000);
  write(ends[1], "e", 1);
  show("only once", epoll, 10);
  must("mod", control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 5));
  show("armed again", epoll, 1000);
  must("mod", control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN, 6));

  int copy = must("dup", dup(ends[0]));
  must("add", control(epoll, EPOLL_CTL_ADD, copy, EPOLLIN, 7));
  show("two numbers", epoll, 1000);
  close(copy);
  show("closed, but open", epoll, 1000);
  close(ends[0]);
  show("gone", epoll, 10);
  must("add", control(epoll, EPOLL_CTL_ADD, again[0], EPOLLIN, 8));
  close(again[1]);
  show("hung up", epoll, 1000);

  int path = must("open", open("/dev/null", O_PATH));
  report("of a path", control(epoll, EPOLL_CTL_ADD, path, EPOLLIN, 0));
  report("in a path", control(path, EPOLL_CTL_ADD, again[0], EPOLLIN, 0));
  close(path);

  int outer = must("epoll_create1", epoll_create1(0));
  report("itself", control(outer, EPOLL_CTL_ADD, outer, EPOLLIN, 0));
  must("nest", control(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 9));
  report("a circle", control(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 0) == -1 && errno == ELOOP ? -1 : 0);
  show("nested", outer, 1000);
  printf("polled %x\n", ready(outer, POLLIN));
  must("del", control(epoll, EPOLL_CTL_DEL, again[0], 0, 0));
  show("quiet", outer, 10);
  int file = must("open", open("file", O_RDWR | O_CREAT, 0600));
  report("a file", control(epoll, EPOLL_CTL_ADD, file, EPOLLIN, 0));
  report("no descriptor", control(epoll, EPOLL_CTL_ADD, 99, EPOLLIN, 0));
  report("no list", control(file, EPOLL_CTL_ADD, outer, EPOLLIN, 0));
  struct epoll_event events[2];
  report("no room", epoll_wait(epoll, events, 0, 0));
  report("read", read(epoll, events, 8));
  must("unlink", unlink("file"));

  int counter = must("eventfd", eventfd(0, 0)), timer = must("timerfd", timerfd_create(CLOCK_REALTIME, 0));
  must("add", control(epoll, EPOLL_CTL_ADD, counter, EPOLLIN | EPOLLET, 10));
  must("add", control(epoll, EPOLL_CTL_ADD, timer, EPOLLIN, 11));
  pid_t child = must("fork", fork());
  if (child == 0) {
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    add(counter, 1);
    _exit(0);
  }
  show("through both", outer, 2000);
  show("the child's", epoll, 2000);
  waitpid(child, NULL, 0);
  struct itimerspec setting = {{0, 0}, {0, 10000000}};
  must("timerfd_settime", timerfd_settime(timer, 0, &setting, NULL));
  show("the timer's", epoll, 2000);
  add(counter, 1);
  show("both", epoll, 2000);
}

static void caught(int signal) { (void)signal; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  counters();
  timers();
  signals();
  lists();
  struct sigaction action = {.sa_handler = caught, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  int epoll = epoll_create1(0);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
  struct epoll_event event;
  report("interrupted", epoll_wait(epoll, &event, 1, -1));
  return 0;
}
