/*
 * Error functions of a 128-bit long double. Near zero the power series (DLMF 7.6.1). Elsewhere the integral of DLMF 7.7.1 by
 * the trapezoidal rule, which for exp(-t*t)/(t*t+x*x) is right to exp(-(pi/h)**2) once the pole at t=ix is accounted for.
 */
#include <math.h>
#include "__quad.h"

/* h, and its square, are exact. */
#define STEP 0.328125L
#define SQUARE (STEP * STEP)
#define TWO_STEPS_BY_PI 0x1.abcef9018d72b78e35e7468723abp-3L
#define TWO_PI_BY_STEP 0x1.32614d27d162ae07443a7dc862d6p4L
#define TWO_BY_ROOT_PI 0x1.20dd750429b6d11ae3a914fed7fep0L

/* exp(-(k*h)**2) from k=1 on; the next is below the last place. */
static const long double weights[28] = {
	0x1.cbbd253abe53320951a67fe43a06p-1L, 0x1.4cd6ed3237e904703253169247c3p-1L,
	0x1.849259d0eacd081b56f1ab88e8f4p-2L, 0x1.6dc1305420a7942526e7d3edbd95p-3L,
	0x1.1594f2dfdbda52a2a49188e80a3ep-4L, 0x1.53b508ba01e0ff064042b1d96cb6p-6L,
	0x1.4f329409efa482a25e85eb036541p-8L, 0x1.0aac5c46eedb5da65b2b55dd27b2p-10L,
	0x1.561d242583d4477ec046384290edp-13L, 0x1.61ded3265285adf21f8d53ba0b97p-16L,
	0x1.271f045a80a93530aa3056181212p-19L, 0x1.8ce38dc5ae5dd32dbc00289fb409p-23L,
	0x1.ae59247f070ad5f209463d12208dp-27L, 0x1.783ae930d011e4382f98066474f7p-31L,
	0x1.0932969ba7c577d64c7800c3a42ep-35L, 0x1.2d7026e60ab5de8208c80131609ep-40L,
	0x1.14411e12964d4d5b499809b3a1b6p-45L, 0x1.98418d8c5509e8f3b9a96b637038p-51L,
	0x1.e673524324d7d21185f270efd061p-57L, 0x1.d3556d8de0982b39a3638310dcf7p-63L,
	0x1.69fdc1e6b1b259298edd33898381p-69L, 0x1.c4261fea6820a0c1444bf7730c7cp-76L,
	0x1.c75a292dc3972fbfe93280998059p-83L, 0x1.71bd4fa8f8c97797539ce1331cc3p-90L,
	0x1.e41fc80778630ef00779ed014148p-98L, 0x1.ff17ddf975875ad97ed5a09fd5dcp-106L,
	0x1.b3096c149cc6dab2e3c123b329d8p-114L, 0x1.2a8fd78782bcbf1e7e037536559bp-122L,
};

/* |x| of at most 1/2. */
static long double series(long double x)
{
	long double square = x * x, sum = 0;
	for (int n=20; n>=1; n--) sum = 1.0L / (2*n + 1) - square * sum / (n + 1);
	return TWO_BY_ROOT_PI * (x - x * square * sum);
}

/* x of at least 1/2. */
static long double tail(long double x)
{
	if (x > 107) return 0x1p-16382L * 0x1p-16382L;
	long double square = x * x, rest = fmal(x, x, -square), sum = 0;
	for (int k=28; k>=1; k--) sum += weights[k-1] / (k * k * SQUARE + square);
	sum += 0.5L / square;
	long double area = TWO_STEPS_BY_PI * x * sum * (1 - rest) * expl(-square);
	return x < 10 ? area - 2 / expm1l(TWO_PI_BY_STEP * x) : area;
}

long double erfl(long double x)
{
	if (isnan(x) || x == 0) return x;
	if (fabsl(x) <= 0.5L) return series(x);
	return copysignl(fabsl(x) > 9 ? 1 : 1 - tail(fabsl(x)), x);
}

long double erfcl(long double x)
{
	if (isnan(x)) return x;
	if (fabsl(x) <= 0.5L) return 1 - series(x);
	if (x > 0) return tail(x);
	return x < -9 ? 2 : 2 - tail(-x);
}
