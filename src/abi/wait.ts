/** Layer: abi. wait4(2), waitid(2), from include/uapi/linux/wait.h. No logic. */

export const WNOHANG = 1;
/** WSTOPPED for waitid(2). */
export const WUNTRACED = 2;
export const WEXITED = 4;
export const WCONTINUED = 8;
export const WNOWAIT = 0x0100_0000;
export const WNOTHREAD = 0x2000_0000;
export const WALL = 0x4000_0000;
export const WCLONE = 0x8000_0000;

export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;
