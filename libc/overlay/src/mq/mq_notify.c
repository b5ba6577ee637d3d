/*
 * mq_notify(3). For SIGEV_THREAD a thread waits to be told, once. On Linux that is by a socket of AF_NETLINK; Linden's kernel
 * takes a counter (eventfd(2)) in its place: 1 is added when a message came, 2 when nothing will be told any more.
 */
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include "pthread_impl.h"
#include "syscall.h"

#define CAME 1
#define GIVEN_UP 2

struct request {
	const struct sigevent *event;
	int counter;
	volatile int taken;
};

static void *teller(void *p)
{
	struct request *request = p;
	void (*function)(union sigval) = request->event->sigev_notify_function;
	union sigval value = request->event->sigev_value;
	int counter = request->counter;
	/* The caller goes on, and its stack with the request is gone. */
	a_store(&request->taken, 1);
	__wake(&request->taken, 1, 1);

	uint64_t told = 0;
	while (__syscall(SYS_read, counter, &told, sizeof told) == -EINTR);
	__syscall(SYS_close, counter);
	if (told == CAME) function(value);
	return 0;
}

int mq_notify(mqd_t queue, const struct sigevent *event)
{
	if (!event || event->sigev_notify != SIGEV_THREAD) return syscall(SYS_mq_notify, queue, event);

	int counter = __syscall(SYS_eventfd2, 0, EFD_CLOEXEC);
	if (counter < 0) return __syscall_ret(counter);
	struct request request = { event, counter, 0 };
	pthread_attr_t attributes;
	if (event->sigev_notify_attributes) attributes = *event->sigev_notify_attributes;
	else pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);

	/* Signals of the process are for the threads that the program made. */
	pthread_t thread;
	sigset_t set;
	__block_app_sigs(&set);
	int failed = pthread_create(&thread, &attributes, teller, &request);
	__restore_sigs(&set);
	if (failed) {
		__syscall(SYS_close, counter);
		return __syscall_ret(-EAGAIN);
	}
	while (!request.taken) __wait(&request.taken, 0, 0, 1);

	struct sigevent told = { .sigev_notify = SIGEV_THREAD, .sigev_signo = counter };
	int result = __syscall(SYS_mq_notify, queue, &told);
	if (result < 0) {
		uint64_t over = GIVEN_UP;
		__syscall(SYS_write, counter, &over, sizeof over);
	}
	return __syscall_ret(result);
}
