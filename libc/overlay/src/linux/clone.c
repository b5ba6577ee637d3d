/*
 * clone(2) as programs use it without threads: a fork that begins in a function. The stack is copied with all other memory,
 * so the child goes on using its copy of the caller's, not the one it is given.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <unistd.h>
#include "libc.h"
#include "pthread_impl.h"
#include "syscall.h"

#define WITH_POINTERS (CLONE_PIDFD|CLONE_PARENT_SETTID|CLONE_CHILD_SETTID|CLONE_CHILD_CLEARTID)

/* The child has one thread, with a number of its own. */
static void be_alone(void)
{
	pthread_t self = __pthread_self();
	self->tid = __syscall(SYS_gettid);
	self->robust_list.off = 0;
	self->robust_list.pending = 0;
	self->next = self->prev = self;
	__thread_list_lock = 0;
	libc.threads_minus_1 = 0;
	if (libc.need_locks) libc.need_locks = -1;
}

int clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	int *parent = 0, *child = 0;
	if (flags & WITH_POINTERS) {
		va_list ap;
		va_start(ap, arg);
		parent = va_arg(ap, int *);
		/* Who does not ask for it need not name the later ones. */
		if (flags & (CLONE_CHILD_SETTID|CLONE_CHILD_CLEARTID)) {
			va_arg(ap, void *);
			child = va_arg(ap, int *);
		}
		va_end(ap);
	}
	if (!func || !stack) return __syscall_ret(-EINVAL);

	sigset_t set;
	__block_all_sigs(&set);
	int pid = __syscall(SYS_clone, flags, 0, parent, child, 0);
	if (!pid) be_alone();
	__restore_sigs(&set);
	if (!pid) _exit(func(arg));
	return __syscall_ret(pid);
}
