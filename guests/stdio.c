/* The C library's files: modes, buffering, seeking, ends and errors. */
#include "report.h"
#include <string.h>

static void show(const char *path) {
  char text[128];
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    printf("%s: %s\n", path, errno_name(errno));
    return;
  }
  size_t length = fread(text, 1, sizeof text, file);
  printf("%s: [%.*s] end %d error %d\n", path, (int)length, text, feof(file) != 0, ferror(file) != 0);
  fclose(file);
}

int main(void) {
  FILE *file = fopen("file", "r");
  printf("missing: %s\n", file == NULL ? errno_name(errno) : "opened");
  file = fopen("file", "wx");
  printf("exclusive: %d\n", file != NULL);
  fprintf(file, "%s %d %5.2f %#x\n", "line", 42, 3.14159, 255);
  fputs("second line\n", file);
  show("file");
  printf("flush: %d\n", fflush(file));
  show("file");
  printf("tell: %ld\n", ftell(file));
  printf("seek: %d\n", fseek(file, 5, SEEK_SET));
  fputs("XX", file);
  printf("close: %d\n", fclose(file));
  show("file");
  printf("exclusive again: %s\n", fopen("file", "wx") == NULL ? errno_name(errno) : "opened");

  file = fopen("file", "r+");
  char line[64];
  printf("gets: %s", fgets(line, sizeof line, file));
  printf("getc: %c\n", fgetc(file));
  ungetc('!', file);
  printf("ungetc: %c\n", fgetc(file));
  fseek(file, 0, SEEK_END);
  printf("size: %ld\n", ftell(file));
  printf("at the end: %d\n", fgetc(file) == EOF && feof(file));
  rewind(file);
  int number = -1;
  char word[16];
  printf("scanf: %d", fscanf(file, "%15s %d", word, &number));
  printf(" %s %d\n", word, number);
  fclose(file);

  file = fopen("file", "a+");
  fputs("appended\n", file);
  fseek(file, 0, SEEK_SET);
  printf("first: %c\n", fgetc(file));
  fclose(file);
  show("file");

  file = fopen("file", "r");
  printf("write to a reader: %d", fputc('x', file) == EOF);
  printf(" error %d\n", ferror(file) != 0);
  fclose(file);
  file = fopen("file", "w");
  printf("read from a writer: %d", fgetc(file) == EOF);
  printf(" error %d\n", ferror(file) != 0);
  fclose(file);
  show("file");
  printf("rename: %d\n", rename("file", "other"));
  printf("remove: %d\n", remove("other"));
  printf("remove again: %s\n", remove("other") == -1 ? errno_name(errno) : "0");
  setvbuf(stdout, NULL, _IONBF, 0);
  printf("unbuffered\n");
  fprintf(stderr, "to standard error\n");
  return 0;
}
