/*
 * What exponential and logarithm of a 128-bit long double share. musl's own answer for this format is double's. The results
 * are within a few units in the last place of 113 bits.
 */
#include <features.h>

/* ln 2 in two parts: the product of the first with a number of 15 bits is exact. */
#define LN2_HIGH 0x1.62e42fefa39ef35793c767300000p-1L
#define LN2_LOW 0x1.f97b57a079a193394c5b16c5068cp-103L
#define LN2 0.693147180559945309417232121458176568075500134360255254120680L

/* expm1 by its series, for |x| of at most ln(2)/2. */
hidden long double __expm1_series(long double x);

/* ln(1+x) for x between sqrt(1/2)-1 and sqrt(2)-1, given it as a double. */
hidden long double __log1p_near(long double x, double guess);

#define PI 0x1.921fb54442d18469898cc51701b8p1L

/* ln(gamma(x)) for x of at least 24, without (x-1/2)*(ln(x)-1)+(ln(2*pi)-1)/2: the sum of Stirling's formula. */
hidden long double __gamma_rest(long double x);

/* ln(gamma(2+t)) for |t| of at most 1/2. */
hidden long double __log_gamma_near(long double t);

/* sin(pi*x), whose argument is reduced exactly. */
hidden long double __sin_pi(long double x);
