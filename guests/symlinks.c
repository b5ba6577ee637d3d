/* Symbolic links: reading, following, not following, loops, dangling ends, and dots inside them. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void target(const char *path) {
  char text[64];
  ssize_t length = readlink(path, text, sizeof text);
  if (length == -1) printf("readlink %s: %s\n", path, errno_name(errno));
  else printf("readlink %s: %.*s\n", path, (int)length, text);
}

static void content(const char *path) {
  char text[16];
  int fd = open(path, O_RDONLY);
  if (fd == -1) {
    printf("%s: %s\n", path, errno_name(errno));
    return;
  }
  ssize_t length = read(fd, text, sizeof text);
  printf("%s: %.*s\n", path, length < 0 ? 0 : (int)length, text);
  close(fd);
}

int main(void) {
  struct stat status;
  char small[3];
  int fd = must("create", open("file", O_CREAT | O_WRONLY, 0644));
  must("write", write(fd, "text", 4));
  close(fd);
  must("mkdir", mkdir("dir", 0755));
  must("mkdir", mkdir("dir/sub", 0755));
  report("symlink", symlink("file", "link"));
  report("symlink over existing", symlink("file", "link"));
  report("symlink empty", symlink("", "nothing"));
  target("link");
  target("file");
  target("missing");
  report("readlink short", readlink("link", small, sizeof small));
  printf("%.3s\n", small);
  content("link");
  must("lstat", lstat("link", &status));
  printf("lstat: link %d, size %lld\n", S_ISLNK(status.st_mode), (long long)status.st_size);
  must("stat", stat("link", &status));
  printf("stat: link %d, size %lld\n", S_ISLNK(status.st_mode), (long long)status.st_size);
  report_open("nofollow", open("link", O_RDONLY | O_NOFOLLOW));
  report_open("exclusive creation over a link", open("link", O_CREAT | O_EXCL | O_WRONLY, 0644));

  must("symlink", symlink("../file", "dir/up"));
  content("dir/up");
  must("symlink", symlink("sub/../../file", "dir/around"));
  content("dir/around");
  must("symlink", symlink("dir", "way"));
  content("way/up");
  report("mkdir through a link", mkdir("way/new", 0755));
  report("stat through a link", stat("dir/new", &status));
  report("rmdir of a link", rmdir("way"));
  report("rmdir of a link with slash", rmdir("way/"));
  report_open("link to a directory, nofollow and directory", open("way", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  report_open("link to a directory", open("way", O_RDONLY | O_DIRECTORY));
  report_open("link with slash, nofollow", open("way/", O_RDONLY | O_NOFOLLOW));

  must("symlink", symlink("nowhere", "dangling"));
  content("dangling");
  report("stat dangling", stat("dangling", &status));
  report("lstat dangling", lstat("dangling", &status));
  report_open("create through a dangling link", open("dangling", O_CREAT | O_WRONLY, 0644));
  report("now it is there", stat("nowhere", &status));

  must("symlink", symlink("loop", "loop"));
  report_open("loop", open("loop", O_RDONLY));
  report("stat loop", stat("loop", &status));
  must("symlink", symlink("pong", "ping"));
  must("symlink", symlink("ping", "pong"));
  report_open("ping pong", open("ping/x", O_RDONLY));

  char name[16], next[16];
  must("symlink", symlink("file", "chain0"));
  for (int i = 1; i < 45; i++) {
    snprintf(name, sizeof name, "chain%d", i);
    snprintf(next, sizeof next, "chain%d", i - 1);
    must("symlink", symlink(next, name));
  }
  content("chain38");
  content("chain39");
  content("chain40");
  content("chain44");
  report("unlink a link", unlink("link"));
  report("the file stays", stat("file", &status));
  return 0;
}
