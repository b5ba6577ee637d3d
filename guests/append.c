/* O_APPEND: where writes land, what the offset says, and switching it with fcntl. */
#include "report.h"
#include <fcntl.h>
#include <unistd.h>

static void show(void) {
  char text[128];
  int fd = must("open", open("log", O_RDONLY));
  ssize_t length = read(fd, text, sizeof text);
  printf("[%.*s]\n", (int)length, text);
  close(fd);
}

int main(void) {
  int fd = must("open", open("log", O_CREAT | O_RDWR | O_APPEND, 0644));
  int other = must("open", open("log", O_RDWR));
  report("write", write(fd, "first ", 6));
  report("offset", lseek(fd, 0, SEEK_CUR));
  report("rewind", lseek(fd, 0, SEEK_SET));
  report("write", write(fd, "second ", 7));
  report("offset", lseek(fd, 0, SEEK_CUR));
  show();
  report("other writes at its own offset", write(other, "FIRST", 5));
  report("other offset", lseek(other, 0, SEEK_CUR));
  report("append after other", write(fd, "third ", 6));
  show();
  int flags = fcntl(fd, F_GETFL);
  printf("append set: %d, read-write: %d\n", (flags & O_APPEND) != 0, (flags & O_ACCMODE) == O_RDWR);
  report("clear append", fcntl(fd, F_SETFL, flags & ~O_APPEND));
  printf("append set: %d\n", (fcntl(fd, F_GETFL) & O_APPEND) != 0);
  report("seek", lseek(fd, 6, SEEK_SET));
  report("write in place", write(fd, "SECOND", 6));
  show();
  flags = fcntl(other, F_GETFL);
  report("set append on the other", fcntl(other, F_SETFL, flags | O_APPEND));
  report("seek", lseek(other, 0, SEEK_SET));
  report("write", write(other, "fourth", 6));
  report("offset", lseek(other, 0, SEEK_CUR));
  show();
  return 0;
}
