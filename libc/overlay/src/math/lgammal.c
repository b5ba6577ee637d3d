#define _GNU_SOURCE
#include "libm.h"
#include "__quad.h"

/* (ln(2 pi)-1)/2 */
#define STIRLING_CONSTANT 0x1.acfe390c97d694d252f240051065p-2L

/* Every sum here is of terms of one sign, or nearly so: only the zeros at 1 and 2 are approached, by their own series. */
static long double positive(long double x)
{
	if (x < 0.5L) return __log_gamma_near(x) - log1pl(x) - logl(x);
	if (x < 1.5L) return __log_gamma_near(x - 1) - log1pl(x - 1);
	if (x >= 24) return (x - 0.5L) * (logl(x) - 1) + (STIRLING_CONSTANT + __gamma_rest(x));
	long double product = 1;
	while (x > 2.5L) product *= --x;
	return __log_gamma_near(x - 2) + logl(product);
}

long double __lgammal_r(long double x, int *sign)
{
	*sign = 1;
	if (isnan(x) || isinf(x)) return x * x;
	if (x == 0 && signbit(x)) *sign = -1;
	if (x <= 0 && x == floorl(x)) return 1 / fabsl(x - x);
	if (x > 0) return positive(x);
	long double sine = __sin_pi(x);
	if (sine < 0) *sign = -1;
	return logl(PI / fabsl(sine)) - positive(1 - x);
}

long double lgammal(long double x)
{
	return __lgammal_r(x, &__signgam);
}

weak_alias(__lgammal_r, lgammal_r);
