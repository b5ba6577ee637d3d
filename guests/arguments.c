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

/* What every sandbox sets by itself. */
static int is_default(const char *entry) {
  return !strncmp(entry, "PATH=", 5) || !strncmp(entry, "HOME=", 5) || !strncmp(entry, "LANG=", 5) || !strncmp(entry, "PWD=", 4);
}

int main(int argc, char **argv) {
  printf("%d arguments\n", argc);
  for (int i = 1; i < argc; i++) show(argv[i]);
  int count = 0;
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
    if (is_default(*entry)) continue;
    show(*entry);
    count++;
  }
  printf("%d variables\n", count);
  const char *value = getenv("EMPTY");
  printf("EMPTY is %s\n", value == NULL ? "unset" : *value == 0 ? "empty" : "set");
  printf("MISSING is %s\n", getenv("MISSING") == NULL ? "unset" : "set");
  return 0;
}
