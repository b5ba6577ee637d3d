/* Calls relative to an open directory, which stay with it when it is renamed. */
#include "report.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
  struct stat status;
  char text[16];
  must("mkdir", mkdir("dir", 0755));
  must("mkdir", mkdir("dir/sub", 0755));
  int dir = must("open", open("dir", O_RDONLY | O_DIRECTORY));
  int fd = report_open("create beneath", openat(dir, "file", O_CREAT | O_RDWR, 0644));
  must("write", write(fd, "beneath", 7));
  report("mkdirat", mkdirat(dir, "made", 0755));
  report("symlinkat", symlinkat("file", dir, "link"));
  memset(text, 0, sizeof text);
  report("readlinkat", readlinkat(dir, "link", text, sizeof text));
  printf("%s\n", text);
  report("linkat", linkat(dir, "file", dir, "sub/hard", 0));
  report("fstatat", fstatat(dir, "link", &status, AT_SYMLINK_NOFOLLOW));
  printf("link %d\n", S_ISLNK(status.st_mode));
  report("fstatat follow", fstatat(dir, "link", &status, 0));
  printf("regular %d, links %d\n", S_ISREG(status.st_mode), (int)status.st_nlink);
  report("renameat", renameat(dir, "made", dir, "sub/moved"));
  report("through the descriptor of a file", openat(fd, "x", O_RDONLY) == -1 ? -1 : 0);
  report("missing", openat(dir, "missing", O_RDONLY) == -1 ? -1 : 0);
  report("closed", openat(5555, "x", O_RDONLY) == -1 ? -1 : 0);

  must("rename", rename("dir", "elsewhere"));
  report("the descriptor follows its directory", fstatat(dir, "sub/hard", &status, 0));
  report("unlinkat", unlinkat(dir, "sub/hard", 0));
  report("unlinkat directory without flag", unlinkat(dir, "sub", 0));
  report("unlinkat full directory", unlinkat(dir, "sub", AT_REMOVEDIR));
  report("unlinkat", unlinkat(dir, "sub/moved", AT_REMOVEDIR));
  report("unlinkat file with flag", unlinkat(dir, "file", AT_REMOVEDIR));
  report("unlinkat", unlinkat(dir, "sub", AT_REMOVEDIR));
  must("lseek", lseek(fd, 0, SEEK_SET));
  memset(text, 0, sizeof text);
  report("the open file is still read", read(fd, text, sizeof text));
  printf("%s\n", text);

  DIR *listing = fdopendir(dir);
  int count = 0;
  while (readdir(listing) != NULL) count++;
  printf("%d entries\n", count);
  closedir(listing);
  report("closedir closed it", fstatat(dir, "file", &status, 0));
  return 0;
}
