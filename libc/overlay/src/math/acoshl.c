#include <math.h>
#include "__quad.h"

long double acoshl(long double x)
{
	if (x > 0x1p58L) return logl(x) + LN2;
	long double above = x - 1;
	return log1pl(above + sqrtl(2 * above + above * above));
}
