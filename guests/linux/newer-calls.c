/* Calls with flags that older ones lack, and calls that tell of the process: what they take and what they refuse. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define NOWHERE ((void *)(unsigned long)0xfffffff0u)
#define REPLACE_NOT 1
#define EXCHANGE 2
#define UNSHARE 2
#define CLOEXEC 4
#define HIGH_PRIORITY 1

/* struct statx of linux/stat.h: the C libraries' headers differ in what they show of it. */
struct linux_statx {
  unsigned mask, block_size;
  unsigned long long attributes;
  unsigned links, uid, gid;
  unsigned short mode, spare;
  unsigned long long inode, size, blocks, attributes_mask;
  struct {
    long long seconds;
    unsigned nanoseconds;
    int spare;
  } accessed, born, changed, modified;
  unsigned rest[32];
};

static void write_file(const char *name, const char *text) {
  int fd = must("open", open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644));
  must("write", (int)write(fd, text, strlen(text)));
  close(fd);
}

static void show(const char *name) {
  char text[64] = "";
  int fd = open(name, O_RDONLY);
  if (fd == -1) printf("%s: %s\n", name, errno_name(errno));
  else printf("%s: %zd %s\n", name, read(fd, text, sizeof text - 1), text);
  close(fd);
}

static long read_at(int fd, char *into, int length, long long position, int flags) {
  struct iovec one = {into, (size_t)length};
  return syscall(SYS_preadv2, fd, &one, 1L, (long)position, 0L, flags);
}

static void reading(void) {
  write_file("file", "0123456789");
  int fd = must("open", open("file", O_RDWR));
  char text[16] = "";
  report("preadv2", read_at(fd, text, 4, 3, 0));
  printf("%s\n", text);
  report("preadv2 at the position", read_at(fd, text, 2, -1, 0));
  report("and on", read_at(fd, text, 3, -1, 0));
  printf("%s, at %lld\n", text, (long long)lseek(fd, 0, SEEK_CUR));
  report("preadv2 with priority", read_at(fd, text, 3, 0, HIGH_PRIORITY));
  report("preadv2 with a flag that is none", read_at(fd, text, 3, 0, 1 << 20));
  report("preadv2 before the beginning", read_at(fd, text, 3, -2, 0));
  close(fd);
  report("preadv2 of nothing", read_at(fd, text, 3, 0, 0));
}

static void renaming(void) {
  write_file("one", "1");
  write_file("two", "2");
  report("onto another", syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "two", REPLACE_NOT));
  report("exchanged", syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "two", EXCHANGE));
  show("one");
  show("two");
  report("exchanged with nothing", syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "three", EXCHANGE));
  report("to a new name", syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "three", REPLACE_NOT));
  show("one");
  report("both", syscall(SYS_renameat2, AT_FDCWD, "two", AT_FDCWD, "three", REPLACE_NOT | EXCHANGE));
  report("a flag that is none", syscall(SYS_renameat2, AT_FDCWD, "two", AT_FDCWD, "three", 1 << 10));
  must("mkdir", mkdir("directory", 0755));
  report("a file for a directory", syscall(SYS_renameat2, AT_FDCWD, "two", AT_FDCWD, "directory", EXCHANGE));
  show("directory");
}

static void modes(void) {
  must("symlink", symlink("file", "link"));
  report("fchmodat2", syscall(SYS_fchmodat2, AT_FDCWD, "link", 0604, 0));
  struct stat status;
  must("stat", stat("file", &status));
  printf("%o\n", status.st_mode);
  report("fchmodat2 of a link", syscall(SYS_fchmodat2, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW) == 0 || errno == EOPNOTSUPP);
  report("a flag that is none", syscall(SYS_fchmodat2, AT_FDCWD, "file", 0600, 1));
  int fd = must("open", open("file", O_RDONLY));
  report("of a descriptor", syscall(SYS_fchmodat2, fd, "", 0640, AT_EMPTY_PATH));
  report("of an empty path", syscall(SYS_fchmodat2, fd, "", 0640, 0));
  must("fstat", fstat(fd, &status));
  printf("%o\n", status.st_mode);
  close(fd);
}

