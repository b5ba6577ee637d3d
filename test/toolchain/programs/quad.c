/* Functions of a number with 113 bits: long double here, __float128 of gcc's libquadmath on x86-64. */
#include <stdio.h>
#ifdef __wasm__
#include <math.h>
typedef long double quad;
#define F(name) name##l
#define Q(number) number##L
#else
#include <quadmath.h>
typedef __float128 quad;
#define F(name) name##q
#define Q(number) number##Q
#endif

static void show(quad value) {
#ifdef __wasm__
  printf(" %La", value);
#else
  char text[64];
  quadmath_snprintf(text, sizeof text, "%Qa", value);
  printf(" %s", text);
#endif
}

static void tell(const char *name, quad of(quad), quad from, quad step, int points) {
  for (int i = 0; i < points; i++) {
    printf("%s", name);
    show(from + step * i);
    show(of(from + step * i));
    putchar('\n');
  }
}

int main(void) {
  tell("exp", F(exp), Q(-90.1), Q(1.234567), 150);
  tell("log", F(log), Q(0.0371), Q(0.1171), 100);
  tell("erf", F(erf), Q(-9.37), Q(0.0373), 500);
  tell("erf", F(erf), Q(1e-5), Q(1e-3), 100);
  tell("erfc", F(erfc), Q(-8.93), Q(0.03271), 600);
  tell("erfc", F(erfc), Q(10.1), Q(0.7177), 134);
  tell("tgamma", F(tgamma), Q(0.0123), Q(0.0717), 400);
  tell("tgamma", F(tgamma), Q(25.17), Q(5.7171), 302);
  tell("tgamma", F(tgamma), Q(-40.37), Q(0.0917), 440);
  tell("tgamma", F(tgamma), Q(-1747.37), Q(9.917), 170);
  tell("lgamma", F(lgamma), Q(0.00123), Q(0.01717), 400);
  tell("lgamma", F(lgamma), Q(7.1), Q(0.717), 100);
  tell("lgamma", F(lgamma), Q(100.1), Q(1e7), 50);
  tell("lgamma", F(lgamma), Q(-90.37), Q(0.517), 150);
  return 0;
}
