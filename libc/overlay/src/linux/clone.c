/* clone(2) as programs use it without threads: a fork that begins in a function. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include "syscall.h"

int clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	if ((flags & ~CLONE_VFORK) != SIGCHLD) {
		errno = ENOSYS;
		return -1;
	}
	int pid = fork();
	if (!pid) _exit(func(arg));
	return pid;
}
