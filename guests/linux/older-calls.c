/* Calls that C libraries no longer make, by their numbers: they do what their successors do. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <utime.h>

/* Linux's own structures, whatever the C library makes of them. */
struct linux_timeval {
  long long seconds, microseconds;
};
struct linux_utimbuf {
  long long accessed, modified;
};
struct linux_rlimit {
  unsigned long long soft, hard;
};

#define NOWHERE ((void *)(unsigned long)0xfffffff0u)

static void show_times(const char *what, const char *path) {
  struct stat status;
  must("lstat", lstat(path, &status));
  printf("%s: %lld.%09ld %lld.%09ld\n", what, (long long)status.st_atim.tv_sec, (long)status.st_atim.tv_nsec,
         (long long)status.st_mtim.tv_sec, (long)status.st_mtim.tv_nsec);
}

static void files(void) {
  int fd = report_open("creat", (int)syscall(SYS_creat, "file", 0640));
  report("write", write(fd, "some text", 9));
  report("is write-only", read(fd, &(char){0}, 1));
  close(fd);
  struct stat status;
  fd = report_open("creat again", (int)syscall(SYS_creat, "file", 0777));
  must("fstat", fstat(fd, &status));
  printf("mode %o, %lld bytes\n", status.st_mode, (long long)status.st_size);
  close(fd);
  report_open("creat of a directory", (int)syscall(SYS_creat, ".", 0777));
  report_open("creat in nothing", (int)syscall(SYS_creat, "nothing/file", 0777));
  report_open("creat of nowhere", (int)syscall(SYS_creat, NOWHERE, 0777));
  must("symlink", symlink("file", "link"));

  report("mknodat of a FIFO", syscall(SYS_mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0));
  must("lstat", lstat("fifo", &status));
  printf("mode %o\n", status.st_mode);
  report("mknodat of a file", syscall(SYS_mknodat, AT_FDCWD, "plain", S_IFREG | 0600, 0));
  report("mknodat where something is", syscall(SYS_mknodat, AT_FDCWD, "link", S_IFREG | 0600, 0));
  report("mknodat of a directory", syscall(SYS_mknodat, AT_FDCWD, "other", S_IFDIR | 0700, 0));
  report("mknodat of what is none", syscall(SYS_mknodat, AT_FDCWD, "other", S_IFMT, 0));

  struct linux_timeval times[2] = {{1000000001, 500000}, {1000000002, 999999}};
  report("utimes", syscall(SYS_utimes, "link", times));
  show_times("file", "file");
  times[1].microseconds = 1000000;
  report("utimes with a whole second", syscall(SYS_utimes, "file", times));
  times[1].microseconds = -1;
  report("utimes with less than none", syscall(SYS_utimes, "file", times));
  report("utimes of nowhere", syscall(SYS_utimes, "file", NOWHERE));
  show_times("file", "file");
  times[1] = (struct linux_timeval){-1, 250000};
  report("futimesat", syscall(SYS_futimesat, AT_FDCWD, "file", times));
  show_times("file", "file");
  report("futimesat of nothing", syscall(SYS_futimesat, AT_FDCWD, "nothing", times));
  struct linux_utimbuf both = {1234567890, 987654321};
  report("utime", syscall(SYS_utime, "file", &both));
  show_times("file", "file");
  long long before = (long long)time(NULL);
  report("utime of now", syscall(SYS_utime, "file", NULL));
  must("stat", stat("file", &status));
  printf("now %d\n", status.st_mtim.tv_sec >= before - 1 && status.st_mtim.tv_sec <= (long long)time(NULL));

  report("chown", syscall(SYS_chown, "link", -1, -1));
  report("lchown", syscall(SYS_lchown, "link", -1, -1));
  report("fchownat", syscall(SYS_fchownat, AT_FDCWD, "link", -1, -1, AT_SYMLINK_NOFOLLOW));
  report("fchownat with a flag that is none", syscall(SYS_fchownat, AT_FDCWD, "link", -1, -1, 1));
  report("chown of nothing", syscall(SYS_chown, "nothing", -1, -1));
  if (geteuid() == 0) {
    must("chmod", chmod("file", 06755));
    report("chown to another", syscall(SYS_chown, "link", 12, 34));
    must("stat", stat("file", &status));
    printf("%d %d %o\n", status.st_uid, status.st_gid, status.st_mode);
    report("lchown to another", syscall(SYS_lchown, "link", 56, -1));
    must("lstat", lstat("link", &status));
    printf("%d %d\n", status.st_uid, (int)status.st_gid == (int)getegid());
    report("fchownat to another", syscall(SYS_fchownat, AT_FDCWD, "file", -1, 78, 0));
    must("stat", stat("file", &status));
    printf("%d %d\n", status.st_uid, status.st_gid);
  }
}

