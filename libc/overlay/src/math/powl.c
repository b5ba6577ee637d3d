#include <math.h>

/* x**n for an n of few bits, exact where the result is. */
static long double whole_power(long double x, unsigned n)
{
	long double power = 1;
	for (; n; n >>= 1) {
		if (n & 1) power *= x;
		if (n > 1) x *= x;
	}
	return power;
}

/*
 * The logarithm's error grows with the exponent: of 113 bits some 99 are right where the result is near the largest
 * number, more elsewhere. Signs, zeros, infinities and NaN are those of pow.
 */
long double powl(long double x, long double y)
{
	if (x == 1 || y == 0) return 1;
	if (isnan(x) || isnan(y)) return x + y;
	if (isinf(y)) {
		long double size = fabsl(x);
		if (size == 1) return 1;
		return size > 1 == y > 0 ? INFINITY : 0;
	}
	int is_whole = truncl(y) == y;
	int is_odd = is_whole && fabsl(y) < 0x1p113L && fmodl(y, 2) != 0;
	if (x == 0 || isinf(x)) {
		long double size = isinf(x) == y > 0 ? INFINITY : 0;
		if (x == 0 && y < 0) size = 1 / (is_odd ? fabsl(x) : x * x);
		return is_odd ? copysignl(size, x) : size;
	}
	if (x < 0 && !is_whole) return (x - x) / 0.0L;
	if (is_whole && fabsl(y) <= 64) {
		long double power = whole_power(x, fabsl(y));
		if (isfinite(power) && fabsl(power) >= 0x1p-16000L) return y < 0 ? 1 / power : power;
	}
	long double size = fabsl(x) == 2 ? exp2l(y) : expl(y * logl(fabsl(x)));
	return x < 0 && is_odd ? -size : size;
}
