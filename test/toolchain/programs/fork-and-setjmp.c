/* Forks behind a setjmp, first time and after the jump: both are fine. */
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>
static jmp_buf b, c;
int deep(int n) { if (n > 2) longjmp(b, n); pid_t p = fork(); return p; }
int main(int n, char **v) {
  int r = setjmp(b);
  if (r) { pid_t p = fork(); if (!p) _exit(0); printf("%d\n", r); if (setjmp(c)) { fork(); return 1; } longjmp(c, 1); }
  for (int i = 0; i < 5; i++) deep(i);
  return 0;
}
