/* System V shared memory, semaphores and messages. */
#include "../report.h"
#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE 4096

union argument {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

static int reap(pid_t child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* report.h does not know these names. */
static void told(const char *what, long result) {
  if (result == -1 && errno == EIDRM) printf("%s: -1 EIDRM\n", what);
  else if (result == -1 && errno == ENOMSG) printf("%s: -1 ENOMSG\n", what);
  else if (result == -1 && errno == E2BIG) printf("%s: -1 E2BIG\n", what);
  else report(what, result);
}

static void moment(void) {
  /* Long enough for the other one to wait by then, on a busy machine too. */
  struct timespec time = {0, 200000000};
  nanosleep(&time, NULL);
}

/* The heading of a table of /proc/sysvipc, and whether the line of an object begins as it should. */
static void listed(const char *table, int id, const char *expected) {
  char path[64], line[512];
  int number, key, lines = 0;
  snprintf(path, sizeof path, "/proc/sysvipc/%s", table);
  FILE *file = fopen(path, "r");
  if (file == NULL || fgets(line, sizeof line, file) == NULL) {
    printf("no %s\n", path);
    return;
  }
  printf("%s", line);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "%d %d", &key, &number) != 2 || number != id) continue;
    lines += 1;
    if (strncmp(line, expected, strlen(expected)) != 0) printf("%snot\n%s\n", line, expected);
  }
  printf("listed %d\n", lines);
  fclose(file);
}

static void listed_segment(int id) {
  struct shmid_ds about;
  char line[512];
  must("shmctl", shmctl(id, IPC_STAT, &about));
  struct ipc_perm *perm = &about.shm_perm;
  snprintf(line, sizeof line, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu ", (int)perm->__key, id, perm->mode,
           (long)about.shm_segsz, about.shm_cpid, about.shm_lpid, (long)about.shm_nattch, perm->uid, perm->gid, perm->cuid,
           perm->cgid, (long)about.shm_atime, (long)about.shm_dtime, (long)about.shm_ctime);
  listed("shm", id, line);
}

static void listed_set(int id) {
  struct semid_ds about;
  char line[512];
  must("semctl", semctl(id, 0, IPC_STAT, (union argument){.buf = &about}));
  struct ipc_perm *perm = &about.sem_perm;
  snprintf(line, sizeof line, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", (int)perm->__key, id, perm->mode, (unsigned)about.sem_nsems,
           perm->uid, perm->gid, perm->cuid, perm->cgid, (long)about.sem_otime, (long)about.sem_ctime);
  listed("sem", id, line);
}

static void listed_queue(int id) {
  struct msqid_ds about;
  char line[512];
  must("msgctl", msgctl(id, IPC_STAT, &about));
  struct ipc_perm *perm = &about.msg_perm;
  snprintf(line, sizeof line, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n", (int)perm->__key, id, perm->mode,
           (long)about.__msg_cbytes, (long)about.msg_qnum, about.msg_lspid, about.msg_lrpid, perm->uid, perm->gid, perm->cuid,
           perm->cgid, (long)about.msg_stime, (long)about.msg_rtime, (long)about.msg_ctime);
  listed("msg", id, line);
}

