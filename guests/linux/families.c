/* What becomes of children whose parent ends: signals to them, and who takes them; and execveat by descriptor. */
#include "../report.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile sig_atomic_t caught, sender, code;

static void informed(int signal, siginfo_t *info, void *context) {
  (void)context;
  caught = signal, sender = info->si_pid, code = info->si_code;
}

static void say(int fd, const char *text) { must("write", (int)write(fd, text, strlen(text))); }

/* What grandchildren said through a pipe, up to the end. */
static void hear(int fd) {
  char text[256];
  ssize_t length, all = 0;
  while ((length = read(fd, text + all, sizeof text - 1 - all)) > 0) all += length;
  text[all] = 0;
  printf("%s", text);
}

static void death(void) {
  int value = -1;
  report("none", prctl(PR_GET_PDEATHSIG, &value));
  printf("%d\n", value);
  report("no such signal", prctl(PR_SET_PDEATHSIG, 65));
  int ends[2], ready[2];
  must("pipe", pipe(ends));
  must("pipe", pipe(ready));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    pid_t middle = getpid();
    must("prctl", prctl(PR_SET_PDEATHSIG, SIGUSR2));
    pid_t grandchild = must("fork", fork());
    if (grandchild == 0) {
      close(ready[0]);
      must("prctl", prctl(PR_GET_PDEATHSIG, &value));
      say(ends[1], value == 0 ? "not inherited\n" : "inherited\n");
      struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
      sigset_t mask, before;
      sigemptyset(&mask);
      sigaddset(&mask, SIGUSR1);
      sigprocmask(SIG_BLOCK, &mask, &before);
      sigaction(SIGUSR1, &action, NULL);
      must("prctl", prctl(PR_SET_PDEATHSIG, SIGUSR1));
      say(ready[1], "x");
      sigsuspend(&before);
      say(ends[1], caught == SIGUSR1 && sender == middle && code == SI_USER ? "told by the parent\n" : "not told\n");
      _exit(0);
    }
    char byte;
    must("read", (int)read(ready[0], &byte, 1));
    _exit(0);
  }
  close(ends[1]);
  close(ready[1]);
  waitpid(child, NULL, 0);
  hear(ends[0]);
  close(ends[0]);
  close(ready[0]);
}

static void other_user(void) {
  if (geteuid() != 0) {
    printf("another user: dumpable 0, signal 0\n");
    return;
  }
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    int value = -1;
    must("prctl", prctl(PR_SET_PDEATHSIG, SIGUSR1));
    if (setgid(1234) != 0 || setuid(1234) != 0) _exit(9);
    int dumpable = prctl(PR_GET_DUMPABLE);
    must("prctl", prctl(PR_GET_PDEATHSIG, &value));
    printf("another user: dumpable %d, signal %d\n", dumpable != 1 ? 0 : 1, value);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void reaper(void) {
  int value = -1;
  must("prctl", prctl(PR_GET_CHILD_SUBREAPER, &value));
  printf("subreaper %d\n", value);
  must("prctl", prctl(PR_SET_CHILD_SUBREAPER, 1));
  must("prctl", prctl(PR_GET_CHILD_SUBREAPER, &value));
  printf("subreaper %d\n", value);
  pid_t self = getpid();
  int ends[2];
  must("pipe", pipe(ends));
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    must("prctl", prctl(PR_GET_CHILD_SUBREAPER, &value));
    say(ends[1], value == 0 ? "not inherited\n" : "inherited\n");
    if (fork() == 0) _exit(3);
    pid_t waits = fork();
    if (waits == 0) {
      for (int i = 0; i < 2000 && getppid() != self; i++) usleep(1000);
      say(ends[1], getppid() == self ? "taken\n" : "lost\n");
      _exit(4);
    }
    /* The first is a zombie by now, which its new parent waits for. */
    usleep(30000);
    _exit(0);
  }
  close(ends[1]);
  int ended = 0, sum = 0, status;
  while (wait(&status) > 0) ended++, sum += WEXITSTATUS(status);
  hear(ends[0]);
  close(ends[0]);
  printf("waited for %d: %d\n", ended, sum);
  must("prctl", prctl(PR_SET_CHILD_SUBREAPER, 0));
}

