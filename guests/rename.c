/* rename(2) in every combination of what is there and what is in the way. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void touch(const char *path, const char *text) {
  int fd = must("create", open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644));
  must("write", write(fd, text, strlen(text)));
  close(fd);
}

static void show(const char *path) {
  char text[32];
  int fd = open(path, O_RDONLY);
  if (fd == -1) {
    printf("  %s: %s\n", path, errno_name(errno));
    return;
  }
  ssize_t length = read(fd, text, sizeof text);
  printf("  %s: %.*s\n", path, length < 0 ? 0 : (int)length, text);
  close(fd);
}

int main(void) {
  struct stat before, after;
  touch("one", "1");
  must("stat", stat("one", &before));
  report("file to new name", rename("one", "two"));
  must("stat", stat("two", &after));
  printf("same inode: %d\n", before.st_ino == after.st_ino);
  show("one");
  show("two");
  report("missing", rename("one", "three"));
  touch("three", "3");
  int open_three = must("open", open("three", O_RDONLY));
  report("file over file", rename("two", "three"));
  show("three");
  char old;
  report("the replaced file is still there for its descriptor", read(open_three, &old, 1));
  printf("%c\n", old);
  close(open_three);
  report("onto itself", rename("three", "three"));
  must("mkdir", mkdir("dir", 0755));
  must("mkdir", mkdir("empty", 0755));
  must("mkdir", mkdir("full", 0755));
  touch("full/file", "f");
  report("file over directory", rename("three", "dir"));
  report("directory over file", rename("dir", "three"));
  report("directory over empty directory", rename("dir", "empty"));
  report("directory over full directory", rename("empty", "full"));
  report("full over empty", rename("full", "empty"));
  show("empty/file");
  report("into itself", rename("empty", "empty/below"));
  report("under itself deeper", (must("mkdir", mkdir("empty/a", 0755)), rename("empty", "empty/a/b")));
  report("parent over child", rename("empty/a", "empty"));
  report("file into directory", rename("three", "empty/three"));
  show("empty/three");
  report("file with slash", rename("empty/three/", "four"));
  report("file to name with slash", rename("empty/three", "four/"));
  report("directory with slashes", rename("empty/a/", "empty/b/"));
  report("to missing parent", rename("empty/three", "nowhere/three"));
  report("from below a file", rename("empty/three/x", "y"));
  report("dot", rename("empty/.", "z"));
  report("dotdot", rename("empty/b/..", "z"));

  must("link", link("empty/three", "hard"));
  report("hard links of one file: nothing happens", rename("hard", "empty/three"));
  show("hard");
  must("symlink", symlink("hard", "soft"));
  report("symlink itself moves", rename("soft", "softer"));
  must("lstat", lstat("softer", &after));
  printf("still a link: %d\n", S_ISLNK(after.st_mode));
  touch("plain", "p");
  report("file over symlink", rename("plain", "softer"));
  must("lstat", lstat("softer", &after));
  printf("still a link: %d\n", S_ISLNK(after.st_mode));
  show("hard");
  return 0;
}
