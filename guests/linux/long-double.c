/*
 * long double: printed, read, computed with. Linux on x86 has 64 bits of it and Linden 113, so numbers are compared that both
 * hold exactly, and functions to sixteen digits.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static volatile long double zero = 0, one = 1;

static void exact(void) {
  static const char *const texts[] = {"0", "-0", "1.5", "18446744073709551615", "-9223372036854775807.5", "0x1.8p-16000",
                                      "1e19", "12345678901234567890", "0.0000152587890625", "1e5000", "inf", "-nan", "4.25rest"};
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
    char *rest;
    long double number = strtold(texts[i], &rest);
    if (isfinite(number)) printf("%s: %.20Lf [%s] %Lg %.3Le %d\n", texts[i], fmodl(number, 1e30L), rest, number, number, !!signbit(number));
    else printf("%s: %Lf [%s]\n", texts[i], fabsl(number), rest);
  }
  long double read = 0;
  int count = sscanf("  -1234567890.0625e2 x", "%Lf", &read);
  printf("%d %.4Lf|%+12.2Lf|%-10.1Lf|%#Lg|%010.3Lf|%Lf\n", count, read, 3.14159L * one, 2.5L * one, 1.0L * one, -7.125L * one, one / 3);
  printf("%.30Lf %.0Lf %.0Lf %.1Lf\n", ldexpl(one, -30), 2.5L * one, 3.5L * one, 0.25L * one);
  long double most = ldexpl(one, 63) + (ldexpl(one, 63) - 1);
  printf("%.0Lf %.0Lf %llu %lld\n", most, most - 1, (unsigned long long)most, (long long)-ldexpl(one, 62));
  printf("%.0Lf %.10Lf %.0Lf\n", 4294967295.0L * one * 4294967297.0L, (3.0L * one) / 1024, sqrtl(most + 1));
  int power;
  long double whole, part = modfl(-1234.0625L * one, &whole), size = frexpl(-10.5L * one, &power);
  printf("%Lg %Lg %Lg %d\n", whole, part, size, power);
  printf("%Lg %Lg %Lg %Lg %Lg %ld\n", floorl(-2.5L * one), ceill(-2.5L * one), roundl(-2.5L * one), rintl(-2.5L * one), truncl(-2.5L * one), lroundl(2.5L * one));
  volatile double half = 2.5;
  printf("%ld %ld %ld %ld %lld\n", lrint(half), lround(half), lrintf((float)half), lrintl(half * one), llroundl(half * one));
  printf("%Lg %Lg %Lg %Lg\n", remainderl(10 * one, 3), fmal(2 * one, 3, 4), hypotl(3 * one, 4), copysignl(one, -zero));
  printf("%d %d %d\n", 1e4000L * one > DBL_MAX, (double)(1e4000L * one) == HUGE_VAL, (float)(0.1L * one) == 0.1f);
  printf("%d %d %d %d\n", one / zero == INFINITY, isnan(zero / zero), one < zero, isunordered(one, zero / zero));
}

typedef long double function(long double);
static const struct {
  const char *name;
  function *of;
} functions[] = {{"exp", expl}, {"expm1", expm1l}, {"exp2", exp2l}, {"log", logl}, {"log1p", log1pl}, {"log2", log2l},
                 {"log10", log10l}, {"sin", sinl}, {"cos", cosl}, {"tan", tanl}, {"asin", asinl}, {"acos", acosl},
                 {"atan", atanl}, {"sinh", sinhl}, {"cosh", coshl}, {"tanh", tanhl}, {"asinh", asinhl}, {"acosh", acoshl},
                 {"atanh", atanhl}, {"cbrt", cbrtl}, {"sqrt", sqrtl}, {"erf", erfl},
                 {"erfc", erfcl}, {"tgamma", tgammal}, {"lgamma", lgammal}};

/* Digits that both sizes agree in; NaN without its sign. */
static void show(long double value) {
  if (isnan(value)) printf(" nan");
  else printf(" %.16Lg", value);
}

int main(void) {
  printf("%d %d %d\n", (int)sizeof(long double), LDBL_MAX_EXP, LDBL_MIN_EXP);
  exact();
  static const long double points[] = {0, -0.0L, 0.125L, -0.375L, 1, 1.0009765625L, 2, 10, -3.5L, 1000, 700.25L, -800, 11356, 11400, -11600, 1e-30L, INFINITY, -INFINITY, NAN};
  for (unsigned f = 0; f < sizeof functions / sizeof *functions; f++) {
    printf("%s", functions[f].name);
    for (unsigned i = 0; i < sizeof points / sizeof *points; i++) {
      /* The size of an argument to a trigonometric function shows in its last digits. */
      if (f >= 7 && f <= 9 && fabsl(points[i]) > 100) continue;
      show(functions[f].of(points[i] * one));
    }
    putchar('\n');
  }
  static const long double bases[] = {0, -0.0L, 1, -1, 2, -2, 10, 0.5L, 3.25L, -8, INFINITY, -INFINITY, NAN};
  static const long double powers[] = {0, 1, -1, 2, 3, 0.5L, -2.75L, 27, 100, -101, 0x1p63L, 1e30L, INFINITY, -INFINITY, NAN};
  for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++) {
    printf("%Lg **", isnan(bases[i]) ? 99 : bases[i]);
    for (unsigned j = 0; j < sizeof powers / sizeof *powers; j++) show(powl(bases[i] * one, powers[j] * one));
    putchar('\n');
  }
  /* The sign of gamma(x) stands beside the logarithm of its size. */
  static const long double gammas[] = {0, -0.0L, 0.25L, -0.5L, -1.5L, -2, -2.25L, 3, 171.625L, -171.625L, 1e10L};
  for (unsigned i = 0; i < sizeof gammas / sizeof *gammas; i++) {
    int sign = 7;
    show(lgammal_r(gammas[i] * one, &sign));
    printf(" %d", sign);
  }
  putchar('\n');
  return 0;
}