static void clocks(void) {
  struct linux_timeval now;
  struct timespec precise;
  must("clock_gettime", clock_gettime(CLOCK_REALTIME, &precise));
  report("gettimeofday", syscall(SYS_gettimeofday, &now, NULL));
  printf("later %d, a part of a second %d\n", now.seconds >= precise.tv_sec, now.microseconds >= 0 && now.microseconds < 1000000);
  report("gettimeofday of nothing", syscall(SYS_gettimeofday, NULL, NULL));
  report("gettimeofday to nowhere", syscall(SYS_gettimeofday, NOWHERE, NULL));
  long long told = -1;
  long answer = syscall(SYS_time, &told);
  printf("time: told %d, the same %d\n", told >= now.seconds - 1, (long)told == answer);
  report("time to nowhere", syscall(SYS_time, NOWHERE));
}

static void waiting(void) {
  int list = report_open("epoll_create", (int)syscall(SYS_epoll_create, 1));
  report_open("epoll_create of none", (int)syscall(SYS_epoll_create, 0));
  int counter = report_open("eventfd", (int)syscall(SYS_eventfd, 3));
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42}, got[2];
  report("epoll_ctl", syscall(SYS_epoll_ctl, list, EPOLL_CTL_ADD, counter, &event));
  report("epoll_wait", syscall(SYS_epoll_wait, list, got, 2, 0));
  printf("events %x, data %llu\n", got[0].events, (unsigned long long)got[0].data.u64);
  unsigned long long count = 0;
  report("read", read(counter, &count, 8));
  printf("%llu\n", count);
  report("epoll_wait in vain", syscall(SYS_epoll_wait, list, got, 2, 10));
  report("epoll_wait for none", syscall(SYS_epoll_wait, list, got, 0, 0));
  report("epoll_wait on what is no list", syscall(SYS_epoll_wait, counter, got, 2, 0));

  unsigned long long mask = 1ULL << (SIGUSR1 - 1);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
  int signals = report_open("signalfd", (int)syscall(SYS_signalfd, -1, &mask, 8));
  report_open("signalfd of half a set", (int)syscall(SYS_signalfd, -1, &mask, 4));
  must("raise", raise(SIGUSR1));
  struct pollfd ready = {.fd = signals, .events = POLLIN};
  report("poll", poll(&ready, 1, 0));
  unsigned told[32];
  report("read", read(signals, told, sizeof told));
  printf("signal %u\n", told[0]);

  int watches = report_open("inotify_init", (int)syscall(SYS_inotify_init));
  report("watch", inotify_add_watch(watches, ".", IN_CREATE) > 0);
  close((int)syscall(SYS_creat, "watched", 0600));
  char news[256];
  report("news", read(watches, news, sizeof news) > 0);
  printf("of %s\n", ((struct inotify_event *)news)->name);
}

static volatile sig_atomic_t rings;

static void ring(int signal) {
  (void)signal;
  rings++;
}

static void alarms(void) {
  signal(SIGALRM, ring);
  report("alarm", syscall(SYS_alarm, 100));
  struct itimerval timer;
  report("getitimer", getitimer(ITIMER_REAL, &timer));
  printf("about %ld s, again %ld\n", (long)timer.it_value.tv_sec + (timer.it_value.tv_usec > 500000), (long)timer.it_interval.tv_sec);
  report("getitimer of none", syscall(SYS_getitimer, 3, &timer));
  report("getitimer to nowhere", syscall(SYS_getitimer, ITIMER_REAL, NOWHERE));
  long left = syscall(SYS_alarm, 1);
  printf("left %d\n", left == 100 || left == 99);
  pause();
  printf("rang %d\n", (int)rings);
  report("alarm of none", syscall(SYS_alarm, 0));
}

static void limits(void) {
  struct linux_rlimit limit;
  report("getrlimit", syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit));
  printf("%d\n", limit.soft <= limit.hard && limit.soft > 10);
  limit.soft = limit.hard = 20;
  report("setrlimit", syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  report("getrlimit", syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit));
  printf("%llu %llu\n", limit.soft, limit.hard);
  limit.soft = 21;
  report("setrlimit above", syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  report("setrlimit of none", syscall(SYS_setrlimit, 99, &limit));
  report("getrlimit of none", syscall(SYS_getrlimit, 99, &limit));
  report("getrlimit to nowhere", syscall(SYS_getrlimit, RLIMIT_NOFILE, NOWHERE));
}

static void identities(void) {
  printf("group %d\n", syscall(SYS_getpgrp) == getpgid(0));
  printf("gid %d, effective %d\n", syscall(SYS_getgid) == (long)getgid(), syscall(SYS_getegid) == (long)getegid());
  fflush(stdout);
  pid_t child = vfork();
  if (child == 0) _exit(7);
  int status = 0;
  must("waitpid", waitpid(child, &status, 0));
  printf("a child of vfork: %d\n", WEXITSTATUS(status));
}

int main(void) {
  umask(022);
  files();
  clocks();
  waiting();
  alarms();
  identities();
  limits();
  return 0;
}
