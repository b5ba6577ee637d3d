#include <math.h>
#include "__quad.h"

long double expl(long double x)
{
	if (isnan(x)) return x;
	if (x > 11357) return x * 0x1p16383L;
	if (x < -11515) return isinf(x) ? 0 : 0x1p-16382L * 0x1p-16382L;
	int n = rintl(x / LN2);
	long double rest = (x - n * LN2_HIGH) - n * LN2_LOW;
	return scalbnl(1 + __expm1_series(rest), n);
}
