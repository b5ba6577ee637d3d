#include <math.h>
#include "__quad.h"

long double asinhl(long double x)
{
	long double size = fabsl(x);
	if (isnan(x) || isinf(x) || size < 0x1p-57L) return x;
	if (size > 0x1p58L) return copysignl(logl(size) + LN2, x);
	return copysignl(log1pl(size + size * size / (1 + sqrtl(1 + size * size))), x);
}
