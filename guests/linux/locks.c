/* Locks on files: flock, and records of processes and of open file descriptions; who waits, who is told to give up, what goes when. */
#include "../report.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <sys/wait.h>

static int file;

static struct flock lock_of(int type, long start, long length) {
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int set(int fd, int type, long start, long length) {
  struct flock lock = lock_of(type, start, length);
  return fcntl(fd, F_SETLK, &lock);
}

static int set_ofd(int fd, int type, long start, long length) {
  struct flock lock = lock_of(type, start, length);
  return fcntl(fd, F_OFD_SETLK, &lock);
}

static int wait_for(int fd, int type, long start, long length) {
  struct flock lock = lock_of(type, start, length);
  return fcntl(fd, F_SETLKW, &lock);
}

/* What another process would be told of a range. */
static void asked(const char *what, int type, long start, long length) {
  fflush(stdout);
  if (fork() == 0) {
    struct flock lock = lock_of(type, start, length);
    if (fcntl(file, F_GETLK, &lock) < 0) printf("%s: %s\n", what, errno_name(errno));
    else if (lock.l_type == F_UNLCK) printf("%s: free\n", what);
    else
      printf("%s: %s %ld+%ld by %s\n", what, lock.l_type == F_WRLCK ? "write" : "read", (long)lock.l_start,
             (long)lock.l_len, lock.l_pid == getppid() ? "parent" : lock.l_pid == -1 ? "a description" : "somebody");
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

static int in_child(int (*what)(void)) {
  fflush(stdout);
  int child = must("fork", fork());
  if (child == 0) {
    int result = what();
    fflush(stdout);
    _exit(result);
  }
  return child;
}

static int ended(int child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int tries(void) {
  report("flock of the same description", flock(file, LOCK_EX | LOCK_NB));
  int own = open("f", O_RDWR);
  report("flock of another", flock(own, LOCK_EX | LOCK_NB));
  report("shared", flock(own, LOCK_SH | LOCK_NB));
  return 0;
}

static int waits_for_flock(void) {
  int own = open("f", O_RDWR);
  return flock(own, LOCK_EX) == 0 ? 5 : 6;
}

static void files(void) {
  must("flock", flock(file, LOCK_EX));
  ended(in_child(tries));
  report("a record beside it", set(file, F_WRLCK, 0, 0));
  set(file, F_UNLCK, 0, 0);
  int child = in_child(waits_for_flock);
  usleep(20000);
  must("flock", flock(file, LOCK_UN));
  printf("waited %d\n", ended(child));
  int other = open("f", O_RDONLY);
  must("shared", flock(file, LOCK_SH));
  report("shared too", flock(other, LOCK_SH | LOCK_NB));
  report("exclusive", flock(file, LOCK_EX | LOCK_NB));
  report("gone on the way", flock(other, LOCK_EX | LOCK_NB));
  int copy = dup(other);
  close(other);
  report("still held by its copy", flock(file, LOCK_EX | LOCK_NB));
  close(copy);
  report("closed", flock(file, LOCK_EX | LOCK_NB));
  report("nonsense", flock(file, LOCK_SH | LOCK_EX));
  report("nobody", flock(77, LOCK_SH));
  must("flock", flock(file, LOCK_UN));
}

static void records(void) {
  must("write", set(file, F_WRLCK, 10, 10));
  must("read", set(file, F_RDLCK, 30, 0));
  asked("before", F_WRLCK, 0, 10);
  asked("over the start", F_RDLCK, 5, 6);
  asked("inside", F_RDLCK, 12, 1);
  asked("reading with readers", F_RDLCK, 40, 1);
  asked("writing with readers", F_WRLCK, 1000000, 1);
  asked("everything", F_WRLCK, 0, 0);
  must("cut", set(file, F_UNLCK, 14, 2));
  asked("the hole", F_WRLCK, 14, 2);
  asked("left of it", F_WRLCK, 13, 5);
  asked("right of it", F_WRLCK, 15, 5);
  must("join", set(file, F_WRLCK, 14, 2));
  asked("joined", F_RDLCK, 0, 0);
  must("turn into readers", set(file, F_RDLCK, 0, 20));
  asked("turned", F_WRLCK, 0, 0);
  asked("for a reader", F_RDLCK, 0, 0);
  int again = open("f", O_RDONLY);
  close(again);
  asked("any descriptor closed", F_WRLCK, 0, 0);

  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -5, .l_len = 0};
  must("write", write(file, "0123456789", 10));
  must("from the end", fcntl(file, F_SETLK, &lock));
  asked("from the end", F_RDLCK, 0, 0);
  lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_CUR, .l_start = 0, .l_len = -3};
  must("backwards", fcntl(file, F_SETLK, &lock));
  asked("backwards", F_RDLCK, 0, 0);
  asked("after it", F_RDLCK, 8, 0);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = -3};
  report("before the start", fcntl(file, F_SETLK, &lock));
  report("no type", set(file, 9, 0, 0));
  lock = lock_of(F_UNLCK, 0, 0);
  report("asking for nothing", fcntl(file, F_GETLK, &lock));
  int reader = open("f", O_RDONLY), writer = open("f", O_WRONLY);
  report("writing what is read", set(reader, F_WRLCK, 0, 1));
  report("reading what is written", set(writer, F_RDLCK, 0, 1));
  close(reader);
  close(writer);
  set(file, F_UNLCK, 0, 0);
}

static int waits(void) { return wait_for(file, F_WRLCK, 0, 5) == 0 ? 7 : 8; }

static int dies_holding(void) {
  wait_for(file, F_WRLCK, 0, 0);
  raise(SIGKILL);
  return 0;
}

static int ends[2];

static int crossing(void) {
  char byte;
  must("own", set(file, F_WRLCK, 10, 1));
  must("write", write(ends[1], "x", 1));
  must("wait", wait_for(file, F_WRLCK, 0, 1));
  read(ends[0], &byte, 0);
  return 9;
}

static int lets_go(void) {
  must("hold", set(file, F_WRLCK, 0, 1));
  must("write", write(ends[1], "x", 1));
  usleep(200000);
  return set(file, F_UNLCK, 0, 1);
}

/* Waits for two at first; when one of them lets go, the other one is left. */
static int waits_for_two(void) {
  must("hold", set(file, F_WRLCK, 20, 1));
  must("write", write(ends[1], "x", 1));
  return wait_for(file, F_WRLCK, 0, 15) == 0 ? 1 : errno == EDEADLK ? 2 : 3;
}

/* Who waits last closes the circle, or is the first of it to look again: one of two is told. */
static void circle(void) {
  char byte;
  must("hold", set(file, F_WRLCK, 10, 1));
  int first = in_child(lets_go);
  must("read", read(ends[0], &byte, 1));
  int second = in_child(waits_for_two);
  must("read", read(ends[0], &byte, 1));
  usleep(20000);
  int told = wait_for(file, F_WRLCK, 20, 1) != 0 && errno == EDEADLK;
  set(file, F_UNLCK, 0, 0);
  told += ended(second) == 2;
  printf("told of a circle %d, %d\n", told, ended(first));
}

static void ignore(int signal) { (void)signal; }

static void waiting(void) {
  char byte;
  must("hold", set(file, F_WRLCK, 0, 5));
  int child = in_child(waits);
  usleep(20000);
  must("let go", set(file, F_UNLCK, 0, 2));
  usleep(10000);
  must("all of it", set(file, F_UNLCK, 0, 0));
  printf("waited %d\n", ended(child));
  printf("died %d\n", ended(in_child(dies_holding)));
  report("and let go", set(file, F_WRLCK, 0, 0));
  set(file, F_UNLCK, 0, 0);

  must("pipe", pipe(ends));
  must("hold", set(file, F_WRLCK, 0, 1));
  child = in_child(crossing);
  must("read", read(ends[0], &byte, 1));
  usleep(20000);
  int result = wait_for(file, F_WRLCK, 10, 1);
  printf("deadlock %d %d\n", result, errno == EDEADLK);
  set(file, F_UNLCK, 0, 0);
  printf("the other %d\n", ended(child));
  circle();

  child = in_child(dies_holding);
  ended(child);
  must("hold", set(file, F_WRLCK, 0, 1));
  fflush(stdout);
  if ((child = fork()) == 0) {
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    report("interrupted", wait_for(file, F_WRLCK, 0, 1));
    int own = open("f", O_RDWR);
    setitimer(ITIMER_REAL, &soon, NULL);
    report("interrupted too", flock(own, LOCK_EX) == 0 ? 0 : -1);
    fflush(stdout);
    _exit(0);
  }
  ended(child);
  set(file, F_UNLCK, 0, 0);
}

static void descriptions(void) {
  int one = open("f", O_RDWR), two = open("f", O_RDWR);
  must("one", set_ofd(one, F_WRLCK, 0, 10));
  report("two", set_ofd(two, F_WRLCK, 5, 10));
  report("two beside it", set_ofd(two, F_WRLCK, 10, 10));
  report("the process itself", set(file, F_RDLCK, 0, 1));
  asked("asked", F_RDLCK, 0, 1);
  int copy = dup(one);
  close(one);
  report("its copy holds it", set_ofd(two, F_WRLCK, 0, 1));
  report("its copy owns it", set_ofd(copy, F_RDLCK, 0, 10));
  close(copy);
  report("closed", set_ofd(two, F_WRLCK, 0, 1));
  struct flock lock = lock_of(F_WRLCK, 0, 0);
  lock.l_pid = 1;
  report("a number where none may be", fcntl(two, F_OFD_SETLK, &lock));
  lock = lock_of(F_WRLCK, 0, 0);
  must("ask", fcntl(file, F_OFD_GETLK, &lock));
  printf("told %d %ld+%ld %d\n", lock.l_type == F_WRLCK, (long)lock.l_start, (long)lock.l_len, (int)lock.l_pid);
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", two);
  int info = open(path, O_RDONLY);
  text[read(info, text, sizeof text - 1)] = 0;
  char *line = strstr(text, "lock:");
  printf("%.30s\n", line ? line : "no lock");
  close(info);
  close(two);
}

int main(void) {
  file = must("open", open("f", O_CREAT | O_RDWR, 0644));
  files();
  records();
  waiting();
  descriptions();
  return 0;
}
