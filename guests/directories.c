/* Making and removing directories, and the errors of doing it wrong. */
#include "report.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void touch(const char *path) {
  close(must("create", open(path, O_CREAT | O_WRONLY, 0644)));
}

int main(void) {
  struct stat status;
  report("mkdir", mkdir("a", 0755));
  report("mkdir again", mkdir("a", 0755));
  report("mkdir trailing slash", mkdir("b/", 0755));
  report("mkdir nested", mkdir("a/inner", 0755));
  report("mkdir under missing", mkdir("x/y", 0755));
  touch("file");
  report("mkdir over a file", mkdir("file", 0755));
  report("mkdir under a file", mkdir("file/below", 0755));
  report("mkdir .", mkdir("a/.", 0755));
  report("stat", stat("a", &status));
  printf("directory %d\n", S_ISDIR(status.st_mode));
  report("rmdir not empty", rmdir("a"));
  report("rmdir a file", rmdir("file"));
  report("rmdir missing", rmdir("missing"));
  report("rmdir .", rmdir("a/inner/."));
  report("rmdir ..", rmdir("a/inner/.."));
  report("unlink a directory", unlink("a"));
  report("unlink a directory with slash", unlink("a/"));
  report("unlink a file with slash", unlink("file/"));
  report("unlink missing", unlink("missing"));
  report("unlink under a file", unlink("file/below"));
  report("rmdir", rmdir("a/inner"));
  report("rmdir with slash", rmdir("a/"));
  report("rmdir", rmdir("b"));
  report("stat removed", stat("a", &status));
  report("unlink", unlink("file"));
  report("unlink again", unlink("file"));

  /* A directory removed while it is open: nothing can be made in it any more. */
  must("mkdir", mkdir("gone", 0755));
  int fd = must("open", open("gone", O_RDONLY | O_DIRECTORY));
  report("rmdir while open", rmdir("gone"));
  report_open("create in it", openat(fd, "new", O_CREAT | O_WRONLY, 0644));
  report("mkdir in it", mkdirat(fd, "new", 0755));
  report("fstat of it", fstat(fd, &status));
  close(fd);
  return 0;
}
