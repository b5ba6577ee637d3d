/* Hard links, counts, and files that live on without a name. */
#include "report.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void count(const char *path) {
  struct stat status;
  if (lstat(path, &status) == -1) printf("  %s: %s\n", path, errno_name(errno));
  else printf("  %s: %d links\n", path, (int)status.st_nlink);
}

int main(void) {
  struct stat first, second;
  char buffer[8];
  int fd = must("create", open("a", O_CREAT | O_RDWR, 0644));
  must("write", write(fd, "shared", 6));
  count("a");
  report("link", link("a", "b"));
  count("a");
  must("stat", stat("a", &first));
  must("stat", stat("b", &second));
  printf("same inode %d, same device %d\n", first.st_ino == second.st_ino, first.st_dev == second.st_dev);
  report("link over existing", link("a", "b"));
  report("link missing", link("missing", "c"));
  report("link to missing parent", link("a", "nowhere/c"));
  must("mkdir", mkdir("dir", 0755));
  report("link a directory", link("dir", "dir2"));
  report("link with slash", link("a", "c/"));
  report("unlink first name", unlink("a"));
  count("a");
  count("b");
  report("read by descriptor", pread(fd, buffer, 6, 0));
  report("unlink last name", unlink("b"));
  must("fstat", fstat(fd, &first));
  printf("links of the open file: %d, size %lld\n", (int)first.st_nlink, (long long)first.st_size);
  report("write to the nameless file", pwrite(fd, "still", 5, 0));
  report("read it", pread(fd, buffer, 6, 0));
  printf("%.6s\n", buffer);
  must("create", open("a", O_CREAT | O_WRONLY | O_EXCL, 0644));
  must("stat", stat("a", &second));
  printf("a new file is another inode: %d\n", second.st_ino != first.st_ino);
  return 0;
}
