/* Many processes. crowd alive N: so many children at once, until there can be no more. crowd row N: one after the other. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_all(void) {
  int ended = 0, status;
  while (wait(&status) > 0) ended += status == 0;
  return ended;
}

/* Each child waits for the end of a pipe, so all of them are suspended until the parent lets go. */
static int alive(int wanted) {
  int line[2], made = 0;
  if (pipe(line) != 0) return 1;
  for (; made < wanted; made++) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      char byte;
      close(line[1]);
      _exit(read(line[0], &byte, 1) == 0 ? 0 : 1);
    }
  }
  int why = made < wanted ? errno : 0;
  printf("alive %d, then %s\n", made, why == 0 ? "enough" : why == EAGAIN ? "EAGAIN" : strerror(why));
  fflush(stdout);
  /* The caller looks at the cell while they all live. */
  char byte;
  if (read(0, &byte, 1) < 0) return 1;
  close(line[0]);
  close(line[1]);
  printf("ended %d\n", wait_all());
  pid_t again = fork();
  if (again == 0) _exit(0);
  printf("once more: %d\n", again > 0 && wait_all() == 1);
  return 0;
}

static int row(int wanted) {
  for (int i = 0; i < wanted; i++) {
    int status;
    pid_t child = fork();
    if (child < 0) {
      printf("fork %d: %s\n", i, strerror(errno));
      return 1;
    }
    if (child == 0) _exit(i & 127);
    if (waitpid(child, &status, 0) != child || status != (i & 127) << 8) {
      printf("wait %d: status %x\n", i, status);
      return 1;
    }
  }
  printf("started %d\n", wanted);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int wanted = atoi(argv[2]);
  return strcmp(argv[1], "alive") == 0 ? alive(wanted) : row(wanted);
}
