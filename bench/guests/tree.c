/* Walks or reads what a host directory holds. Usage: tree list DIRECTORY | tree read FILE.
   Prints the milliseconds taken and what was counted, so that both sides can be seen to do the same work. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static long entries;
static long long bytes;

static void list(const char *directory) {
  DIR *open_directory = opendir(directory);
  if (open_directory == NULL) {
    perror(directory);
    exit(1);
  }
  struct dirent *entry;
  while ((entry = readdir(open_directory)) != NULL) {
    char path[1024];
    struct stat s;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (stat(path, &s) != 0) {
      perror(path);
      exit(1);
    }
    entries++;
    if (S_ISDIR(s.st_mode)) list(path);
    else bytes += s.st_size;
  }
  closedir(open_directory);
}

static void read_all(const char *path) {
  static char buffer[1 << 20];
  int file = open(path, O_RDONLY);
  if (file < 0) {
    perror(path);
    exit(1);
  }
  ssize_t got;
  while ((got = read(file, buffer, sizeof buffer)) > 0) bytes += got;
  close(file);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: tree list DIRECTORY | tree read FILE\n");
    return 2;
  }
  double start = now_ms();
  if (strcmp(argv[1], "list") == 0) list(argv[2]);
  else read_all(argv[2]);
  printf("%.3f %ld %lld\n", now_ms() - start, entries, bytes);
  return 0;
}
