#include <math.h>

long double log10l(long double x)
{
	long double found = logl(x) / 2.302585092994045684017991454684364208L;
	long double whole = rintl(found);
	/* A power of ten has an exact answer. */
	if (fabsl(found - whole) < 0x1p-90L && whole >= 0 && whole < 49 && powl(10, whole) == x) return whole;
	return found;
}
