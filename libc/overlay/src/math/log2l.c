#include <math.h>
#include "__quad.h"

hidden long double __log_parts(long double x, int *n);

long double log2l(long double x)
{
	if (!(x > 0) || x == INFINITY) return logl(x);
	int n;
	long double rest = __log_parts(x, &n);
	return n + __log1p_near(rest, log1p(rest)) / LN2;
}
