/* Shared memory and semaphores by name: shm_open, sem_open. */
#include "../report.h"
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct place {
  sem_t second;
};

static struct place *at;

static int reap(pid_t child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void named(void) {
  char name[64];
  snprintf(name, sizeof name, "/linden-%d", getpid());
  sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
  printf("sem_open %d\n", semaphore != SEM_FAILED);
  report("again", sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED ? -1 : 0);
  pid_t child = must("fork", fork());
  if (child == 0) {
    sem_t *same = sem_open(name, 0);
    must("sem_wait", sem_wait(same));
    must("sem_post", sem_post(&at->second));
    must("sem_wait", sem_wait(same));
    _exit(5);
  }
  must("sem_wait", sem_wait(&at->second));
  int value;
  must("sem_getvalue", sem_getvalue(semaphore, &value));
  printf("value %d\n", value);
  must("sem_post", sem_post(semaphore));
  printf("ended %d\n", reap(child));
  must("sem_close", sem_close(semaphore));
  must("sem_unlink", sem_unlink(name));
  report("unlinked", sem_open(name, 0) == SEM_FAILED ? -1 : 0);

  int fd = must("shm_open", shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
  must("ftruncate", ftruncate(fd, 10000));
  char *bytes = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  child = must("fork", fork());
  if (child == 0) {
    int same = must("shm_open", shm_open(name, O_RDWR, 0));
    char *there = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, same, 0);
    strcpy(there + 9000, "by name");
    _exit(0);
  }
  reap(child);
  printf("shared memory %s\n", bytes + 9000);
  must("shm_unlink", shm_unlink(name));
  report("unlinked", shm_open(name, O_RDWR, 0));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 98;
  must("sem_init", sem_init(&at->second, 1, 0));
  named();
  return 0;
}
