#include <math.h>

long double coshl(long double x)
{
	long double size = fabsl(x);
	if (size > 11000) {
		long double root = expl(size / 2);
		return 0.5L * root * root;
	}
	long double power = expl(size);
	return 0.5L * (power + 1 / power);
}
