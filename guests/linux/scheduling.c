/* Policies of a scheduler that knows one, affinity, capabilities: what is told, and what is refused in the same words. */
#include "../report.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#define NOWHERE ((void *)(unsigned long)0xfffffff0u)
#define NOBODY 0x3ffffff0
#define VERSION_3 0x20080522u
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static void policies(void) {
  int priority = 7;
  report("policy", syscall(SYS_sched_getscheduler, 0));
  report("of nobody", syscall(SYS_sched_getscheduler, NOBODY));
  report("of less than nobody", syscall(SYS_sched_getscheduler, -1));
  report("parameters", syscall(SYS_sched_getparam, 0, &priority));
  printf("priority %d\n", priority);
  report("of nobody", syscall(SYS_sched_getparam, NOBODY, &priority));
  report("to no place", syscall(SYS_sched_getparam, 0, NULL));
  report("to nowhere", syscall(SYS_sched_getparam, 0, NOWHERE));
  report("the same policy", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority));
  report("with a priority", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &(int){1}));
  report("no such policy", syscall(SYS_sched_setscheduler, 0, 99, &priority));
  report("less than none", syscall(SYS_sched_setscheduler, 0, -1, &priority));
  report("of nobody", syscall(SYS_sched_setscheduler, NOBODY, SCHED_OTHER, &priority));
  report("from no place", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
  report("from nowhere", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NOWHERE));
  report("real time without a priority", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &(int){0}));
  report("real time with too much", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &(int){100}));
  report("the same parameters", syscall(SYS_sched_setparam, 0, &priority));
  report("a priority", syscall(SYS_sched_setparam, 0, &(int){1}));
  report("of nobody", syscall(SYS_sched_setparam, NOBODY, &priority));
  report("from no place", syscall(SYS_sched_setparam, 0, NULL));
}

static void affinity(void) {
  unsigned char set[128];
  memset(set, 0, sizeof set);
  long bytes = syscall(SYS_sched_getaffinity, 0, sizeof set, set);
  printf("affinity told %d\n", bytes > 0 && bytes % 8 == 0);
  report("the same", syscall(SYS_sched_setaffinity, 0, sizeof set, set));
  memset(set, 0, sizeof set);
  report("of no processor", syscall(SYS_sched_setaffinity, 0, sizeof set, set));
  report("from nowhere", syscall(SYS_sched_setaffinity, 0, sizeof set, NOWHERE));
  set[0] = 1;
  report("of nobody", syscall(SYS_sched_setaffinity, NOBODY, sizeof set, set));
}

static void capabilities(void) {
  struct {
    unsigned version;
    int pid;
  } header = {VERSION_3, 0};
  unsigned data[6];
  memset(data, 0xaa, sizeof data);
  report("capget", syscall(SYS_capget, &header, data));
  /* Every superuser has the power over owners; which others are left to him is the machine's matter. */
  printf("effective within permitted %d, inheritable %u\n", (data[0] & ~data[1]) == 0 && (data[3] & ~data[4]) == 0, data[2]);
  printf("none for a user %d\n", geteuid() == 0 || (data[0] == 0 && data[3] == 0));
  report("of no data", syscall(SYS_capget, &header, NULL));
  header.version = 1;
  report("an unknown version, asking", syscall(SYS_capget, &header, NULL));
  printf("version %x\n", header.version);
  header.version = 1;
  report("an unknown version", syscall(SYS_capget, &header, data));
  header = (typeof(header)){VERSION_3, NOBODY};
  report("of nobody", syscall(SYS_capget, &header, data));
  header.pid = -1;
  report("of less than nobody", syscall(SYS_capget, &header, data));
  report("to nowhere", syscall(SYS_capget, NOWHERE, data));
}

static volatile sig_atomic_t caught;

static void catch(int signal) { caught = signal; }

static void waiting(void) {
  int list = must("epoll_create1", epoll_create1(0));
  int counter = must("eventfd", eventfd(0, 0));
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7}, got;
  must("epoll_ctl", epoll_ctl(list, EPOLL_CTL_ADD, counter, &event));
  struct timespec moment = {0, 2000000}, wrong = {0, 1000000000};
  unsigned long long none = 0, block = 1ULL << (SIGUSR1 - 1);
  report("epoll_pwait2 in vain", syscall(SYS_epoll_pwait2, list, &got, 1, &moment, NULL, 8));
  report("with a bad time", syscall(SYS_epoll_pwait2, list, &got, 1, &wrong, NULL, 8));
  report("with half a mask", syscall(SYS_epoll_pwait2, list, &got, 1, &moment, &none, 4));
  signal(SIGUSR1, catch);
  must("sigprocmask", (int)syscall(SYS_rt_sigprocmask, SIG_BLOCK, &block, NULL, 8));
  must("raise", raise(SIGUSR1));
  report("with a mask", syscall(SYS_epoll_pwait2, list, &got, 1, NULL, &none, 8));
  printf("caught %d\n", caught == SIGUSR1);
  must("write", (int)write(counter, &(unsigned long long){1}, 8));
  report("of something", syscall(SYS_epoll_pwait2, list, &got, 1, NULL, NULL, 8));
  printf("%llu\n", (unsigned long long)got.data.u64);
}

static void *of_a_thread(void *unused) {
  int priority = -1;
  pid_t tid = (pid_t)syscall(SYS_gettid);
  report("a thread's policy", syscall(SYS_sched_getscheduler, tid));
  report("kill by a thread's number", kill(tid, 0));
  report("sigqueue by a thread's number", sigqueue(tid, 0, (union sigval){0}));
  printf("its group %d, its session %d\n", getpgid(tid) == getpgrp(), getsid(tid) == getsid(0));
  report("its parameters", syscall(SYS_sched_getparam, tid, &priority));
  report("and set", syscall(SYS_sched_setscheduler, tid, SCHED_OTHER, &priority));
  return unused;
}

static void threads(void) {
  pthread_t thread;
  must("pthread_create", pthread_create(&thread, NULL, of_a_thread, NULL));
  must("pthread_join", pthread_join(thread, NULL));
}

int main(void) {
  policies();
  threads();
  affinity();
  capabilities();
  waiting();
  report("personality", syscall(SYS_personality, 0xffffffffu));
  report("barrier of no kind", syscall(SYS_membarrier, 1 << 20, 0));
  report("barrier with a flag that is none", syscall(SYS_membarrier, 0, 1 << 20));
  return 0;
}
