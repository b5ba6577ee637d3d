/* /proc as proc(5) has it: a process about itself, about another, and the machine; links that lead to open files. */
#include "../report.h"
#include "slurp.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Print a field of /proc/self/status or another such file. */
static void show(const char *path, const char *name) {
  if (slurp(path) < 0) {
    printf("%s: %s\n", path, errno_name(errno));
    return;
  }
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    size_t length = strlen(name);
    if (!strncmp(line, name, length) && line[length] == ':') printf("%s\n", line);
  }
}

static const char *link_text(const char *path) {
  static char target[4096];
  long length = readlink(path, target, sizeof target - 1);
  if (length < 0) return errno_name(errno);
  target[length] = 0;
  return target;
}

/* What follows the last slash. */
static const char *last(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static char path[256];

static const char *of(int pid, const char *rest) {
  snprintf(path, sizeof path, "/proc/%d/%s", pid, rest);
  return path;
}

static const char *fd_path(int fd) {
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

static void ignore(int signal) { (void)signal; }

static void about_itself(void) {
  int pid, parent, group, session, fields = 0;
  char name[64], state;
  printf("self %d\n", atoi(link_text("/proc/self")) == getpid());
  snprintf(path, sizeof path, "%d/task/%d", getpid(), gettid());
  printf("thread-self %d\n", !strcmp(link_text("/proc/thread-self"), path));
  slurp("/proc/self/stat");
  sscanf(text, "%d (%63[^)]) %c %d %d %d", &pid, name, &state, &parent, &group, &session);
  for (char *at = text; (at = strchr(at, ' ')); at++) fields++;
  printf("stat %d %c %d %d %d, %d blanks\n", pid == getpid(), state, parent == getppid(), group == getpgrp(),
         session == getsid(0), fields);
  long length = slurp("/proc/self/cmdline");
  printf("cmdline %d %d\n", length > 0, text[length - 1] == 0);
  must("prctl", prctl(PR_SET_NAME, "a (name) x"));
  slurp("/proc/self/comm");
  printf("comm %s", text);
  int comm = must("open comm", open("/proc/self/comm", O_WRONLY));
  report("write comm", write(comm, "sixteen bytes and more", 22));
  slurp("/proc/self/comm");
  printf("comm %s", text);
  fflush(stdout);
  pid_t namer = fork();
  if (namer == 0) {
    // Held from before, it is still the parent's, who alone gives itself a name.
    report("write another's comm", write(comm, "taken", 5));
    fflush(stdout);
    _exit(0);
  }
  waitpid(namer, NULL, 0);
  close(comm);
  show("/proc/self/status", "Name");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, 40);
  sigprocmask(SIG_SETMASK, &set, NULL);
  raise(SIGUSR1);
  signal(SIGUSR2, ignore);
  signal(SIGHUP, SIG_IGN);
  umask(0027);
  for (const char *const *name = (const char *const[]){"Umask", "State", "SigPnd", "SigBlk", "SigIgn", "SigCgt",
                                                       "Threads", "TracerPid", NULL};
       *name; name++)
    show("/proc/self/status", *name);
  umask(0022);
  signal(SIGUSR1, SIG_IGN);
  slurp("/proc/self/statm");
  long pages[7];
  printf("statm %d\n", sscanf(text, "%ld %ld %ld %ld %ld %ld %ld", pages, pages + 1, pages + 2, pages + 3, pages + 4,
                              pages + 5, pages + 6));
  slurp("/proc/self/limits");
  printf("%.80s", text);
  slurp("/proc/self/maps");
  unsigned long start, end, here = (unsigned long)&start;
  int found = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= here && here < end) found++;
  printf("in maps %d\n", found);
  report("a file that is not there", open("/proc/self/nothing", O_RDONLY));
  report("a new file", open("/proc/self/new", O_CREAT | O_WRONLY, 0600));
  report("mkdir", mkdir("/proc/new", 0700));
  report("unlink", unlink("/proc/self/stat"));
  report("a process that is not there", open("/proc/999999999/stat", O_RDONLY));
}

