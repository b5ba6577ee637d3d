#include <math.h>

long double tanhl(long double x)
{
	long double size = fabsl(x);
	if (isnan(x) || size < 0x1p-57L) return x;
	if (size > 41) return copysignl(1, x);
	long double less = expm1l(2 * size);
	return copysignl(less / (less + 2), x);
}
