/* The kernel's vfork: the program is rewritten at link time so that the call can return twice. */
#include <unistd.h>
#include "syscall.h"

pid_t vfork(void)
{
	return syscall(SYS_vfork);
}