static void attributes(void) {
  struct linux_statx found;
  struct stat status;
  must("stat", stat("file", &status));
  memset(&found, 0xaa, sizeof found);
  report("statx", syscall(SYS_statx, AT_FDCWD, "link", 0, 0x7ff, &found));
  printf("of a stat: mask %d, mode %o, size %llu, links %u, the same inode %d, modified %d\n", (found.mask & 0x7ff) == 0x7ff,
         found.mode, found.size, found.links, found.inode == status.st_ino,
         found.modified.seconds == status.st_mtim.tv_sec && found.modified.nanoseconds == (unsigned)status.st_mtim.tv_nsec);
  report("of the link", syscall(SYS_statx, AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, 0x7ff, &found));
  printf("mode %o, size %llu\n", found.mode, found.size);
  int fd = must("open", open("file", O_RDONLY));
  report("of a descriptor", syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0x7ff, &found));
  printf("size %llu\n", found.size);
  report("of an empty path", syscall(SYS_statx, fd, "", 0, 0x7ff, &found));
  report("of nothing", syscall(SYS_statx, AT_FDCWD, "nothing", 0, 0x7ff, &found));
  report("a flag that is none", syscall(SYS_statx, AT_FDCWD, "file", 1, 0x7ff, &found));
  report("a reserved bit", syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000u, &found));
  report("to nowhere", syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, NOWHERE));
  close(fd);
  char names[64];
  report("names of a link", llistxattr("link", names, sizeof names));
  report("none of them", lremovexattr("link", "trusted.nothing") == -1 && (errno == ENODATA || errno == EPERM || errno == ENOTSUP));
}

static void closing(void) {
  int first = must("dup", fcntl(1, F_DUPFD, 100));
  for (int i = 0; i < 10; i++) must("dup2", dup2(1, 200 + i));
  report("close_range", syscall(SYS_close_range, 202, 205, 0));
  report("before it", fcntl(201, F_GETFD));
  report("within", fcntl(202, F_GETFD));
  report("its end", fcntl(205, F_GETFD));
  report("behind it", fcntl(206, F_GETFD));
  report("marked", syscall(SYS_close_range, 206, 207, CLOEXEC));
  report("close on exec", fcntl(207, F_GETFD));
  report("not this", fcntl(208, F_GETFD));
  report("unshared", syscall(SYS_close_range, 208, ~0u, UNSHARE));
  report("the last", fcntl(209, F_GETFD));
  report("backwards", syscall(SYS_close_range, 5, 4, 0));
  report("a flag that is none", syscall(SYS_close_range, 300, 301, 1));
  report("where nothing is", syscall(SYS_close_range, 300, 400, 0));
  report("the first stays", fcntl(first, F_GETFD));
  close(first);
}

static volatile sig_atomic_t caught;

static void catch(int signal) { caught = signal; }

static void waiting(void) {
  int ends[2];
  must("pipe", pipe(ends));
  signal(SIGUSR1, catch);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  must("sigprocmask", sigprocmask(SIG_BLOCK, &blocked, &before));
  struct pollfd one = {.fd = ends[0], .events = POLLIN};
  report("ppoll", ppoll(&one, 1, &(struct timespec){0, 1000000}, NULL));
  must("raise", raise(SIGUSR1));
  report("ppoll with a mask", ppoll(&one, 1, NULL, &before));
  printf("caught %d\n", caught == SIGUSR1);
  report("write", write(ends[1], "x", 1));
  report("ppoll of something", ppoll(&one, 1, NULL, &before));
  report("ppoll with a bad time", ppoll(&one, 1, &(struct timespec){0, 1000000000}, NULL));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  report("pselect", pselect(ends[0] + 1, &set, NULL, NULL, &(struct timespec){1, 0}, NULL));
  printf("set %d\n", FD_ISSET(ends[0], &set));
  must("read", (int)read(ends[0], &(char){0}, 1));
  caught = 0;
  must("raise", raise(SIGUSR1));
  report("pselect with a mask", pselect(ends[0] + 1, &set, NULL, NULL, NULL, &before));
  printf("caught %d\n", caught == SIGUSR1);
  report("pselect in vain", pselect(ends[0] + 1, &set, NULL, NULL, &(struct timespec){0, 1000000}, NULL));
  printf("set %d\n", FD_ISSET(ends[0], &set));
}

