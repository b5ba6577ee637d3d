/* Arguments and environment arrive byte for byte, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const char *text) {
  for (; *text; text++) {
    unsigned char byte = *text;
    if (byte >= 32 && byte < 127 && byte != '\\') putchar(byte);
    else printf("\\x%02x", byte);
  }
  putchar('\n');
}

extern char **environ;

int main(int argc, char **argv) {
  printf("%d arguments\n", argc);
  for (int i = 1; i < argc; i++) show(argv[i]);
  int count = 0;
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++, count++) show(*entry);
  printf("%d variables\n", count);
  const char *value = getenv("EMPTY");
  printf("EMPTY is %s\n", value == NULL ? "unset" : *value == 0 ? "empty" : "set");
  printf("MISSING is %s\n", getenv("MISSING") == NULL ? "unset" : "set");
  return 0;
}
