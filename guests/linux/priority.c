/* The nice value: who may change whose, what children have of it, what /proc tells. From whatever value this starts at. */
#include "../report.h"
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int base;

static void show(const char *what, int which, int who) {
  errno = 0;
  int nice = getpriority(which, who);
  if (nice == -1 && errno != 0) printf("%s: %s\n", what, errno_name(errno));
  else printf("%s: %d\n", what, nice - base);
}

static void set(const char *what, int which, int who, int nice) {
  report(what, setpriority(which, who, nice));
  if (which == PRIO_PROCESS && nice < 100) show("  now", which, who);
}

static void told(void) {
  char text[1024];
  FILE *stat = fopen("/proc/self/stat", "r");
  size_t length = fread(text, 1, sizeof text - 1, stat);
  text[length] = 0;
  fclose(stat);
  long priority, nice;
  sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld %ld", &priority, &nice);
  printf("told: %ld, 20 more: %d\n", nice - base, priority == nice + 20);
}

/* A child that waits to be ended. */
static pid_t waiting(void) {
  pid_t child = must("fork", fork());
  if (child == 0)
    for (;;) pause();
  return child;
}

int main(void) {
  pid_t superusers = getpid();
  base = getpriority(PRIO_PROCESS, 0);
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child != 0) {
    int status;
    must("waitpid", waitpid(child, &status, 0));
    return status != 0;
  }
  must("setsid", setsid());
  must("setresuid", setresuid(4711, 4711, 4711));
  show("at first", PRIO_PROCESS, 0);
  set("up", PRIO_PROCESS, 0, base + 3);
  set("as it is", PRIO_PROCESS, getpid(), base + 3);
  set("down", PRIO_PROCESS, 0, base + 2);
  set("another user's", PRIO_PROCESS, superusers, base + 5);
  told();

  pid_t first = waiting(), second = waiting();
  must("setpgid", setpgid(first, first));
  must("setpgid", setpgid(second, first));
  show("a child", PRIO_PROCESS, first);
  set("a child's", PRIO_PROCESS, first, base + 5);
  show("its group", PRIO_PGRP, first);
  set("its group's", PRIO_PGRP, first, base + 4);
  show("the one", PRIO_PROCESS, first);
  show("the other", PRIO_PROCESS, second);
  set("its group's", PRIO_PGRP, first, base + 6);
  show("its group", PRIO_PGRP, first);
  show("my group", PRIO_PGRP, 0);
  show("my user", PRIO_USER, 0);
  show("my user", PRIO_USER, 4711);
  kill(first, SIGKILL);
  siginfo_t info;
  must("waitid", waitid(P_PID, first, &info, WEXITED | WNOWAIT));
  show("one that ended", PRIO_PROCESS, first);
  must("waitpid", waitpid(first, NULL, 0));
  show("one that is gone", PRIO_PROCESS, first);
  kill(second, SIGKILL);
  must("waitpid", waitpid(second, NULL, 0));
  show("a group that is gone", PRIO_PGRP, first);
  set("a group that is gone", PRIO_PGRP, first, 0);
  show("a user who runs nothing", PRIO_USER, 4712);
  set("a user who runs nothing", PRIO_USER, 4712, 0);
  show("what else", 3, 0);
  set("what else", 3, 0, 0);
  show("what else", -1, 0);

  errno = 0;
  printf("nice: %d\n", nice(2) - base);
  set("beyond the last", PRIO_PROCESS, 0, 1000);
  printf("the last: %d\n", getpriority(PRIO_PROCESS, 0));
  errno = 0;
  printf("nice: %d", nice(-1));
  printf(" %s\n", errno_name(errno));
  return 0;
}