static void open_files(void) {
  struct stat st, by_link;
  char byte;
  int file = must("open", open("one", O_CREAT | O_RDWR | O_APPEND, 0644));
  must("write", write(file, "0123456789", 10));
  printf("link to %s\n", last(link_text(fd_path(file))));
  must("rename", rename("one", "two"));
  printf("link to %s\n", last(link_text(fd_path(file))));
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
  show(path, "pos");
  show(path, "flags");
  int again = must("open again", open(fd_path(file), O_RDONLY));
  must("read", read(again, &byte, 1));
  printf("from the start: %c\n", byte);
  report("writing what was opened to be read", write(again, "x", 1));
  must("unlink", unlink("two"));
  printf("link to %s\n", last(link_text(fd_path(file))));
  must("lstat", lstat(fd_path(again), &st));
  printf("the link itself %o, size %d\n", st.st_mode, (int)st.st_size);
  must("stat", stat(fd_path(again), &by_link));
  must("fstat", fstat(file, &st));
  printf("same file %d\n", st.st_ino == by_link.st_ino && st.st_dev == by_link.st_dev);
  report("below a file", open(strcat(strcpy(text, fd_path(file)), "/x"), O_RDONLY));
  report("a file with a slash", open(strcat(strcpy(text, fd_path(file)), "/"), O_RDONLY));
  report("not followed", open(fd_path(file), O_RDONLY | O_NOFOLLOW));
  report("made anew", open(fd_path(file), O_CREAT | O_EXCL | O_RDWR, 0600));
  report("nothing open", open("/proc/self/fd/77", O_RDONLY));
  must("truncate", truncate(fd_path(file), 3));
  must("fstat", fstat(file, &st));
  printf("size %d\n", (int)st.st_size);

  int ends[2];
  must("pipe", pipe(ends));
  must("fstat", fstat(ends[0], &st));
  char expected[64];
  snprintf(expected, sizeof expected, "pipe:[%lu]", (unsigned long)st.st_ino);
  printf("pipe %d\n", !strcmp(link_text(fd_path(ends[0])), expected));
  int writer = must("open the pipe's other end", open(fd_path(ends[0]), O_WRONLY));
  close(ends[1]);
  must("write", write(writer, "x", 1));
  printf("read %ld\n", (long)read(ends[0], &byte, 1));
  close(writer);
  printf("read %ld\n", (long)read(ends[0], &byte, 1));
  report("a writer that does not wait", open(fd_path(ends[0]), O_WRONLY | O_NONBLOCK) < 0 ? -1 : 0);

  must("mkdir", mkdir("d", 0755));
  must("mkdir", mkdir("d/e", 0755));
  must("chdir", chdir("d/e"));
  printf("cwd %s\n", last(link_text("/proc/self/cwd")));
  report("through cwd", access("/proc/self/cwd/../e", F_OK));
  must("rmdir", rmdir("../e"));
  printf("cwd %s\n", last(link_text("/proc/self/cwd")));
  must("chdir", chdir("/proc/self/cwd/.."));
  printf("cwd %s\n", last(link_text("/proc/self/cwd")));
  printf("root %s\n", link_text("/proc/self/root"));
  must("chdir", chdir("/proc/self/fd"));
  printf("in fd %d\n", faccessat(AT_FDCWD, "0", F_OK, AT_SYMLINK_NOFOLLOW));
  must("chdir", chdir("/"));
  must("/dev/fd", access("/dev/fd/1", F_OK));
  printf("/dev/stderr %s\n", link_text("/dev/stderr"));
  int error = must("open /dev/stderr", open("/dev/stderr", O_WRONLY));
  must("write", write(error, "told\n", 5));
}

static void about_another(void) {
  char state = 0, name[64];
  must("prctl", prctl(PR_SET_NAME, "parent"));
  int child = must("fork", fork());
  if (child == 0) {
    prctl(PR_SET_NAME, "child");
    for (;;) pause();
  }
  for (int i = 0; i < 1000 && state != 'S'; i++) {
    usleep(1000);
    if (slurp(of(child, "stat")) > 0) sscanf(text, "%*d (%63[^)]) %c", name, &state);
  }
  printf("%s %c\n", name, state);
  printf("its cmdline %d\n", slurp(of(child, "cmdline")) > 0);
  kill(child, SIGSTOP);
  waitpid(child, NULL, WUNTRACED);
  show(of(child, "status"), "State");
  kill(child, SIGKILL);
  siginfo_t info;
  must("waitid", waitid(P_PID, child, &info, WEXITED | WNOWAIT));
  show(of(child, "status"), "State");
  show(of(child, "status"), "VmSize");
  printf("its cmdline %ld\n", slurp(of(child, "cmdline")));
  printf("its exe %s\n", link_text(of(child, "exe")));
  int before = must("open", open(of(child, "stat"), O_RDONLY));
  int directory = must("open", open(of(child, "."), O_RDONLY));
  must("waitpid", waitpid(child, NULL, 0));
  report("after it is gone", access(of(child, "stat"), F_OK));
  long moved = read(before, text, 10);
  printf("read then: %ld %d\n", moved, moved < 0 && errno == ESRCH);
  report("in its directory", faccessat(directory, "status", F_OK, 0));
}

