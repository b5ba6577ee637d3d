/*
 * Cancellation. A signal wakes the thread out of a blocking call; the handler does nothing, because no program counter can
 * be seen or changed: the hooks around each cancellation point look before the call, and after one that was interrupted.
 * Only asynchronous cancellation acts in the handler.
 */
#include <string.h>
#include "pthread_impl.h"
#include "syscall.h"

hidden long __cancel(void)
{
	pthread_t self = __pthread_self();
	if (self->canceldisable == PTHREAD_CANCEL_ENABLE || self->cancelasync) pthread_exit(PTHREAD_CANCELED);
	self->canceldisable = PTHREAD_CANCEL_DISABLE;
	return -ECANCELED;
}

long __cp_enter(void)
{
	pthread_t self = __pthread_self();
	if (!self->cancel || self->canceldisable == PTHREAD_CANCEL_DISABLE) return 0;
	return __cancel();
}

long __cp_leave(long result)
{
	pthread_t self = __pthread_self();
	if (result != -EINTR || !self->cancel || self->canceldisable == PTHREAD_CANCEL_DISABLE) return result;
	return __cancel();
}

void __testcancel(void)
{
	pthread_t self = __pthread_self();
	if (self->cancel && !self->canceldisable) __cancel();
}

static void woken(int sig)
{
	pthread_t self = __pthread_self();
	a_barrier();
	if (self->cancel && self->cancelasync && self->canceldisable != PTHREAD_CANCEL_DISABLE)
		pthread_exit(PTHREAD_CANCELED);
}

int pthread_cancel(pthread_t t)
{
	static int ready;
	if (!ready) {
		struct sigaction action = { .sa_handler = woken };
		memset(&action.sa_mask, -1, _NSIG/8);
		__libc_sigaction(SIGCANCEL, &action, 0);
		ready = 1;
	}
	a_store(&t->cancel, 1);
	if (t != pthread_self()) return pthread_kill(t, SIGCANCEL);
	if (t->canceldisable == PTHREAD_CANCEL_ENABLE && t->cancelasync) pthread_exit(PTHREAD_CANCELED);
	return 0;
}
