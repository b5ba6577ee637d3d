/* A hard link of a symbolic link is a second name of the link itself. */
#include "report.h"
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  struct stat status;
  must("symlink", symlink("a", "s"));
  report("link of a symlink", link("s", "t"));
  must("lstat", lstat("t", &status));
  printf("a link: %d, links: %d\n", S_ISLNK(status.st_mode), (int)status.st_nlink);
  return 0;
}
