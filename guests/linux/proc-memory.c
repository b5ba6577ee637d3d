/* /proc/self's files of memory, of namespaces and of what an out-of-memory killer would look at. */
#include "../report.h"
#include "slurp.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void put(const char *what, const char *path, const char *words) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) {
    report(what, -1);
    return;
  }
  report(what, write(fd, words, strlen(words)));
  close(fd);
}

static void tell(const char *path) {
  long length = slurp(path);
  printf("%s: %s", path, length < 0 ? errno_name(errno) : text);
  if (length <= 0 || text[length - 1] != '\n') printf("\n");
}

#define ADJUST "/proc/self/oom_score_adj"

static void scores(void) {
  tell(ADJUST);
  put("raise", ADJUST, "300\n");
  tell(ADJUST);
  long before = slurp("/proc/self/oom_score") > 0 ? atol(text) : -1;
  printf("about %d\n", before >= 866 && before < 1000);
  put("the most", ADJUST, "1000");
  put("too much", ADJUST, "1001");
  put("too little", ADJUST, "-1001");
  put("no number", ADJUST, "much");
  put("nothing", ADJUST, "\n");
  put("spaces", ADJUST, "  +7  \n");
  tell(ADJUST);
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    tell(ADJUST);
    put("a child's own", ADJUST, "500");
    tell(ADJUST);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  tell(ADJUST);
  put("read only", "/proc/self/oom_score", "1");
}

static void sizes(void) {
  char *made = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(made, 1, 1 << 20);
  must("smaps", slurp("/proc/self/smaps") > 0 ? 0 : -1);
  long start = 0, end = 0, rss = 0, found = 0, wrong = 0, flags = 0, parts = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    long value;
    unsigned long long from, to;
    if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
      start = (long)from, end = (long)to, parts++;
      if ((long)(size_t)made >= start && (long)(size_t)made < end) found = strstr(line, "rw-s") != NULL;
    } else if (sscanf(line, "Size: %ld kB", &value) == 1) wrong += value != (end - start) / 1024;
    else if (sscanf(line, "Rss: %ld kB", &value) == 1) rss += value;
    else if (!strncmp(line, "VmFlags: rd ", 12)) flags++;
  }
  printf("parts %d, found %ld, wrong sizes %ld, resident %d, flags %d\n", parts > 1, found, wrong, rss >= 1024, flags > 0);
  must("smaps_rollup", slurp("/proc/self/smaps_rollup") > 0 ? 0 : -1);
  char *line = strtok(text, "\n");
  printf("%d\n", strstr(line, " ---p 00000000 00:00 0 ") && strstr(line, "[rollup]"));
  line = strtok(NULL, "\n");
  printf("%.4s%d\n", line, atoi(line + 5) >= 1024);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void namespaces(void) {
  struct dirent **names;
  int many = scandir("/proc/self/ns", &names, NULL, by_name);
  for (int i = 0; i < many; i++) {
    char path[300], target[300];
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]->d_name);
    long length = readlink(path, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = 0;
    struct stat about;
    printf("%s: %.*s, a link %d\n", names[i]->d_name, (int)strcspn(target, "["), target, lstat(path, &about) == 0 && S_ISLNK(about.st_mode));
    snprintf(path, sizeof path, "/proc/%d/ns/%s", getpid(), names[i]->d_name);
    char again[300] = "";
    report("the same", readlink(path, again, sizeof again) == length && !strncmp(again, target, length) ? 0 : 1);
  }
  char target[10];
  report("no such namespace", readlink("/proc/self/ns/other", target, sizeof target));
  report("make one", mkdir("/proc/self/ns/other", 0700) == -1 ? 0 : 1);
  struct stat about;
  must("stat", stat("/proc/self/ns", &about));
  printf("mode %o\n", about.st_mode & 0777);
}

int main(void) {
  scores();
  sizes();
  namespaces();
  tell("/proc/self/setgroups");
  tell("/proc/self/personality");
  tell("/proc/self/wchan");
  printf("schedstat %d\n", slurp("/proc/self/schedstat") > 0 && strchr(text, '\n') != NULL);
  tell("/proc/self/task/../oom_score_adj");
  return 0;
}
