/* Listing: every name once, types, positions told and sought, and removing while reading. */
#include "report.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 500 };

static int compare(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

static const char *type(unsigned char value) {
  return value == DT_DIR ? "directory" : value == DT_REG ? "file" : value == DT_LNK ? "link" : "other";
}

static void list(const char *path) {
  char *names[16];
  int count = 0;
  DIR *directory = opendir(path);
  if (directory == NULL) {
    printf("opendir %s: %s\n", path, errno_name(errno));
    return;
  }
  for (struct dirent *entry; count < 16 && (entry = readdir(directory)) != NULL;) {
    char line[300];
    snprintf(line, sizeof line, "%s %s", entry->d_name, type(entry->d_type));
    names[count++] = strdup(line);
  }
  closedir(directory);
  qsort(names, count, sizeof names[0], compare);
  for (int i = 0; i < count; i++) printf("  %s\n", names[i]);
}

int main(void) {
  char name[64];
  must("mkdir", mkdir("small", 0755));
  list("small");
  close(must("create", open("small/file", O_CREAT | O_WRONLY, 0644)));
  must("mkdir", mkdir("small/sub", 0755));
  must("symlink", symlink("file", "small/link"));
  list("small");
  list("missing");
  list("small/file");

  must("mkdir", mkdir("many", 0755));
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "many/a-rather-long-file-name-number-%d", i);
    close(must("create", open(name, O_CREAT | O_WRONLY, 0644)));
  }
  static unsigned char seen[FILES];
  DIR *directory = opendir("many");
  long middle = 0;
  char after_middle[256] = "";
  int count = 0, twice = 0, dots = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') {
      dots++;
      continue;
    }
    int number = atoi(strrchr(entry->d_name, '-') + 1);
    if (seen[number]++) twice++;
    if (count == 250) snprintf(after_middle, sizeof after_middle, "%s", entry->d_name);
    count++;
    if (count == 250) middle = telldir(directory);
  }
  printf("%d files, %d dots, %d twice\n", count, dots, twice);
  seekdir(directory, middle);
  struct dirent *entry = readdir(directory);
  printf("seekdir finds the same name: %d\n", entry != NULL && strcmp(entry->d_name, after_middle) == 0);
  rewinddir(directory);
  count = 0;
  while (readdir(directory) != NULL) count++;
  printf("after rewinddir: %d\n", count);

  /* Remove every file as it is read: a reader must meet each that was there when it began. */
  rewinddir(directory);
  count = 0;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    count += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
  }
  printf("removed while reading: %d\n", count);
  closedir(directory);
  report("rmdir", rmdir("many"));

  /* d_ino is st_ino. */
  struct stat status;
  directory = opendir("small");
  int same = 0;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    must("fstatat", fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW));
    same += status.st_ino == entry->d_ino;
  }
  printf("inode numbers that agree: %d\n", same);
  closedir(directory);
  return 0;
}
