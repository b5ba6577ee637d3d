/* Calls a function through a pointer of another type, one more than others do. */
#include <stdio.h>

typedef int (*command)(int, int);

static int add(int left, int right) { return left + right; }
static int one(int number) { return number; }

static const command commands[] = {add, (command)one};

int main(int argc, char **argv) {
  (void)argv;
  for (int i = 0; i < 2; i += 1) {
    printf("%d\n", commands[i](argc, 2));
    fflush(stdout);
  }
  return 0;
}
