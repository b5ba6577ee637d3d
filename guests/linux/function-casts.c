/* Functions called through pointers of other types: fewer parameters than arguments, results nobody asked for, such that
 * never come, functions declared without a prototype; in calls of the program's own and of the library's, as what threads begin
 * with and as handlers of signals. */
#include "../report.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#pragma GCC diagnostic ignored "-Wcast-function-type"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wdeprecated-non-prototype"
#endif

typedef void (*consumer)(void *, void *);
typedef int (*command)(int, char **);
typedef int (*comparison)(const void *, const void *);

/* As a list of a library's calls them. */
static void for_each(void **list, consumer call, void *with) {
  for (; *list != NULL; list += 1) call(*list, with);
}

static void print(void *text) { printf("one: %s\n", (char *)text); }
static int print_both(void *text, void *with) { return printf("both: %s %s\n", (char *)text, (char *)with); }
static void print_none() { printf("none\n"); }

static int run(command call) { return call(1, (char *[]){"word", NULL}); }

static int quit() {
  printf("quit\n");
  return 3;
}
static int prototyped(void) { return 4; }
static int counts(int count) { return count + 10; }

static int backwards(first, second) const int *first, *second;
{ return *second - *first; }
static int all_equal() { return 0; }

static void *start() {
  printf("a thread without parameters\n");
  return (void *)5;
}
static void work(void *text) { printf("a thread without a result: %s\n", (char *)text); }
static void *numbered(long number) {
  printf("a thread of a number: %ld\n", number);
  return (void *)(number * 2);
}

static void *result_of(void *(*begin)(void *), void *with) {
  pthread_t thread;
  void *result = NULL;
  if (pthread_create(&thread, NULL, begin, with) != 0) exit(1);
  pthread_join(thread, &result);
  return result;
}

static int caught() { return printf("caught\n"); }
static int caught_number(int number) { return printf("caught %d\n", number == SIGUSR1); }
static void caught_info(int number, siginfo_t *info) { printf("caught %d %d\n", number == SIGUSR1, info->si_signo == number); }
static int caught_all(int number, siginfo_t *info, void *context) {
  return printf("caught %d %d %d\n", number == SIGUSR1, info->si_signo == number, context != NULL);
}

static void raise_with(void (*handler)(int)) {
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
}

static void raise_told(void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
}

static jmp_buf back;
static void jumps() { longjmp(back, 6); }

static void forks() {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(7);
  int status = 0;
  waitpid(child, &status, 0);
  printf("forked: %d\n", WEXITSTATUS(status));
}

static int sum_of_many(int a, long b, double c, int d) { return a + (int)b + (int)c + d; }

static int leaves() { return printf("at exit\n"); }
static void cleans() { printf("cleaned\n"); }

static const struct {
  const char *name;
  command call;
} COMMANDS[] = {{"quit", (command)quit}, {"prototyped", (command)prototyped}, {"counts", (command)counts}};

int main(void) {
  void *list[] = {"a", "b", NULL};
  for_each(list, (consumer)print, NULL);
  for_each(list, (consumer)print_both, "c");
  for_each(list, (consumer)print_none, NULL);
  for (unsigned i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i += 1) {
    printf("%s: %d\n", COMMANDS[i].name, run(COMMANDS[i].call));
  }
  /* The same pointer, wherever and as whatever it is taken. */
  void *volatile taken = (void *)quit;
  printf("equal: %d %d\n", (command)taken == COMMANDS[0].call, (void *)COMMANDS[1].call == (void *)prototyped);
  printf("by its own type: %d\n", ((int (*)(void))taken)());

  int numbers[] = {3, 1, 4, 1, 5, 9, 2, 6};
  qsort(numbers, 8, sizeof *numbers, (comparison)backwards);
  for (int i = 0; i < 8; i += 1) printf("%d ", numbers[i]);
  qsort(numbers, 8, sizeof *numbers, (comparison)all_equal);
  printf("%d\n", numbers[0]);

  printf("%ld\n", (long)result_of((void *(*)(void *))start, NULL));
  result_of((void *(*)(void *))work, "text");
  printf("%ld\n", (long)result_of((void *(*)(void *))numbered, (void *)21));

  raise_with((void (*)(int))caught);
  raise_with((void (*)(int))caught_number);
  raise_told((void (*)(int, siginfo_t *, void *))caught_info);
  raise_told((void (*)(int, siginfo_t *, void *))caught_all);
  raise_told((void (*)(int, siginfo_t *, void *))caught_number);

  int jumped = setjmp(back);
  if (jumped == 0) for_each(list, (consumer)jumps, NULL);
  printf("jumped: %d\n", jumped);
  for_each(list + 1, (consumer)forks, NULL);
  int (*volatile few)(int, int, double) = (int (*)(int, int, double))sum_of_many;
  printf("as many as it knows: %d\n", few(1, 20, 300.0) >= 321);

  pthread_cleanup_push((void (*)(void *))cleans, NULL);
  pthread_cleanup_pop(1);
  atexit((void (*)(void))leaves);
  return 0;
}
