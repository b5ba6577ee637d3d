/* What tests/seek-data-capable of coreutils asks, which is Python there: python3 SCRIPT FILE is 0 when an empty file has no data. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count < 3) return 0;
  int file = open(words[2], O_RDONLY);
  return file < 0 || lseek(file, 0, SEEK_DATA) >= 0 || errno != ENXIO;
}
