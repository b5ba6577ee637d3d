// C++ beside processes: fork below frames that clean up and inside a try block, exceptions in child and parent, signals.
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

struct Frame {
  std::string name;
  ~Frame() { std::printf("leaving %s\n", name.c_str()), std::fflush(stdout); }
};

static void say(const std::string &text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

static int forked(int levels) {
  Frame frame{"level " + std::to_string(levels)};
  if (levels > 0) return forked(levels - 1);
  const pid_t child = fork();
  if (child == 0) {
    try {
      throw 7;
    } catch (int number) {
      say("child caught " + std::to_string(number));
    }
    throw std::logic_error("thrown in the child");
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) throw std::runtime_error("no child");
  return WEXITSTATUS(status);
}

static volatile std::sig_atomic_t seen;
static std::jmp_buf back;

// By itself: clang runs the cleanups of a function that calls setjmp when it is jumped back into (libc/README.md).
static void jump() {
  if (const int jumped = setjmp(back)) std::printf("jumped %d\n", jumped);
  else std::longjmp(back, 5);
  std::fflush(stdout);
}

struct Virtual {
  virtual ~Virtual() = default;
  virtual pid_t fork_it() { return fork(); }
};

int main() {
  try {
    say("child ended with " + std::to_string(forked(2)));
  } catch (const std::logic_error &error) {
    say(std::string("in the child: ") + error.what());
    _exit(9);
  }
  std::unique_ptr<Virtual> object = std::make_unique<Virtual>();
  const pid_t child = object->fork_it();
  if (child == 0) std::abort();
  int status = 0;
  waitpid(child, &status, 0);
  say(std::to_string(WIFSIGNALED(status)) + std::to_string(WTERMSIG(status)));
  std::signal(SIGUSR1, [](int number) { seen = number; });
  std::raise(SIGUSR1);
  say(seen == SIGUSR1 ? "seen" : "not seen");
  jump();
  std::atexit([] { say("at exit"); });
  static Frame last{"a static object"};
}
