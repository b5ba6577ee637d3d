/* The engine's own copy is fastest, but costs a call into it: short ones are done here. */
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word;
typedef uint32_t __attribute__((__may_alias__, __aligned__(1))) half;

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *d = to;
	const char *s = from;
	if (n > 64) return __builtin_memcpy(to, from, n);
	if (n >= 8) {
		for (; n > 8; n -= 8, d += 8, s += 8) *(word *)d = *(const word *)s;
		*(word *)(d+n-8) = *(const word *)(s+n-8);
	} else if (n >= 4) {
		half last = *(const half *)(s+n-4);
		*(half *)d = *(const half *)s;
		*(half *)(d+n-4) = last;
	} else {
		for (; n; n--) *d++ = *s++;
	}
	return to;
}
