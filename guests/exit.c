/* Ends: exit statuses, what is flushed, _Exit, abort and a trap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void farewell(void) { printf("atexit ran\n"); }

int main(int argc, char **argv) {
  atexit(farewell);
  printf("started\n");
  fflush(stdout);
  const char *how = argc > 1 ? argv[1] : "return";
  if (strcmp(how, "return") == 0) return 3;
  if (strcmp(how, "_Exit") == 0) _Exit(4);
  if (strcmp(how, "abort") == 0) abort();
  exit(atoi(how));
}
