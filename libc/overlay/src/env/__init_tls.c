/*
 * Thread storage. The linker lays out one block for all thread variables and writes __wasm_init_tls(), which fills a copy
 * of it and points __tls_base there. A thread's memory holds that block, then musl's structure of the thread.
 */
#define SYSCALL_NO_TLS 1
#include <stddef.h>
#include "pthread_impl.h"
#include "libc.h"
#include "syscall.h"

volatile int __thread_list_lock;

_Thread_local uintptr_t __thread_pointer;

static struct pthread main_thread;

#define ALIGNMENT 16

static size_t alignment(void)
{
	size_t wanted = __builtin_wasm_tls_align();
	return wanted < ALIGNMENT ? ALIGNMENT : wanted;
}

static size_t block_size(void)
{
	return (__builtin_wasm_tls_size() + ALIGNMENT-1) & -ALIGNMENT;
}

int __init_tp(void *p)
{
	pthread_t td = p;
	__thread_pointer = (uintptr_t)p;
	td->self = td;
	libc.can_do_threads = 1;
	td->detach_state = DT_JOINABLE;
	td->tid = __syscall(SYS_set_tid_address, &__thread_list_lock);
	td->locale = &libc.global_locale;
	td->robust_list.head = &td->robust_list.head;
	td->next = td->prev = td;
	return 0;
}

/* Places block and structure in libc.tls_size bytes at mem; dtv remembers the block until the thread fills it. */
void *__copy_tls(unsigned char *mem)
{
	uintptr_t block = ((uintptr_t)mem + alignment()-1) & -alignment();
	pthread_t td = (pthread_t)(block + block_size());
	td->dtv = (uintptr_t *)block;
	return td;
}

void __init_tls(size_t *auxv)
{
	libc.tls_align = alignment();
	libc.tls_size = (alignment() + block_size() + sizeof(struct pthread) + ALIGNMENT-1) & -ALIGNMENT;
	__init_tp(&main_thread);
}
