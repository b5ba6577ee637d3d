#include <sys/pidfd.h>
#include <unistd.h>
#include "syscall.h"

int pidfd_open(pid_t pid, unsigned flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

int pidfd_getfd(int process, int fd, unsigned flags)
{
	return syscall(SYS_pidfd_getfd, process, fd, flags);
}

int pidfd_send_signal(int process, int signal, siginfo_t *info, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, process, signal, info, flags);
}