static void timers(void) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  must("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec now = {{0, 0}, {0, 0}};
  report("timer_gettime", timer_gettime(timer, &now));
  printf("not armed %d\n", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  must("timer_settime", timer_settime(timer, 0, &(struct itimerspec){{5, 7}, {100, 0}}, NULL));
  report("timer_gettime", timer_gettime(timer, &now));
  printf("left %d, then every %ld s %ld ns\n", now.it_value.tv_sec == 99, (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
  report("timer_delete", timer_delete(timer));
  report("gone", syscall(SYS_timer_gettime, 0, &now));
  report("again", syscall(SYS_timer_delete, 0));
}

static void machine(void) {
  struct sysinfo info;
  report("sysinfo", sysinfo(&info));
  printf("memory %d, unit %d, up %d, processes %d\n", info.totalram > 0 && info.freeram <= info.totalram, info.mem_unit > 0,
         info.uptime >= 0, info.procs > 0);
  report("sysinfo to nowhere", syscall(SYS_sysinfo, NOWHERE));
  struct rusage usage;
  for (volatile long i = 0; i < 30000000; i++) {}
  report("getrusage", getrusage(RUSAGE_SELF, &usage));
  printf("used %d\n", usage.ru_utime.tv_sec > 0 || usage.ru_utime.tv_usec > 0);
  report("of its children", getrusage(RUSAGE_CHILDREN, &usage));
  printf("none %d\n", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
  report("of its thread", getrusage(RUSAGE_THREAD, &usage));
  report("of nobody", syscall(SYS_getrusage, 7, &usage));
  report("to nowhere", syscall(SYS_getrusage, 0, NOWHERE));
  struct tms used;
  report("times", times(&used) == (clock_t)-1);
  printf("user %d, no children %d\n", used.tms_utime >= 0, used.tms_cutime == 0);
  unsigned processor = ~0u, node = ~0u;
  report("getcpu", syscall(SYS_getcpu, &processor, &node, NULL));
  printf("of %d\n", processor < 4096 && node < 4096);
  report("the least of SCHED_OTHER", sched_get_priority_min(SCHED_OTHER));
  report("the most", sched_get_priority_max(SCHED_OTHER));
  report("the least of SCHED_FIFO", syscall(SYS_sched_get_priority_min, SCHED_FIFO));
  report("the most", syscall(SYS_sched_get_priority_max, SCHED_FIFO));
  report("of no policy", syscall(SYS_sched_get_priority_max, 99));
}

/* What changes nothing that a program could see, and still knows its arguments. */
static void advice(void) {
  int fd = must("open", open("file", O_RDWR)), ends[2];
  must("pipe", pipe(ends));
  sync();
  report("syncfs", syncfs(fd));
  report("sync_file_range", sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE));
  report("of a pipe", sync_file_range(ends[0], 0, 4, SYNC_FILE_RANGE_WRITE));
  report("readahead", readahead(fd, 0, 4));
  report("of a pipe", readahead(ends[0], 0, 4));
  printf("posix_fadvise: %s\n", errno_name(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL)));
  printf("of a pipe: %s\n", errno_name(posix_fadvise(ends[0], 0, 0, POSIX_FADV_SEQUENTIAL)));
  printf("none: %s\n", errno_name(posix_fadvise(fd, 0, 0, 77)));
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *page = 1;
  unsigned char resident = 0;
  report("mincore", mincore(page, 4096, &resident));
  printf("resident %d\n", resident & 1);
  report("mlock", mlock(page, 4096));
  report("munlock", munlock(page, 4096));
  report("mlock2", syscall(SYS_mlock2, page, 4096L, 0L));
  report("mlock2 with a flag that is none", syscall(SYS_mlock2, page, 4096L, 8L));
  report("mlockall", syscall(SYS_mlockall, 1));
  report("mlockall of nothing", syscall(SYS_mlockall, 0));
  report("mlockall of nothing, on fault", syscall(SYS_mlockall, 4));
  report("munlockall", munlockall());
  close(fd);
  fd = must("open", open("file", O_WRONLY));
  report("readahead of what is not open for reading", readahead(fd, 0, 4));
  report("a range before the beginning", syscall(SYS_sync_file_range, fd, -1L, 4L, 2));
  report("a range with a flag that is none", sync_file_range(fd, 0, 4, 8));
  close(fd);
  fd = must("open", open("file", O_PATH));
  report("readahead of a name", readahead(fd, 0, 4));
  report("syncfs of a name", syncfs(fd));
  printf("posix_fadvise of a name: %s\n", errno_name(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL)));
  close(fd);
  report("syncfs of nothing", syncfs(fd));
  report("readahead of nothing", readahead(fd, 0, 4));
}

int main(void) {
  umask(022);
  reading();
  renaming();
  modes();
  attributes();
  closing();
  waiting();
  timers();
  machine();
  advice();
  return 0;
}