static void shared_memory(void) {
  key_t key = 0x11000000 + getpid();
  int id = must("shmget", shmget(key, PAGE + 1, IPC_CREAT | IPC_EXCL | 0600));
  told("again", shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
  printf("found %d\n", shmget(key, 0, 0) == id);
  told("larger", shmget(key, 3 * PAGE, 0));
  told("of no size", shmget(IPC_PRIVATE, 0, 0600));
  told("of no key", shmget(key + 1, PAGE, 0));
  char *at = shmat(id, NULL, 0);
  struct shmid_ds about;
  must("shmctl", shmctl(id, IPC_STAT, &about));
  printf("size %ld, attached %ld, mode %o, creator %d\n", (long)about.shm_segsz, (long)about.shm_nattch,
         about.shm_perm.mode, about.shm_cpid == getpid());
  pid_t child = must("fork", fork());
  if (child == 0) {
    char *only = shmat(id, NULL, SHM_RDONLY);
    strcpy(at + PAGE, "!");
    printf("child: %s, attached ", only);
    strcpy(at, "from the child");
    must("shmctl", shmctl(id, IPC_STAT, &about));
    printf("%ld\n", (long)about.shm_nattch);
    must("shmdt", shmdt(only));
    told("twice", shmdt(only));
    _exit(0);
  }
  reap(child);
  printf("parent: %s%s\n", at, at + PAGE);
  must("shmctl", shmctl(id, IPC_STAT, &about));
  printf("attached %ld, last %d\n", (long)about.shm_nattch, about.shm_lpid == child);
  listed_segment(id);
  about.shm_perm.mode = 0640;
  must("shmctl", shmctl(id, IPC_SET, &about));
  must("shmctl", shmctl(id, IPC_RMID, NULL));
  must("shmctl", shmctl(id, IPC_STAT, &about));
  printf("doomed %o\n", about.shm_perm.mode);
  listed_segment(id);
  told("its key", shmget(key, 0, 0));
  strcpy(at, "still there");
  printf("%s\n", at);
  told("a crooked address", shmat(id, at + 100, 0) == (void *)-1 ? -1 : 0);
  char *room = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  told("over something", shmat(id, room, 0) == (void *)-1 ? -1 : 0);
  must("munmap", munmap(room, 4 * PAGE));
  printf("rounded %d\n", shmat(id, room + 100, SHM_RND) == room);
  must("shmdt", shmdt(room));
  must("shmdt", shmdt(at));
  told("gone", shmctl(id, IPC_STAT, &about));
  told("no segment", shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
  told("nothing attached", shmdt(at));
  told("no command", shmctl(id, 77, &about));
}

static int operate(int id, int number, int change, int flags) {
  struct sembuf one = {number, change, flags};
  return semop(id, &one, 1);
}

static void semaphores(void) {
  int id = must("semget", semget(IPC_PRIVATE, 3, 0600));
  unsigned short values[3] = {1, 2, 3};
  must("semctl", semctl(id, 0, SETALL, (union argument){.array = values}));
  printf("value %d\n", semctl(id, 1, GETVAL));
  told("take", operate(id, 1, -2, 0));
  told("no more", operate(id, 1, -1, IPC_NOWAIT));
  told("no semaphore", operate(id, 3, 1, 0));
  told("not zero", operate(id, 0, 0, IPC_NOWAIT));
  told("too much", operate(id, 0, 32767, 0));
  struct sembuf both[2] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
  told("both or none", semop(id, both, 2));
  printf("unchanged %d\n", semctl(id, 0, GETVAL));
  struct timespec soon = {0, 10000000};
  told("in time", semtimedop(id, both + 1, 1, &soon));
  struct sembuf waiting = {1, -1, 0};
  told("in time", semtimedop(id, &waiting, 1, &soon));

  pid_t child = must("fork", fork());
  if (child == 0) {
    struct sembuf two[2] = {{1, -1, 0}, {2, -3, SEM_UNDO}};
    must("semop", semop(id, two, 2));
    operate(id, 0, 5, SEM_UNDO);
    printf("child has %d %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL), semctl(id, 2, GETVAL));
    _exit(0);
  }
  moment();
  printf("waiting %d %d\n", semctl(id, 1, GETNCNT), semctl(id, 1, GETZCNT));
  must("semop", operate(id, 1, 1, 0));
  reap(child);
  printf("undone %d %d %d, by %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL), semctl(id, 2, GETVAL),
         semctl(id, 2, GETPID) == child);

  child = must("fork", fork());
  if (child == 0) {
    operate(id, 1, 0, 0);
    told("until zero", operate(id, 0, 0, 0));
    told("until removed", operate(id, 0, -9, 0));
    _exit(0);
  }
  moment();
  must("semctl", semctl(id, 0, SETVAL, (union argument){.val = 0}));
  moment();
  struct semid_ds about;
  must("semctl", semctl(id, 0, IPC_STAT, (union argument){.buf = &about}));
  printf("semaphores %d, mode %o\n", (int)about.sem_nsems, about.sem_perm.mode);
  listed_set(id);
  must("semctl", semctl(id, 0, IPC_RMID));
  reap(child);
  told("gone", operate(id, 0, 1, 0));
  told("none", semget(IPC_PRIVATE, 0, 0600));
}

struct message {
  long type;
  char text[100];
};

static int send(int id, long type, const char *text, int flags) {
  struct message message = {.type = type};
  strcpy(message.text, text);
  return msgsnd(id, &message, strlen(text) + 1, flags);
}

static void receive(int id, long type, size_t size, int flags) {
  struct message message = {0};
  long got = msgrcv(id, &message, size, type, flags);
  if (got < 0) told("receive", got);
  else printf("received %ld %.*s\n", message.type, (int)got, message.text);
}

static void messages(void) {
  key_t key = 0x22000000 + getpid();
  int id = must("msgget", msgget(key, IPC_CREAT | 0600));
  for (long type = 5; type > 0; type--) {
    char text[] = {'a' + type, 0};
    must("msgsnd", send(id, type, text, 0));
  }
  receive(id, 0, 100, 0);
  receive(id, 2, 100, 0);
  receive(id, -3, 100, 0);
  receive(id, 3, 100, MSG_EXCEPT);
  struct msqid_ds about;
  must("msgctl", msgctl(id, IPC_STAT, &about));
  printf("left %ld, bytes %ld\n", (long)about.msg_qnum, (long)about.__msg_cbytes);
  listed_queue(id);
  receive(id, 9, 100, IPC_NOWAIT);
  must("msgsnd", send(id, 7, "long enough", 0));
  receive(id, 7, 4, 0);
  receive(id, 7, 4, MSG_NOERROR);
  receive(id, 0, 100, 0);
  told("no type", send(id, 0, "x", 0));
  told("negative", send(id, -1, "x", 0));

  pid_t child = must("fork", fork());
  if (child == 0) {
    receive(id, 4, 100, 0);
    must("msgsnd", send(id, 11, "answer", 0));
    receive(id, 99, 100, 0);
    _exit(0);
  }
  moment();
  must("msgsnd", send(id, 3, "not this", 0));
  must("msgsnd", send(id, 4, "question", 0));
  receive(id, 11, 100, 0);
  receive(id, 0, 100, 0);
  static struct { long type; char text[8192]; } large = {1, {0}};
  must("msgsnd", msgsnd(id, &large, 8192, 0));
  must("msgsnd", msgsnd(id, &large, 8192, 0));
  told("full", msgsnd(id, &large, 8192, IPC_NOWAIT));
  moment();
  must("msgctl", msgctl(id, IPC_RMID, NULL));
  reap(child);
  told("gone", msgget(key, 0));
}

static void interrupted(int signal) { (void)signal; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  shared_memory();
  semaphores();
  messages();
  struct sigaction action = {.sa_handler = interrupted, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  int id = must("semget", semget(IPC_PRIVATE, 1, 0600));
  alarm(1);
  told("interrupted", operate(id, 0, -1, 0));
  must("semctl", semctl(id, 0, IPC_RMID));
  return 0;
}
