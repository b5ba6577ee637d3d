/** Layer: abi. Readiness bits, from include/uapi/asm-generic/poll.h. No logic. */

export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLNVAL = 0x020;
