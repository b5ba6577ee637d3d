#include <math.h>

long double sinhl(long double x)
{
	long double size = fabsl(x), half = copysignl(0.5L, x);
	if (size > 11000) {
		long double root = expl(size / 2);
		return half * root * root;
	}
	long double less = expm1l(size);
	return size < 0x1p-57L ? x : half * (less + less / (less + 1));
}
