/* Odd paths: dots, doubled slashes, long names, bytes that are no text. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void try(const char *what, const char *path) {
  struct stat status;
  if (stat(path, &status) == -1) printf("%s: %s\n", what, errno_name(errno));
  else printf("%s: %s\n", what, S_ISDIR(status.st_mode) ? "directory" : "file");
}

int main(void) {
  must("mkdir", mkdir("a", 0755));
  must("mkdir", mkdir("a/b", 0755));
  close(must("create", open("a/b/file", O_CREAT | O_WRONLY, 0644)));
  try("dot", ".");
  try("dots in the middle", "a/./b/../b/./file");
  try("doubled slashes", "a//b///file");
  try("up and down", "a/b/../../a/b/file");
  try("through a missing directory", "missing/../a");
  try("through a file", "a/b/file/../file");
  try("file with dot", "a/b/file/.");
  try("directory with slashes", "a/b///");
  try("file with slash", "a/b/file/");

  char name[300];
  memset(name, 'n', sizeof name);
  name[255] = 0;
  report_open("255 bytes", open(name, O_CREAT | O_WRONLY, 0644));
  name[255] = 'n';
  name[256] = 0;
  report_open("256 bytes", open(name, O_CREAT | O_WRONLY, 0644));
  try("stat 256 bytes", name);
  static char path[6000];
  for (int i = 0; i < 2000; i++) memcpy(path + 2 * i, "./", 2);
  strcpy(path + 4000, "a");
  try("4001 bytes", path);
  for (int i = 0; i < 2900; i++) memcpy(path + 2 * i, "./", 2);
  strcpy(path + 5800, "a");
  try("5801 bytes", path);

  const char *names[] = {"\xff\xfe", ("\xef\xbb\xbf" "bom"), "__proto__", "constructor", "new\nline", "caf\xc3\xa9", "\xed\xa0\x80", "-", " "};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    int fd = open(names[i], O_CREAT | O_EXCL | O_WRONLY, 0644);
    printf("name %u: %s, again %s\n", i, fd == -1 ? errno_name(errno) : "made",
           open(names[i], O_CREAT | O_EXCL | O_WRONLY, 0644) == -1 ? errno_name(errno) : "made");
    printf("  unlink %d\n", unlink(names[i]));
  }
  return 0;
}
