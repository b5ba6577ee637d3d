/* How a guest says what happened, in words that are the same on Linux and under WASI (errno numbers are not). */
#ifndef LINDEN_GUESTS_REPORT_H
#define LINDEN_GUESTS_REPORT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

UNUSED static const char *errno_name(int number) {
  switch (number) {
    case 0: return "0";
    case EACCES: return "EACCES";
    case EAGAIN: return "EAGAIN";
    case EBADF: return "EBADF";
    case EBUSY: return "EBUSY";
    case ECHILD: return "ECHILD";
    case EDEADLK: return "EDEADLK";
    case EEXIST: return "EEXIST";
    case EFAULT: return "EFAULT";
    case EFBIG: return "EFBIG";
    case EINTR: return "EINTR";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case EMLINK: return "EMLINK";
    case EMSGSIZE: return "EMSGSIZE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENODEV: return "ENODEV";
    case ENOENT: return "ENOENT";
    case ENOMEM: return "ENOMEM";
    case ENOSPC: return "ENOSPC";
    case ENOSYS: return "ENOSYS";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case ENOTSUP: return "ENOTSUP";
    case ENOTTY: return "ENOTTY";
    case EPERM: return "EPERM";
    case EPIPE: return "EPIPE";
    case ERANGE: return "ERANGE";
    case ESPIPE: return "ESPIPE";
    case ESRCH: return "ESRCH";
    case ETIMEDOUT: return "ETIMEDOUT";
    case EXDEV: return "EXDEV";
    default: return "another error";
  }
}

/* Print `what: result`, and the error's name when the result is -1. Gives the result back. */
UNUSED static long report(const char *what, long result) {
  if (result == -1) printf("%s: -1 %s\n", what, errno_name(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

/* For descriptors, whose numbers differ: print only whether it went well. */
UNUSED static int report_open(const char *what, int descriptor) {
  if (descriptor == -1) printf("%s: -1 %s\n", what, errno_name(errno));
  else printf("%s: ok\n", what);
  return descriptor;
}

/* Something the guest needs before it can show anything. */
UNUSED static int must(const char *what, int result) {
  if (result == -1) {
    printf("cannot %s: %s\n", what, errno_name(errno));
    exit(99);
  }
  return result;
}

/* WASI has no working directory: a sandbox says in PWD where a program should begin. Linux has set it already. */
__attribute__((constructor)) static void enter_directory(void) {
  const char *path = getenv("PWD");
  if (path != NULL) must("enter the directory", chdir(path));
}

#endif