/* Who may not look. The superuser tries this as somebody else. */
static void permissions(void) {
  int file = must("open", open("secret", O_CREAT | O_RDWR, 0600));
  int readable = must("open", open("readable", O_CREAT | O_RDWR, 0644));
  must("chmod", chmod("readable", 0444));
  int child = must("fork", fork());
  if (child == 0) {
    int parent = getppid();
    must("setgid", setresgid(1000, 1000, 1000));
    must("setuid", setresuid(1000, 1000, 1000));
    report("its stat", access(of(parent, "stat"), R_OK));
    report("its environ", open(of(parent, "environ"), O_RDONLY));
    report("its maps", open(of(parent, "maps"), O_RDONLY));
    report("its exe", readlink(of(parent, "exe"), text, sizeof text));
    report("its cwd", chdir(of(parent, "cwd")));
    report("its root", access(of(parent, "root/"), F_OK));
    report("its fd", open(of(parent, "fd"), O_RDONLY));
    report("its file", access(of(parent, "fd/0"), F_OK));
    report("its name", open(of(parent, "comm"), O_WRONLY));
    report("a secret again", open(fd_path(file), O_RDONLY));
    report("to write again", open(fd_path(readable), O_WRONLY));
    report_open("to read again", open(fd_path(readable), O_RDONLY));
    show("/proc/self/status", "Uid");
    show("/proc/self/status", "CapEff");
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void machine(void) {
  struct utsname names;
  double up, idle, load[3];
  long total;
  int running, all, newest;
  must("uname", uname(&names));
  slurp("/proc/sys/kernel/ostype");
  printf("ostype %s", text);
  slurp("/proc/sys/kernel/osrelease");
  printf("osrelease %d\n", !strncmp(text, names.release, strlen(names.release)));
  slurp("/proc/sys/kernel/hostname");
  printf("hostname %d\n", !strncmp(text, names.nodename, strlen(names.nodename)));
  slurp("/proc/version");
  printf("version %.14s\n", text);
  slurp("/proc/uptime");
  printf("uptime %d\n", sscanf(text, "%lf %lf", &up, &idle));
  slurp("/proc/loadavg");
  printf("loadavg %d\n", sscanf(text, "%lf %lf %lf %d/%d %d", load, load + 1, load + 2, &running, &all, &newest));
  slurp("/proc/meminfo");
  printf("meminfo %d\n", sscanf(text, "MemTotal: %ld kB\nMemFree: %ld kB", &total, &total));
  slurp("/proc/stat");
  printf("stat %d %d\n", !strncmp(text, "cpu  ", 5), strstr(text, "\nbtime ") != NULL);
  slurp("/proc/filesystems");
  printf("filesystems %d\n", strstr(text, "nodev\tproc\n") != NULL);
  slurp("/proc/mounts");
  printf("mounts %d\n", strstr(text, " /proc proc rw,") != NULL);
  slurp("/proc/self/mountinfo");
  printf("mountinfo %d\n", strstr(text, " / /proc rw,") != NULL && strstr(text, " - proc proc rw\n") != NULL);
  slurp("/proc/cpuinfo");
  printf("cpuinfo %d\n", !strncmp(text, "processor\t: 0\n", 14));
  char first[64];
  printf("boot_id %ld\n", slurp("/proc/sys/kernel/random/boot_id"));
  strcpy(first, text);
  slurp("/proc/sys/kernel/random/boot_id");
  printf("the same %d\n", !strcmp(first, text));
  slurp("/proc/sys/kernel/random/uuid");
  strcpy(first, text);
  slurp("/proc/sys/kernel/random/uuid");
  printf("others %d %c\n", strcmp(first, text) != 0, text[14]);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 4096);
  about_itself();
  open_files();
  about_another();
  permissions();
  machine();
  return 0;
}
