/*
 * syscall(2) of what returns twice, one function each: a program that names one is rewritten at link time, so unistd.h's
 * macro chooses them where the number is a constant.
 */
#include <unistd.h>
#include "syscall.h"

long __syscall_fork(void)
{
	return __syscall_ret(__syscall(SYS_fork));
}

long __syscall_clone(long flags, long stack, long parent, long child, long tls)
{
	return __syscall_ret(__syscall(SYS_clone, flags, stack, parent, child, tls));
}

long __syscall_clone3(long arguments, long size)
{
	return __syscall_ret(__syscall(SYS_clone3, arguments, size));
}
