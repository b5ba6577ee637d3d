/*
 * The limits of this machine's types as shell assignments, in the names that coreutils' tests know from its own program, which is
 * built with nothing else there: each type's MIN and MAX, one less than the least (UFLOW) and one more than the most (OFLOW).
 */
#include <float.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

/* One more than a number's digits say. */
static const char *beyond(const char *number) {
  static char text[64];
  size_t at = snprintf(text, sizeof text, "%s", number);
  while (at > 0 && text[at - 1] == '9') text[--at] = '0';
  if (at > 0 && text[at - 1] != '-') text[at - 1]++;
  else {
    memmove(text + at + 1, text + at, strlen(text + at) + 1);
    text[at] = '1';
  }
  return text;
}

static void integer(const char *name, int is_signed, size_t size) {
  char number[64];
  uintmax_t most = UINTMAX_MAX >> (8 * (sizeof(uintmax_t) - size) + (is_signed ? 1 : 0));
  snprintf(number, sizeof number, "%ju", most);
  printf("%s_MAX=%s\n", name, number);
  printf("%s_OFLOW=%s\n", name, beyond(number));
  if (!is_signed) {
    printf("%s_MIN=0\n%s_UFLOW=-1\n", name, name);
    return;
  }
  snprintf(number, sizeof number, "-%s", beyond(number));
  printf("%s_MIN=%s\n", name, number);
  printf("%s_UFLOW=%s\n", name, beyond(number));
}

#define INTEGER(NAME, TYPE) integer(#NAME, (TYPE)-1 < (TYPE)1, sizeof(TYPE))
#define FLOATING(NAME) \
  printf(#NAME "_MIN=%.*Lg\n" #NAME "_MAX=%.*Lg\n", NAME##_DECIMAL_DIG, (long double)NAME##_MIN, NAME##_DECIMAL_DIG, \
         (long double)NAME##_MAX)

int main(void) {
  INTEGER(CHAR, char);
  INTEGER(SCHAR, signed char);
  INTEGER(UCHAR, unsigned char);
  INTEGER(SHRT, short);
  INTEGER(INT, int);
  INTEGER(UINT, unsigned);
  INTEGER(LONG, long);
  INTEGER(ULONG, unsigned long);
  INTEGER(SIZE, size_t);
  INTEGER(SSIZE, ssize_t);
  INTEGER(TIME_T, time_t);
  INTEGER(UID_T, uid_t);
  INTEGER(GID_T, gid_t);
  INTEGER(PID_T, pid_t);
  INTEGER(OFF_T, off_t);
  INTEGER(INTMAX, intmax_t);
  INTEGER(UINTMAX, uintmax_t);
  FLOATING(FLT);
  FLOATING(DBL);
  FLOATING(LDBL);
  return 0;
}
