/* The thread pointer is a variable of thread storage: nothing to tell the kernel. */
#include "pthread_impl.h"

int __set_thread_area(void *p)
{
	__thread_pointer = (uintptr_t)p;
	return 0;
}
