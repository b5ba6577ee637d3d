#include <math.h>
#include "__quad.h"

long double log1pl(long double x)
{
	if (isnan(x) || fabsl(x) < 0x1p-114L) return x;
	if (x > -0.29L && x < 0.41L) return __log1p_near(x, log1p(x));
	return logl(1 + x);
}
