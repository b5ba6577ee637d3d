/*
 * A new thread: another instance of the module on the same memory, entered through the export
 * __wasm_thread_start_libc(tid, argument), which sets the stack pointer (start.s) and calls __thread_started().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include "pthread_impl.h"
#include "syscall.h"

__attribute__((__import_module__("wali"), __import_name__("__wasm_thread_spawn")))
int __wali_thread_spawn(void (*)(int, void *), void *);

void __wasm_thread_start_libc(int, void *);

/* Absent from a program linked without shared memory; the driver links one that spawns threads with it. */
__attribute__((__weak__)) void __wasm_init_tls(void *);

/* At the top of the new thread's stack; start.s reads the first word. */
struct start {
	void *stack;
	int (*func)(void *);
	void *arg;
	pthread_t thread;
	volatile int *cleared;
};

/* The C++ library has its own, which catches what nobody else did. */
__attribute__((__weak__)) int __guarded_thread(int (*func)(void *), void *arg)
{
	return func(arg);
}

hidden void __thread_started(int tid, struct start *p)
{
	struct start start = *p;
	__wasm_init_tls(start.thread->dtv);
	__thread_pointer = (uintptr_t)start.thread;
	start.thread->tid = tid;
	__syscall(SYS_set_tid_address, start.cleared);
	__syscall(SYS_exit, __guarded_thread(start.func, start.arg));
	__builtin_trap();
}

int __clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	va_list ap;
	va_start(ap, arg);
	int *parent_tid = va_arg(ap, int *);
	void *thread = va_arg(ap, void *);
	volatile int *cleared = va_arg(ap, volatile int *);
	va_end(ap);

	if (!(flags & CLONE_THREAD) || !__wasm_init_tls) return -ENOSYS;

	struct start *start = (void *)(((uintptr_t)stack & -16) - ((sizeof *start + 15) & -16));
	*start = (struct start){ start, func, arg, thread, cleared };
	int tid = __wali_thread_spawn(__wasm_thread_start_libc, start);
	if (tid > 0) *parent_tid = tid;
	return tid;
}
