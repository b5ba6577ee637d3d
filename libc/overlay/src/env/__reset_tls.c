/* Used by musl for threads it runs on notifications again and again: each gets its variables anew. */
#include "pthread_impl.h"

__attribute__((__weak__)) void __wasm_init_tls(void *);

void __reset_tls(void)
{
	pthread_t self = __pthread_self();
	if (!__wasm_init_tls || !self->dtv) return;
	__wasm_init_tls(self->dtv);
	__thread_pointer = (uintptr_t)self;
}
