/* Who gave up an identity is not looked into by others of its new one, until it says so or executes another program. */
#include "../report.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void become_user(void) {
  must("setgroups", setgroups(0, NULL));
  must("setgid", setgid(1000));
  must("setuid", setuid(1000));
}

/* What another process of the same user may do with one. */
static void look(const char *when, int pid) {
  fflush(stdout);
  int looker = must("fork", fork());
  if (looker == 0) {
    become_user();
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int environment = open(path, O_RDONLY);
    printf("%s: environ %s\n", when, environment < 0 ? errno_name(errno) : "open");
    int process = must("pidfd_open", (int)syscall(SYS_pidfd_open, pid, 0));
    /* Linux may refuse this to all but parents in any case (ptrace_scope of Yama). */
    if (prctl(PR_GET_DUMPABLE) == 0 && environment < 0) {
      int taken = (int)syscall(SYS_pidfd_getfd, process, 0, 0);
      printf("%s: getfd %s\n", when, taken < 0 ? errno_name(errno) : "ok");
    }
    fflush(stdout);
    _exit(0);
  }
  must("waitpid", waitpid(looker, NULL, 0));
}

int main(void) {
  int orders[2], news[2];
  char byte = 0;
  must("pipe", pipe(orders));
  must("pipe", pipe(news));
  printf("dumpable %d\n", prctl(PR_GET_DUMPABLE) == 1);
  printf("dumpable 2: %s\n", prctl(PR_SET_DUMPABLE, 2) < 0 ? errno_name(errno) : "ok");
  fflush(stdout);
  int pid = must("fork", fork());
  if (pid == 0) {
    become_user();
    printf("dumpable as another user %d\n", prctl(PR_GET_DUMPABLE) == 1);
    fflush(stdout);
    write(news[1], &byte, 1);
    read(orders[0], &byte, 1);
    must("prctl", prctl(PR_SET_DUMPABLE, 1));
    write(news[1], &byte, 1);
    read(orders[0], &byte, 1);
    _exit(0);
  }
  read(news[0], &byte, 1);
  look("before", pid);
  write(orders[1], &byte, 1);
  read(news[0], &byte, 1);
  look("after", pid);
  write(orders[1], &byte, 1);
  int status;
  must("waitpid", waitpid(pid, &status, 0));
  printf("status %d\n", status);
  return 0;
}
