/*
 * What coreutils' tests call and an image has not: getent, getconf and locale, which come with glibc, and util-linux' fallocate.
 * Each answers what these tests ask of it, by what it was called; anything else fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int getent(int count, char **words) {
  if (count != 2 || strcmp(words[1], "group") != 0) return 1;
  for (struct group *one; (one = getgrent()) != NULL;) {
    printf("%s:%s:%u:", one->gr_name, one->gr_passwd, (unsigned)one->gr_gid);
    for (char **member = one->gr_mem; *member != NULL; member++) printf(member == one->gr_mem ? "%s" : ",%s", *member);
    putchar('\n');
  }
  return 0;
}

static int getconf(int count, char **words) {
  if (count != 2) return 1;
  if (strcmp(words[1], "PAGE_SIZE") == 0 || strcmp(words[1], "PAGESIZE") == 0) printf("%ld\n", sysconf(_SC_PAGESIZE));
  else if (strcmp(words[1], "ARG_MAX") == 0) printf("%ld\n", sysconf(_SC_ARG_MAX));
  else if (strcmp(words[1], "_NPROCESSORS_ONLN") == 0) printf("%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
  else return 1;
  return 0;
}

static int locale(int count, char **words) {
  if (count != 2) return 1;
  if (strcmp(words[1], "--version") == 0) return 0;
  if (setlocale(LC_ALL, "") == NULL || strcmp(words[1], "abmon") != 0) return 1;
  for (int month = 0; month < 12; month++) printf(month == 0 ? "%s" : ";%s", nl_langinfo(ABMON_1 + month));
  putchar('\n');
  return 0;
}

/* Bytes, with KiB or MiB behind them; less than none where it is no number. */
static long long size(const char *text) {
  char *end;
  long long value = strtoll(text, &end, 10);
  if (strcmp(end, "KiB") == 0) return value << 10;
  if (strcmp(end, "MiB") == 0) return value << 20;
  return *end == '\0' ? value : -1;
}

static int allocate(int count, char **words) {
  long long length = -1, offset = 0;
  int mode = 0, option;
  if (count == 2 && strcmp(words[1], "--help") == 0) return 0;
  while ((option = getopt(count, words, "l:o:n")) != -1) {
    if (option == 'l') length = size(optarg);
    else if (option == 'o') offset = size(optarg);
    else if (option == 'n') mode = FALLOC_FL_KEEP_SIZE;
    else return 1;
  }
  if (length <= 0 || offset < 0 || optind + 1 != count) return 1;
  int file = open(words[optind], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file >= 0 && fallocate(file, mode, offset, length) == 0) return 0;
  perror(words[optind]);
  return 1;
}

int main(int count, char **words) {
  const char *slash = strrchr(words[0], '/'), *name = slash == NULL ? words[0] : slash + 1;
  if (strcmp(name, "getent") == 0) return getent(count, words);
  if (strcmp(name, "getconf") == 0) return getconf(count, words);
  if (strcmp(name, "locale") == 0) return locale(count, words);
  if (strcmp(name, "fallocate") == 0) return allocate(count, words);
  return 1;
}
