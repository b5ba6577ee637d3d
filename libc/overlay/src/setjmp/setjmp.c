/*
 * What clang's lowering of setjmp and longjmp calls (-wasm-enable-sjlj). A setjmp notes the frame it stands in and its
 * place there; a longjmp throws the tag __c_longjmp with a pointer to two words; each frame that called setjmp catches it,
 * asks whether the jump is meant for it, and throws it on if not.
 */
#include <setjmp.h>
#include <signal.h>
#include "pthread_impl.h"
#include "syscall.h"

struct jump {
	void *frame;
	unsigned place;
	/* The thrown value points here; clang reads both words. */
	void *buffer;
	int value;
};

_Static_assert(sizeof(struct jump) <= sizeof(__jmp_buf), "jmp_buf");

void __wasm_setjmp(void *buffer, unsigned place, void *frame)
{
	struct jump *jump = buffer;
	jump->frame = frame;
	jump->place = place;
}

unsigned __wasm_setjmp_test(void *buffer, void *frame)
{
	struct jump *jump = buffer;
	return jump->frame == frame ? jump->place : 0;
}

_Noreturn void __wasm_longjmp(void *buffer, int value)
{
	struct jump *jump = buffer;
	jump->buffer = buffer;
	jump->value = value ? value : 1;
	__builtin_wasm_throw(1, &jump->buffer);
}

/* For callers that were not compiled by the driver: their jump works, their setjmp cannot. */
#undef longjmp
_Noreturn void longjmp(jmp_buf buffer, int value)
{
	__wasm_longjmp(buffer, value);
}

weak_alias(longjmp, _longjmp);

/* sigsetjmp() is a macro that calls this first. */
int __sigsetjmp_mask(sigjmp_buf buffer, int save)
{
	buffer->__fl = !!save;
	if (save) __syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, &buffer->__ss, _NSIG/8);
	return 0;
}

_Noreturn void siglongjmp(sigjmp_buf buffer, int value)
{
	if (buffer->__fl) __syscall(SYS_rt_sigprocmask, SIG_SETMASK, &buffer->__ss, 0, _NSIG/8);
	__wasm_longjmp(buffer, value);
}
