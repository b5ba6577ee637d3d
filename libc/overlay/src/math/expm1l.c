#include <math.h>
#include "__quad.h"

long double expm1l(long double x)
{
	if (fabsl(x) < 0x1p-114L) return x;
	if (fabsl(x) < 0.34L) return __expm1_series(x);
	return expl(x) - 1;
}
