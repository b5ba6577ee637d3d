/* FIFOs: how their two ends wait for each other, what is left when one goes, and pipes of other sizes. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static void ignore(int signal) { (void)signal; }

static short ready(int fd, short events) {
  struct pollfd one = {fd, events, 0};
  poll(&one, 1, 0);
  return one.revents;
}

static int child_of(int (*what)(void)) {
  fflush(stdout);
  int child = must("fork", fork());
  if (child == 0) _exit(what());
  return child;
}

static int status_of(int child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int write_later(void) {
  usleep(30000);
  int fd = open("f", O_WRONLY);
  return fd < 0 || write(fd, "hello", 5) != 5;
}

static int read_later(void) {
  char text[16];
  usleep(30000);
  int fd = open("f", O_RDONLY);
  long length = read(fd, text, sizeof text);
  return length == 3 && !memcmp(text, "abc", 3) ? 0 : 1;
}

static int write_to_nobody(void) {
  int fd = open("f", O_RDWR);
  int writer = open("f", O_WRONLY);
  close(fd);
  write(writer, "x", 1);
  return 0;
}

static int empty_it(void) {
  static char much[65536];
  int fd = open("f", O_RDONLY | O_NONBLOCK);
  struct timespec rest = {0, 20000000};
  nanosleep(&rest, NULL);
  while (read(fd, much, sizeof much) > 0)
    ;
  return 0;
}

/* One list waits for bytes and for room of the same open file. */
static void watched_both_ways(int both) {
  static char much[65536];
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
  int list = must("epoll_create1", epoll_create1(0));
  must("epoll_ctl", epoll_ctl(list, EPOLL_CTL_ADD, both, &event));
  must("fcntl", fcntl(both, F_SETFL, O_NONBLOCK));
  int many = epoll_wait(list, &event, 1, 0);
  printf("room alone %d %x\n", many, event.events);
  while (write(both, much, sizeof much) > 0)
    ;
  many = epoll_wait(list, &event, 1, 0);
  printf("bytes alone %d %x\n", many, event.events);
  int child = child_of(empty_it);
  printf("room again %d\n", epoll_wait(list, &event, 1, 10000));
  status_of(child);
  close(list);
}

int main(void) {
  struct stat st;
  char text[32], byte;
  must("mkfifo", mkfifo("f", 0644));
  must("stat", stat("f", &st));
  printf("fifo %d mode %o size %d links %d\n", S_ISFIFO(st.st_mode), st.st_mode & 07777, (int)st.st_size,
         (int)st.st_nlink);
  report("again", mkfifo("f", 0644));
  report("nonsense", mknod("nonsense", 0150000, 0));
  must("mknod", mknod("socket", S_IFSOCK | 0600, 0));
  must("lstat", lstat("socket", &st));
  printf("socket %d\n", S_ISSOCK(st.st_mode));
  printf("opened: %d\n", open("socket", O_RDONLY) < 0 && errno == ENXIO);
  must("unlink", unlink("socket"));

  printf("a writer that does not wait: %d\n", open("f", O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO);
  int child = child_of(write_later);
  int reader = must("open", open("f", O_RDONLY));
  long length = read(reader, text, sizeof text);
  printf("read %ld %.5s\n", length, text);
  printf("child %d\n", status_of(child));
  printf("at the end %ld\n", (long)read(reader, text, sizeof text));
  printf("ready %x\n", ready(reader, POLLIN));
  int writer = must("a second writer", open("f", O_WRONLY));
  printf("ready %x\n", ready(reader, POLLIN));
  fcntl(reader, F_SETFL, O_NONBLOCK);
  report("nothing yet", read(reader, text, sizeof text));
  must("write", write(writer, "ab", 2));
  must("unlink", unlink("f"));
  must("fstat", fstat(reader, &st));
  printf("links %d\n", (int)st.st_nlink);
  close(writer);
  printf("ready %x\n", ready(reader, POLLIN));
  printf("read %ld\n", (long)read(reader, text, sizeof text));
  printf("ready %x\n", ready(reader, POLLIN));
  close(reader);

  must("mkfifo", mkfifo("f", 0600));
  child = child_of(read_later);
  writer = must("open", open("f", O_WRONLY));
  must("write", write(writer, "abc", 3));
  printf("child %d\n", status_of(child));
  signal(SIGPIPE, SIG_IGN);
  report("no reader left", write(writer, "x", 1));
  printf("ready %x\n", ready(writer, POLLOUT));
  close(writer);
  signal(SIGPIPE, SIG_DFL);
  printf("child %d\n", status_of(child_of(write_to_nobody)));

  reader = must("a reader that does not wait", open("f", O_RDONLY | O_NONBLOCK));
  printf("read %ld\n", (long)read(reader, text, sizeof text));
  printf("ready before any writer %x\n", ready(reader, POLLIN));
  writer = must("open", open("f", O_WRONLY));
  close(writer);
  printf("ready after one %x\n", ready(reader, POLLIN));
  close(reader);

  int both = must("both ways", open("f", O_RDWR));
  must("write", write(both, "12345", 5));
  printf("ready %x\n", ready(both, POLLIN | POLLOUT));
  printf("read %ld\n", (long)read(both, text, 3));
  report("seek", lseek(both, 0, SEEK_SET));
  report("truncate", ftruncate(both, 0));
  read(both, text, sizeof text);
  watched_both_ways(both);
  close(both);
  reader = must("open", open("f", O_RDONLY | O_NONBLOCK));
  printf("what was left is gone: %ld\n", (long)read(reader, text, sizeof text));
  close(reader);

  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  must("timer", setitimer(ITIMER_REAL, &soon, NULL));
  report("open interrupted", open("f", O_RDONLY));
  must("link", link("f", "g"));
  reader = must("open", open("f", O_RDONLY | O_NONBLOCK));
  writer = must("open by another name", open("g", O_WRONLY));
  must("write", write(writer, "x", 1));
  printf("read %ld\n", (long)read(reader, &byte, 1));
  must("rename", rename("g", "h"));
  report("not a directory", open("f/x", O_RDONLY));

  int ends[2];
  must("pipe", pipe(ends));
  printf("size %d\n", fcntl(ends[0], F_GETPIPE_SZ));
  printf("set %d\n", fcntl(ends[0], F_SETPIPE_SZ, 100000));
  printf("size %d\n", fcntl(ends[1], F_GETPIPE_SZ));
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  static char much[200000];
  printf("held %ld\n", (long)write(ends[1], much, sizeof much));
  report("too small now", fcntl(ends[0], F_SETPIPE_SZ, 4096));
  must("read", read(ends[0], much, sizeof much));
  printf("set %d\n", fcntl(ends[0], F_SETPIPE_SZ, 1));
  printf("held %ld\n", (long)write(ends[1], much, sizeof much));
  /* A pipe without a name, opened anew through /proc: nobody is waited for. */
  int left[2];
  must("pipe", pipe(left));
  must("write", write(left[1], "left", 4));
  must("close", close(left[1]));
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", left[0]);
  int again = must("open through /proc", open(name, O_RDONLY));
  printf("found %ld\n", (long)read(again, much, sizeof much));
  printf("end %ld\n", (long)read(left[0], much, sizeof much));
  int file = must("open", open("file", O_CREAT | O_RDWR, 0600));
  report("of a file", fcntl(file, F_GETPIPE_SZ));
  return 0;
}
