/* As syscall(2): sys/prctl.h's macro makes each argument a long. */
#include <stdarg.h>
#include <sys/prctl.h>
#include "syscall.h"

#undef prctl

int __prctl_words(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_prctl, option, a, b, c, d);
}

int prctl(int option, ...)
{
	va_list ap;
	unsigned long v[4];
	va_start(ap, option);
	for (int i=0; i<4; i++) v[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return __prctl_words(option, v[0], v[1], v[2], v[3]);
}
