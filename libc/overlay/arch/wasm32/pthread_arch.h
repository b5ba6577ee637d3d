/*
 * Each thread is an instance of the module with its own __tls_base; the thread's structure is found through a variable of
 * thread storage. The name is musl's own view of it: src/env/__init_tls.c defines it.
 */
extern hidden _Thread_local uintptr_t __thread_pointer;

static inline uintptr_t __get_tp(void)
{
	return __thread_pointer;
}
