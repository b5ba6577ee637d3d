/* A directory that was removed while somebody stands in it: it can be opened, has nothing in it and takes nothing. */
#include "../report.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void list(const char *what, DIR *directory) {
  int many = 0;
  if (directory == NULL) {
    report(what, -1);
    return;
  }
  errno = 0;
  while (readdir(directory) != NULL) many++;
  /* The C library may take ENOENT for the end. */
  printf("%s: %d entries\n", what, many);
  closedir(directory);
}

int main(void) {
  must("mkdir", mkdir("above", 0755));
  must("mkdir", mkdir("above/here", 0755));
  must("chdir", chdir("above/here"));
  int before = must("open", open(".", O_RDONLY | O_DIRECTORY));
  must("rmdir", rmdir("../here"));
  for (int round = 0; round < 2; round++) {
    list("list", opendir("."));
    struct stat about;
    must("stat", stat(".", &about));
    printf("names %d\n", (int)about.st_nlink);
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    report_open("open", fd);
    char page[1024];
    report("the same", fstat(fd, &about));
    printf("names %d\n", (int)about.st_nlink);
    close(fd);
    report_open("a file", open("file", O_CREAT | O_WRONLY, 0644));
    report("a directory", mkdir("directory", 0755));
    report("a link", symlink("x", "link"));
    report("a fifo", mkfifo("fifo", 0644));
    report("gone", access("file", F_OK));
    report("from above", access("../here", F_OK));
    report_open("above", open("..", O_RDONLY | O_DIRECTORY));
    report("getcwd", getcwd(page, sizeof page) == NULL ? -1 : 0);
    report("rename into it", rename("../../above", "above"));
    if (round == 0) close(before);
  }
  must("chdir", chdir(".."));
  struct stat about;
  must("stat", stat(".", &about));
  printf("names above %d\n", (int)about.st_nlink);
  must("mkdir", mkdir("here", 0755));
  list("another", opendir("here"));
  must("rmdir", rmdir("here"));
  must("chdir", chdir(".."));
  must("rmdir", rmdir("above"));
  return 0;
}
