/* Where a process stands and what paths mean from there; attributes by path and by descriptor. */
#include "../report.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>

static char start[4096];

/* The working directory as seen from where the program began. */
static const char *here(void) {
  static char path[4096];
  if (!getcwd(path, sizeof path)) return errno_name(errno);
  const char *below = strcmp(start, "/") ? path + strlen(start) : path;
  return *below ? below : "/";
}

int main(void) {
  struct stat st;
  if (!getcwd(start, sizeof start)) return 1;
  must("mkdir", mkdir("a", 0755));
  must("mkdir", mkdir("a/b", 0755));
  must("chdir", chdir("a/b"));
  printf("%s\n", here());
  must("chdir", chdir(".."));
  printf("%s\n", here());
  int directory = must("open", open("b", O_RDONLY | O_DIRECTORY));
  must("rename", rename("b", "c"));
  must("fchdir", fchdir(directory));
  printf("%s\n", here());
  report("no room", getcwd((char[2]){0}, 2) ? 1 : -1);
  must("create", open("f", O_CREAT | O_RDWR, 0600));
  report("chdir to a file", chdir("f"));
  report("chdir to nothing", chdir("nothing"));
  must("symlink", symlink("f", "l"));
  must("chdir", chdir("/"));

  must("linkat", linkat(directory, "l", directory, "f2", AT_SYMLINK_FOLLOW));
  must("fstatat", fstatat(directory, "f", &st, 0));
  printf("links %d mode %o\n", (int)st.st_nlink, st.st_mode & 07777);
  must("fstatat", fstatat(directory, "l", &st, AT_SYMLINK_NOFOLLOW));
  printf("link %d size %d\n", S_ISLNK(st.st_mode), (int)st.st_size);
  must("fstatat", fstatat(directory, "", &st, AT_EMPTY_PATH));
  printf("directory %d\n", S_ISDIR(st.st_mode));

  must("fchmodat", fchmodat(directory, "f", 04750, 0));
  must("fstatat", fstatat(directory, "f2", &st, 0));
  printf("mode %o\n", st.st_mode & 07777);
  int file = must("openat", openat(directory, "f", O_RDWR));
  must("fchmod", fchmod(file, 0640));
  must("fstat", fstat(file, &st));
  printf("mode %o\n", st.st_mode & 07777);
  printf("umask %o", umask(027));
  printf(", then %o\n", umask(022));
  report("access", access(start, R_OK | W_OK));
  report("access to nothing", access("/nothing there", F_OK));

  struct timespec times[2] = {{1000, 5}, {0, UTIME_OMIT}};
  must("utimensat", utimensat(directory, "f", times, 0));
  must("fstat", fstat(file, &st));
  printf("atime %ld.%ld, mtime kept %d\n", (long)st.st_atim.tv_sec, (long)st.st_atim.tv_nsec, st.st_mtim.tv_sec > 1000);
  times[1] = (struct timespec){-2000, 999999999};
  must("futimens", futimens(file, times));
  must("fstat", fstat(file, &st));
  printf("mtime %ld.%ld\n", (long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
  times[1].tv_nsec = 1000000000;
  report("too many nanoseconds", futimens(file, times));
  must("truncate", ftruncate(file, 100));
  must("fstat", fstat(file, &st));
  printf("size %d\n", (int)st.st_size);

  must("unlinkat", unlinkat(directory, "l", 0));
  report("unlinkat of a directory", unlinkat(AT_FDCWD, start, 0));

  struct statfs fs;
  must("fstatfs", fstatfs(directory, &fs));
  printf("names of %ld bytes\n", (long)fs.f_namelen);

  int entries = 0;
  DIR *open_directory = fdopendir(directory);
  for (struct dirent *e; (e = readdir(open_directory));) entries++;
  rewinddir(open_directory);
  for (struct dirent *e; (e = readdir(open_directory));) entries++;
  printf("entries twice %d\n", entries);

  must("chdir", chdir(start));
  must("mkdir", mkdir("gone", 0755));
  must("chdir", chdir("gone"));
  must("rmdir", rmdir("../gone"));
  printf("removed: %s\n", here());
  return 0;
}
