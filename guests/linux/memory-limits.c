/* RLIMIT_AS and RLIMIT_DATA: what mmap and its kin may add, and which programs may begin. It executes a copy of itself, ./itself. */
#include "../report.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MB (1L << 20)

/* Part of every program made of this file. */
static volatile char data[8 * MB];

static void limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit to = {soft, hard};
  must("setrlimit", setrlimit(resource, &to));
}

static char *new_map(size_t length, int protection, int sharing) {
  return mmap(NULL, length, protection, sharing | MAP_ANONYMOUS, -1, 0);
}

static char *tell(const char *what, char *mapped) {
  report(what, mapped == MAP_FAILED ? -1 : 0);
  return mapped;
}

static void everything(void) {
  limit(RLIMIT_AS, 60 * MB, RLIM_INFINITY);
  char *first = tell("30 MB", new_map(30 * MB, PROT_READ, MAP_PRIVATE));
  tell("25 MB more", new_map(25 * MB, PROT_READ, MAP_PRIVATE));
  tell("shared ones", new_map(25 * MB, PROT_READ, MAP_SHARED));
  tell("in a place that is taken", mmap(first, 30 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  char *longer = tell("longer", mremap(first, 30 * MB, 40 * MB, MREMAP_MAYMOVE));
  tell("much longer", mremap(longer, 40 * MB, 70 * MB, MREMAP_MAYMOVE));
  report("shorter", munmap(longer + 10 * MB, 30 * MB));
  char *second = tell("25 MB instead", new_map(25 * MB, PROT_READ, MAP_PRIVATE));
  report("away", munmap(second, 25 * MB));
  tell("longer again", mremap(longer, 10 * MB, 40 * MB, MREMAP_MAYMOVE));
  limit(RLIMIT_AS, MB, RLIM_INFINITY);
  tell("nothing more", new_map(4096, PROT_READ, MAP_PRIVATE));
  pid_t child = must("fork", fork());
  if (child == 0) _exit(0);
  int status;
  report("a copy is no more", waitpid(child, &status, 0) == child && status == 0);
}

static void of_data(void) {
  limit(RLIMIT_DATA, 24 * MB, RLIM_INFINITY);
  tell("too much", new_map(20 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE));
  char *mapped = tell("to read", new_map(20 * MB, PROT_READ, MAP_PRIVATE));
  report("too much to write", mprotect(mapped, 20 * MB, PROT_READ | PROT_WRITE));
  report("some of it", mprotect(mapped, 5 * MB, PROT_READ | PROT_WRITE));
  tell("shared", new_map(20 * MB, PROT_READ | PROT_WRITE, MAP_SHARED));
  limit(RLIMIT_DATA, 0, RLIM_INFINITY);
  tell("none is any", new_map(30 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE));
}

static void in_child(void (*act)(void)) {
  fflush(stdout);
  pid_t child = must("fork", fork());
  if (child == 0) {
    act();
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static char *words[] = {"itself", "begun", NULL};

static void ended(const char *what, pid_t child) {
  int status;
  must("waitpid", waitpid(child, &status, 0));
  if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

static void begins(const char *what, int resource, rlim_t soft, char *const *environment) {
  pid_t child = must("fork", fork());
  if (child == 0) {
    signal(SIGSEGV, SIG_IGN);
    limit(resource, soft, RLIM_INFINITY);
    execve("./itself", words, environment);
    _exit(errno == E2BIG ? 50 : 51);
  }
  ended(what, child);
}

static void programs(void) {
  static char text[100000];
  memset(text, 'x', sizeof text - 1);
  char *none[] = {NULL}, *much[] = {text, NULL};
  begins("less than its data", RLIMIT_AS, 6 * MB, none);
  begins("enough", RLIMIT_AS, 20 * MB, none);
  begins("next to nothing", RLIMIT_AS, 4096, none);
  begins("less than its arguments", RLIMIT_AS, 65536, much);
  begins("more than those", RLIMIT_AS, 6 * MB, much);
  begins("less data", RLIMIT_DATA, 6 * MB, none);
  begins("enough data", RLIMIT_DATA, 20 * MB, none);
  begins("as much data as one likes", RLIMIT_DATA, 0, none);
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1) return 7 + data[count];
  setvbuf(stdout, NULL, _IONBF, 0);
  in_child(everything);
  in_child(of_data);
  programs();
  return 0;
}
