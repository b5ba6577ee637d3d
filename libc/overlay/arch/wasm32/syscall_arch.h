/*
 * A system call is a typed import of module "wali". wali_calls.h is written at build time from Linden's call table: one
 * declaration a call, and __wali_call(), a switch over all numbers. Always inlined, it folds to the one import a constant
 * number names; a number that is no constant would bring in every call, so nothing here but syscall(2) may use one.
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

#include "wali_calls.h"

#define __WALI_INLINE static inline __attribute__((__always_inline__, __unused__)) long

__WALI_INLINE __syscall0(long n) { return __wali_call(n, 0, 0, 0, 0, 0, 0); }
__WALI_INLINE __syscall1(long n, long a) { return __wali_call(n, a, 0, 0, 0, 0, 0); }
__WALI_INLINE __syscall2(long n, long a, long b) { return __wali_call(n, a, b, 0, 0, 0, 0); }
__WALI_INLINE __syscall3(long n, long a, long b, long c) { return __wali_call(n, a, b, c, 0, 0, 0); }
__WALI_INLINE __syscall4(long n, long a, long b, long c, long d) { return __wali_call(n, a, b, c, d, 0, 0); }
__WALI_INLINE __syscall5(long n, long a, long b, long c, long d, long e) { return __wali_call(n, a, b, c, d, e, 0); }
__WALI_INLINE __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return __wali_call(n, a, b, c, d, e, f);
}

/*
 * A cancellation point. The first hook answers -ECANCELED when the thread was cancelled and only wants to hear of it (or
 * does not return); the second looks again after EINTR. pthread_cancel.c replaces both when a program can cancel.
 */
__attribute__((__visibility__("hidden"))) long __cp_enter(void);
__attribute__((__visibility__("hidden"))) long __cp_leave(long);

#define __WALI_CANCELLABLE(call) ({ long __early = __cp_enter(); __early ? __early : __cp_leave(call); })
