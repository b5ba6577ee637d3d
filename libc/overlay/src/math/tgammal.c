#include <math.h>
#include "__quad.h"

/* (n-1)! for n of 24, 56, and so on. */
static const long double factorials[55] = {
	0x1.5e5c335f8a4cdap74L, 0x1.cbe5f18b04927ab0575f8f4fd50fp242L,
	0x1.7c1863ed21d71909bbe226d65113p439L, 0x1.7dd36efa41ac211f57c9ed4337d8p653L,
	0x1.11fa1e0c9f7463fcdcd3391a3a4p880L, 0x1.5c4979bc70ee31d3d6fed5ecf29ep1116L,
	0x1.d7ee5edb37bab4b670af24f91dc5p1360L, 0x1.265cc54c9a78042abf16e97f48c7p1612L,
	0x1.6b9712bd4ed296008dccfb4e2ec4p1869L, 0x1.13e9d5e2d300415a6af1febed123p2132L,
	0x1.605eaf51aa08adf438cbcbcc951ap2399L, 0x1.165e0b3b05a9715c5720d6b10fdp2671L,
	0x1.a59e3a17708a38cf7a9d038873f4p2946L, 0x1.edce0f582e74b31ced951ee44445p3225L,
	0x1.7440df718e2fbddcde9a6bf4cc97p3508L, 0x1.3449521e058cc260ad450a9dd648p3794L,
	0x1.e87e05bf1b808b61a62039cefad7p4082L, 0x1.47cc7f088931f6bea3d17b14e0b3p4374L,
	0x1.4e7812e89d602a07a1ba7570dd6p4668L, 0x1.d734ce19da3e67d1095e0edfc8b3p4964L,
	0x1.a43e8ee444863d334392940688e5p5263L, 0x1.b6c937b19d7b1f60022048daf85p5564L,
	0x1.f3903fcf7c6081cc49bcc73813ecp5867L, 0x1.229fba1b540c668ad2d567f847cp6173L,
	0x1.45a7335f47477a8ac0c3766d3ca2p6480L, 0x1.4cc41b641884d212fea04d4df293p6789L,
	0x1.26defd280a9be796f55e9722cf11p7100L, 0x1.b090497bd250208111e754f00fcbp7412L,
	0x1.f70b7582f71ca22119f07dfbf3bdp7726L, 0x1.bd813b845264623c84a5ed2f4c93p8042L,
	0x1.2168b4aa2c8c85e60665501b98cep8360L, 0x1.0a5151eeec3461f2c99191053ec4p8679L,
	0x1.4ff04c565c6c4055581c493aee8ap8999L, 0x1.19a108135d08c5c3f8fbd21d82cep9321L,
	0x1.30da8949e1abaa44d8b7b8f5f6c6p9644L, 0x1.9e9b579116bf241f4b8683af0a25p9968L,
	0x1.593556aa02f2fe63cc59a992b8c5p10294L, 0x1.57737bd491676b2a75c14f935268p10621L,
	0x1.8efc70abbcebb5357a10028a244p10949L, 0x1.08bd3e8a03479099e245d11e193ap11279L,
	0x1.8912dd3065473af742352da62937p11609L, 0x1.4017bc0d9c46b056a1643f6507ep11941L,
	0x1.1897c0f6223ec809011618610371p12274L, 0x1.04109b20ad2710c8fdd12267852ap12608L,
	0x1.f50d7f8e66a6582199458b197c8ep12942L, 0x1.ed8887134c2dc38f1eb266e66cc1p13278L,
	0x1.e958a800325f7060206f8099b18dp13615L, 0x1.e12612c3cfcbd130bb428e604616p13953L,
	0x1.ce75d4a681a200d9fe692a6f0049p14292L, 0x1.ac931018e646bd8004ad4c93200dp14632L,
	0x1.79eb883c556f1e73964d911b19dbp14973L, 0x1.391a3ba7a06f931c53fa106e8f81p15315L,
	0x1.e186c4dc72166db0655ce74dbceap15657L, 0x1.53a942a741704422772b4a66e1afp16001L,
	0x1.b2a0f889609a2c5ee0044ca2c37ep16345L,
};

/* (n-1)!/2**300 for n from 24 to 1783: products of whole numbers are rounded once they no longer fit. */
static long double factorial(int n)
{
	int at = (n - 24) / 32;
	long double value = factorials[at] * 0x1p-300L, product = 1;
	for (int i=24+32*at; i<n; i++) {
		product *= i;
		if (product < 0x1p100L && i+1 < n) continue;
		value *= product;
		product = 1;
	}
	return value;
}

/* gamma(x)/2**power for x from 1/2 to 1783. */
static long double positive(long double x, int *power)
{
	long double product = 1;
	*power = 0;
	if (x < 1.5L) return expl(__log_gamma_near(x - 1)) / x;
	if (x < 24) {
		while (x > 2.5L) product *= --x;
		return expl(__log_gamma_near(x - 2)) * product;
	}
	/* Stirling's formula for the quotient of gamma(x) and gamma(n): all that is large in it is taken out. */
	long double n = roundl(x), rest = x - n;
	long double change = (x - 0.5L) * log1pl(rest / n) - rest;
	change += __gamma_rest(x) - __gamma_rest(n);
	*power = 300;
	return factorial(n) * expl(rest * logl(n) + change);
}

long double tgammal(long double x)
{
	int power;
	if (isnan(x) || x == INFINITY) return x;
	if (x == 0) return 1 / x;
	if (x < 0 && x == floorl(x)) return (x - x) / 0.0L;
	if (fabsl(x) < 0.5L) return expl(__log_gamma_near(x)) / (1 + x) / x;
	if (x > 1756) return x * 0x1p16383L;
	if (x > 0) {
		long double value = positive(x, &power);
		return scalbnl(value, power);
	}
	long double sine = __sin_pi(x);
	if (x < -1780) return copysignl(0x1p-16382L, sine) * 0x1p-16382L;
	long double value = PI / (-x * sine) / positive(-x, &power);
	return scalbnl(value, -power);
}
