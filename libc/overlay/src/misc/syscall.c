/*
 * syscall(2): the number is known only when the program runs, so every call is imported but those that return twice.
 * unistd.h's macro makes each argument a long; the function of the old name takes longs alone.
 */
#define WALI_ANY_NUMBER
#include <stdarg.h>
#include <unistd.h>
#include "syscall.h"

#undef syscall

long __syscall_words(long number, long a, long b, long c, long d, long e, long f)
{
	return __syscall_ret(__syscall(number, a, b, c, d, e, f));
}

long syscall(long number, ...)
{
	va_list ap;
	long v[6];
	va_start(ap, number);
	for (int i=0; i<6; i++) v[i] = va_arg(ap, long);
	va_end(ap);
	return __syscall_words(number, v[0], v[1], v[2], v[3], v[4], v[5]);
}
