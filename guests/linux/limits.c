/* Resource limits: what they refuse, and what a child's end tells. */
#include "../report.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static int limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit to = {soft, hard};
  return setrlimit(resource, &to);
}

static volatile sig_atomic_t caught;
static void handler(int signal) { caught = signal; }

/* How a child that does this ended, as waitid tells it and as SIGCHLD did. */
static siginfo_t from_signal;
static void on_child(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  from_signal = *info;
}

static void tell(const char *what, pid_t child, int options) {
  siginfo_t info = {0};
  must("waitid", waitid(P_PID, child, &info, options));
  printf("%s: code %d status %d mine %d\n", what, info.si_code, info.si_status, info.si_pid == child);
}

static void ends(void) {
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO};
  sigaction(SIGCHLD, &action, NULL);
  pid_t child = must("fork", fork());
  if (child == 0) _exit(300);
  tell("looked at", child, WEXITED | WNOWAIT);
  tell("exited", child, WEXITED);
  printf("signal: code %d status %d\n", from_signal.si_code, from_signal.si_status);
  report("gone", waitid(P_PID, child, NULL, WEXITED));
  child = must("fork", fork());
  if (child == 0) for (;;) pause();
  siginfo_t info = {.si_pid = 1};
  must("waitid", waitid(P_PID, child, &info, WEXITED | WNOHANG));
  printf("nothing yet %d\n", (int)info.si_pid);
  kill(child, SIGSTOP);
  tell("stopped", child, WSTOPPED | WNOWAIT);
  tell("stopped", child, WSTOPPED);
  kill(child, SIGCONT);
  tell("continued", child, WCONTINUED);
  kill(child, SIGTERM);
  tell("killed", child, WEXITED);
  printf("signal: code %d status %d\n", from_signal.si_code, from_signal.si_status);
  child = must("fork", fork());
  if (child == 0) {
    limit(RLIMIT_CORE, 0, 0);
    abort();
  }
  tell("aborted", child, WEXITED);
  printf("signal: code %d status %d\n", from_signal.si_code, from_signal.si_status);
  report("no options", waitid(P_ALL, 0, &info, 0));
  report("wrong options", waitid(P_ALL, 0, &info, WEXITED | 0x100));
  report("nobody", waitid(P_ALL, 0, &info, WEXITED));
  signal(SIGCHLD, SIG_DFL);
}

static void descriptors(void) {
  struct rlimit was;
  must("getrlimit", getrlimit(RLIMIT_NOFILE, &was));
  must("setrlimit", limit(RLIMIT_NOFILE, 10, was.rlim_max));
  int count = 0, fd;
  while ((fd = dup(0)) >= 0) count = fd;
  printf("last descriptor %d, then %s\n", count, errno_name(errno));
  report("beyond", dup2(0, 10));
  struct rlimit is;
  must("getrlimit", getrlimit(RLIMIT_NOFILE, &is));
  printf("told %d %d\n", (int)is.rlim_cur, is.rlim_max == was.rlim_max);
  pid_t child = must("fork", fork());
  if (child == 0) _exit(dup(0) == -1 && errno == EMFILE ? 1 : 0);
  int status;
  waitpid(child, &status, 0);
  printf("inherited %d\n", WEXITSTATUS(status));
  report("soft above hard", limit(RLIMIT_NOFILE, 20, 10));
  must("prlimit", prlimit(0, RLIMIT_NOFILE, &was, &is));
  printf("was %d\n", (int)is.rlim_cur);
  printf("again %d\n", (fd = dup(0)) >= 10);
  for (int i = 3; i <= fd; i++) close(i);
}

/* Standard output may be a file too, so what is found is told when there is no limit any more. */
static struct { const char *what; long result; int error; } found[20];
static int findings;

static void find(const char *what, long result) {
  found[findings].what = what;
  found[findings].result = result;
  found[findings++].error = errno;
}

static void sizes(void) {
  int fd = must("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
  char bytes[200];
  memset(bytes, 'x', sizeof bytes);
  signal(SIGXFSZ, handler);
  must("setrlimit", limit(RLIMIT_FSIZE, 300, RLIM_INFINITY));
  find("fits", write(fd, bytes, 200));
  find("cut", write(fd, bytes, 200));
  find("full", write(fd, bytes, 1));
  find("signal", caught == SIGXFSZ);
  caught = 0;
  find("beyond", pwrite(fd, bytes, 1, 5000));
  find("longer", ftruncate(fd, 301));
  find("as long", ftruncate(fd, 300));
  find("inside", pwrite(fd, bytes, 10, 0));
  find("stored", posix_fallocate(fd, 0, 300));
  find("not stored", posix_fallocate(fd, 200, 200) == EFBIG);
  find("signal", caught == SIGXFSZ);
  int ends[2];
  must("pipe", pipe(ends));
  find("a pipe", write(ends[1], bytes, 200) + write(ends[1], bytes, 200));
  signal(SIGXFSZ, SIG_DFL);
  pid_t child = must("fork", fork());
  if (child == 0) {
    write(fd, bytes, 1);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  find("ended by it", WIFSIGNALED(status) ? WTERMSIG(status) == SIGXFSZ : -2);
  must("setrlimit", limit(RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY));
  for (int i = 0; i < findings; i++) {
    errno = found[i].error;
    report(found[i].what, found[i].result);
  }
  report("again", write(fd, bytes, 200));
  unlink("file");
}

static void processes_and_memory(void) {
  pid_t child = must("fork", fork());
  if (child == 0) {
    must("setrlimit", limit(RLIMIT_NPROC, 0, 0));
    must("setuid", setuid(54321));
    report("no process", fork());
    report("no more for others", limit(RLIMIT_NPROC, 5, 5));
    _exit(0);
  }
  waitpid(child, NULL, 0);
  child = must("fork", fork());
  if (child == 0) {
    must("setrlimit", limit(RLIMIT_AS, 200 << 20, 200 << 20));
    report("too much memory", mmap(NULL, 220 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    report("a little", mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  report("no resource", limit(99, 1, 1));
}

static void time_used(void) {
  pid_t child = must("fork", fork());
  if (child == 0) {
    caught = 0;
    signal(SIGXCPU, handler);
    must("setrlimit", limit(RLIMIT_CPU, 1, 2));
    while (!caught) clock();
    printf("warned %d\n", caught == SIGXCPU);
    for (;;) clock();
  }
  int status;
  struct rusage usage;
  must("wait4", wait4(child, &status, 0, &usage));
  printf("ended by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
  printf("used about two seconds %d\n", usage.ru_utime.tv_sec + usage.ru_stime.tv_sec >= 1);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  ends();
  descriptors();
  sizes();
  processes_and_memory();
  time_used();
  return 0;
}
