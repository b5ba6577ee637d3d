/**
 * Layer: abi. siginfo_t as x86-64 lays it out (include/uapi/asm-generic/siginfo.h), which is also what a 64-bit long and
 * 4-byte pointers make of it. No logic.
 */
export const SIGINFO_BYTES = 128;
export const SI_SIGNO = 0;
export const SI_ERRNO = 4;
export const SI_CODE = 8;
/** Of a timer: its number and how often it was missed. */
export const SI_PID = 16;
export const SI_UID = 20;
export const SI_STATUS = 24;
export const SI_VALUE = 24;
/** ucontext_t: zero, because a guest has no registers. */
export const UCONTEXT_BYTES = 976;
