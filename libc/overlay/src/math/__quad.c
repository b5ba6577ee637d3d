#include "__quad.h"

long double __expm1_series(long double x)
{
	long double sum = 0;
	/* x**27/27! is below the last place of x. */
	for (int n=26; n>=2; n--) sum = x * (1 + sum) / n;
	return x + x * sum;
}

/* One step of Halley's method from 53 bits on: it triples them. */
long double __log1p_near(long double x, double guess)
{
	long double found = __expm1_series(guess);
	return guess + 2 * (x - found) / (2 + x + found);
}
