/* The kernel's ids belong to the process, not to each thread: one call, with a number that is constant at each use. */
#include <errno.h>
#include <unistd.h>
#include "syscall.h"
#include "libc.h"

int __setxid(int nr, int id, int eid, int sid)
{
	switch (nr) {
	case SYS_setuid: return syscall(SYS_setuid, id);
	case SYS_setgid: return syscall(SYS_setgid, id);
	case SYS_setreuid: return syscall(SYS_setreuid, id, eid);
	case SYS_setregid: return syscall(SYS_setregid, id, eid);
	case SYS_setresuid: return syscall(SYS_setresuid, id, eid, sid);
	case SYS_setresgid: return syscall(SYS_setresgid, id, eid, sid);
	}
	errno = ENOSYS;
	return -1;
}
