#include <math.h>
#include "__quad.h"

/* frexpl's parts of x > 0, the first between sqrt(1/2) and sqrt(2), in two: x is (1+rest)*2**n. */
hidden long double __log_parts(long double x, int *n)
{
	long double part = frexpl(x, n);
	if (part < 0.70710678118654752440L) {
		part *= 2;
		--*n;
	}
	return part - 1;
}

long double logl(long double x)
{
	if (isnan(x) || x == INFINITY) return x;
	if (x == 0) return -1 / (x * x);
	if (x < 0) return (x - x) / 0.0L;
	int n;
	long double rest = __log_parts(x, &n);
	return n * LN2_HIGH + (__log1p_near(rest, log1p(rest)) + n * LN2_LOW);
}