static long execute(int fd, const char *path, int flags) {
  char *const words[] = {"name", NULL};
  return syscall(SYS_execveat, fd, path, words, (char *const[]){NULL}, flags);
}

static void by_descriptor(void) {
  report("flags", execute(AT_FDCWD, "x", 1));
  report("no path", execute(AT_FDCWD, "", 0));
  report("the directory", execute(AT_FDCWD, "", AT_EMPTY_PATH));
  report("closed", execute(99, "", AT_EMPTY_PATH));
  int ends[2];
  must("pipe", pipe(ends));
  report("a pipe", execute(ends[0], "", AT_EMPTY_PATH));
  int fd = must("open", open("plain", O_CREAT | O_RDWR, 0644));
  report("not to be executed", execute(fd, "", AT_EMPTY_PATH));
  must("chmod", fchmod(fd, 0755));
  say(fd, "neither one nor the other\n");
  close(fd);
  fd = must("open", open("plain", O_RDONLY));
  report("no program", execute(fd, "", AT_EMPTY_PATH));
  must("symlink", symlink("plain", "link"));
  report("a link", execute(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW));
  report("through it", execute(AT_FDCWD, "link", 0));
  int script = must("open", open("script", O_CREAT | O_WRONLY, 0755));
  say(script, "#!./nothing there\n");
  close(script);
  script = must("open", open("script", O_RDONLY | O_CLOEXEC));
  report("no interpreter", execute(AT_FDCWD, "script", 0));
  report("a script that closes", execute(script, "", AT_EMPTY_PATH));
  int here = must("open", open(".", O_RDONLY | O_DIRECTORY));
  report("below a directory", execute(here, "plain", 0));
  report("below a file", execute(fd, "plain", 0));
  unlink("plain");
  unlink("link");
  unlink("script");
}

/* A stopped child in the same group; waits until it has stopped. */
static pid_t stopped_child(int said) {
  pid_t child = must("fork", fork());
  if (child == 0) {
    raise(SIGSTOP);
    say(said, caught == SIGHUP ? "hung up\n" : "continued\n");
    _exit(0);
  }
  must("waitpid", waitpid(child, NULL, WUNTRACED));
  return child;
}

/* A group that has somebody stopped hears SIGHUP when it loses its last parent in another group of its session, and only then. */
static void hung_up(void) {
  struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGHUP, &action, NULL));
  int ends[2];
  must("pipe", pipe(ends));
  fflush(stdout);
  pid_t leader = must("fork", fork());
  if (leader == 0) {
    must("setpgid", setpgid(0, 0));
    stopped_child(ends[1]);
    _exit(0);
  }
  must("waitpid", waitpid(leader, NULL, 0));
  close(ends[1]);
  hear(ends[0]);
  close(ends[0]);

  must("pipe", pipe(ends));
  leader = must("fork", fork());
  if (leader == 0) {
    must("setsid", setsid());
    pid_t member = must("fork", fork());
    if (member == 0) {
      must("kill", kill(stopped_child(ends[1]), SIGKILL));
      stopped_child(ends[1]);
      _exit(0);
    }
    must("waitpid", waitpid(member, NULL, 0));
    say(ends[1], caught == SIGHUP ? "the leader is hung up\n" : "nobody hears\n");
    kill(0, SIGKILL);
  }
  must("waitpid", waitpid(leader, NULL, 0));
  close(ends[1]);
  hear(ends[0]);
  close(ends[0]);
}

int main(void) {
  printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  must("prctl", prctl(PR_SET_DUMPABLE, 0));
  printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  report("what cannot be set", prctl(PR_SET_DUMPABLE, 2));
  must("prctl", prctl(PR_SET_DUMPABLE, 1));
  death();
  other_user();
  reaper();
  by_descriptor();
  hung_up();
  return 0;
}
