/* A whole file of /proc as text, for guests that look for words in it. */
#ifndef LINDEN_GUESTS_SLURP_H
#define LINDEN_GUESTS_SLURP_H

#include <fcntl.h>
#include <unistd.h>

static char text[1 << 20];

/* Fills text; its length, or -1. */
static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  long length = 0;
  for (long moved; (moved = read(fd, text + length, sizeof text - 1 - length)) > 0;) length += moved;
  text[length] = 0;
  close(fd);
  return length;
}

#endif
