/* What inotify tells of files and directories, in which order, and how it is read. */
#include "../report.h"
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int fd;

static const struct { unsigned mask; const char *name; } NAMES[] = {
  {IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
  {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
  {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
  {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"}, {IN_Q_OVERFLOW, "OVERFLOW"},
};

static void show(const char *what) {
  static char buffer[65536];
  unsigned cookie = 0;
  printf("%s:\n", what);
  for (long length; (length = read(fd, buffer, sizeof buffer)) > 0;) {
    for (char *at = buffer; at < buffer + length;) {
      struct inotify_event *event = (struct inotify_event *)at;
      printf("  %d", event->wd);
      for (unsigned i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (event->mask & NAMES[i].mask) printf(" %s", NAMES[i].name);
      if (event->len) printf(" %s (%u)", event->name, event->len);
      if (event->cookie) {
        printf(cookie == event->cookie ? " same cookie" : " cookie");
        cookie = event->cookie;
      }
      printf("\n");
      at += sizeof *event + event->len;
    }
  }
}

static void touch(const char *path, const char *text) {
  int file = must("open", open(path, O_CREAT | O_WRONLY, 0644));
  must("write", write(file, text, strlen(text)));
  close(file);
}

/* The lines of /proc/self/fdinfo that tell of watches; which inodes they are is the file system's affair. */
static void show_watches(const char *what) {
  char path[64], line[512], rest[8];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *info = fopen(path, "r");
  if (info == NULL) must("open fdinfo", -1);
  printf("%s:\n", what);
  while (fgets(line, sizeof line, info) != NULL) {
    unsigned wd, device, mask;
    unsigned long number;
    int found = sscanf(line, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:%7s", &wd, &number, &device, &mask, rest);
    if (found > 0) printf("  %d: %u %d %#x %s\n", found, wd, number > 0, mask, rest);
  }
  fclose(info);
}

int main(void) {
  char text[64];
  struct pollfd ready;
  fd = must("inotify", inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  must("mkdir", mkdir("d", 0755));
  must("mkdir", mkdir("e", 0755));
  int d = must("watch", inotify_add_watch(fd, "d", IN_ALL_EVENTS));
  printf("watch %d\n", d);
  report("empty", read(fd, text, sizeof text));
  touch("d/f", "hello");
  show("made");
  int file = must("open", open("d/f", O_RDWR));
  must("read", read(file, text, 2));
  must("read", read(file, text, 2));
  must("write", write(file, "x", 1));
  must("write", write(file, "x", 1));
  must("truncate", ftruncate(file, 1));
  must("chmod", fchmod(file, 0600));
  close(file);
  show("used");
  printf("watch %d\n", inotify_add_watch(fd, "d/f", IN_ALL_EVENTS));
  must("link", link("d/f", "d/g"));
  show("linked");
  must("rename", rename("d/f", "d/h"));
  show("renamed");
  must("rename", rename("d/h", "e/h"));
  show("moved out");
  touch("e/h", "y");
  show("elsewhere");
  must("unlink", unlink("d/g"));
  show("one name fewer");
  must("unlink", unlink("e/h"));
  show("the last name");
  must("mkdir", mkdir("d/sub", 0755));
  must("symlink", symlink("nowhere", "d/link"));
  must("rename", rename("d/sub", "d/sub2"));
  must("rmdir", rmdir("d/sub2"));
  must("unlink", unlink("d/link"));
  show("directories and links");
  must("open", file = open("d/over", O_CREAT | O_TRUNC | O_WRONLY, 0600));
  close(file);
  touch("e/new", "z");
  must("rename", rename("e/new", "d/over"));
  file = must("open", open("d/over", O_WRONLY | O_TRUNC));
  close(file);
  must("unlink", unlink("d/over"));
  show("replaced and cut");

  int e = must("watch", inotify_add_watch(fd, "e", IN_CREATE | IN_ONESHOT));
  touch("e/1", "");
  touch("e/2", "");
  show("once");
  printf("gone %d\n", inotify_rm_watch(fd, e) < 0 && errno == EINVAL);
  e = must("watch", inotify_add_watch(fd, "e", IN_DELETE));
  printf("the same %d\n", inotify_add_watch(fd, "e", IN_CREATE | IN_MASK_ADD) == e);
  report("must be new", inotify_add_watch(fd, "e", IN_CREATE | IN_MASK_CREATE));
  touch("e/3", "");
  must("unlink", unlink("e/3"));
  show("both");
  must("remove", inotify_rm_watch(fd, e));
  show("removed");
  report("no events", inotify_add_watch(fd, "e", 0));
  report("only directories", inotify_add_watch(fd, "e/1", IN_OPEN | IN_ONLYDIR));
  report("nothing", inotify_add_watch(fd, "nothing", IN_OPEN));
  report("no instance", inotify_add_watch(0, "e", IN_OPEN));
  report("not open", inotify_add_watch(77, "e", IN_OPEN));
  report("flags", inotify_init1(1));

  touch("d/a name of more than sixteen bytes", "");
  report("too short", read(fd, text, 16));
  ready = (struct pollfd){fd, POLLIN, 0};
  int count = poll(&ready, 1, 0);
  printf("poll %d %x\n", count, ready.revents);
  show("a long name");
  fcntl(fd, F_SETFL, 0);
  fflush(stdout);
  if (fork() == 0) {
    usleep(20000);
    mkdir("d/late", 0755);
    _exit(0);
  }
  printf("waited %ld\n", (long)read(fd, text, sizeof text));
  wait(NULL);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  must("rmdir", rmdir("d/late"));
  must("unlink", unlink("d/a name of more than sixteen bytes"));
  show("before the end");
  must("watch", inotify_add_watch(fd, "d", IN_MODIFY | IN_CLOSE | IN_EXCL_UNLINK));
  for (int linked = 1; linked >= 0; linked--) {
    int open_one = must("open", open("d/soon unlinked", O_CREAT | O_WRONLY, 0600));
    if (!linked) must("unlink", unlink("d/soon unlinked"));
    must("write", write(open_one, "x", 1));
    close(open_one);
    show(linked ? "linked" : "of no name any more");
  }
  must("watch", inotify_add_watch(fd, "e", IN_CREATE | IN_ONESHOT | IN_ONLYDIR));
  must("watch", inotify_add_watch(fd, "d", IN_MASK_ADD | IN_ATTRIB));
  show_watches("watched");
  touch("e/f", "");
  show("once");
  show_watches("still watched");
  must("rmdir", rmdir("d"));
  show("the directory itself");
  show_watches("watched no more");
  return 0;
}
