// When objects begin and end: static, automatic and a thread's own, at every way out of a program; constructors and destructors that
// throw; exceptions in handlers of signals and out of them, and across threads.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

static void say(const std::string &text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

struct Says {
  std::string name;
  explicit Says(std::string name) : name(std::move(name)) { say("+" + this->name); }
  ~Says() { say("~" + name); }
};

static Says first("first"), second("second");
static thread_local Says own("thread's own");
static thread_local std::unique_ptr<Says> late;
__attribute__((constructor(200))) static void later() { std::puts("constructor 200"); }
__attribute__((constructor(150))) static void earlier() { std::puts("constructor 150"); }

static void lazily(const char *name) { static Says one(name); }

static int fails_twice() {
  static int tries;
  static int value = [] {
    if (tries++ < 2) throw std::runtime_error("not yet " + std::to_string(tries));
    return 42;
  }();
  return value;
}

struct Throwing {
  ~Throwing() noexcept(false) {
    say("throws");
    throw 5;
  }
};

struct Counted {
  Counted() {
    static int count;
    if (++count == 3) throw count;
    say("begun");
  }
  ~Counted() { say("ended"); }
};

struct alignas(256) Aligned {
  char byte;
};

static void end_with(int code) {
  std::set_terminate([] { say("terminate"), std::abort(); });
  say("ends with " + std::to_string(code));
}

static void handled(int signal) {
  try {
    Says inside("inside a handler");
    throw signal;
  } catch (int number) {
    say(number == SIGUSR1 ? "caught in a handler" : "another signal");
  }
}

static void leaves(int) {
  Says inside("a handler that is left");
  throw std::runtime_error("out of a handler");
}

// The signal waits until this sleeps.
[[gnu::noinline]] static void waits() {
  Says outside("what waits");
  sigset_t none;
  sigemptyset(&none);
  sigsuspend(&none);
  say("not here");
}

static void signals() {
  struct sigaction action = {};
  action.sa_handler = handled;
  sigaction(SIGUSR1, &action, nullptr);
  std::raise(SIGUSR1);
  try {
    throw 3;
  } catch (int number) {
    std::raise(SIGUSR1);
    say("still " + std::to_string(number));
  }
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  action.sa_handler = leaves;
  sigaction(SIGUSR1, &action, nullptr);
  for (int turn = 0; turn < 3; turn++) {
    sigprocmask(SIG_BLOCK, &set, nullptr);
    std::raise(SIGUSR1);
    try {
      waits();
    } catch (const std::exception &caught) {
      say(caught.what());
    }
  }
}

static void throwing() {
  for (int turn = 0; turn < 4; turn++) {
    try {
      say(std::to_string(fails_twice()));
    } catch (const std::exception &caught) {
      say(caught.what());
    }
  }
  try {
    Throwing object;
    say("body");
  } catch (int number) {
    say("destructor's " + std::to_string(number));
  }
  try {
    std::unique_ptr<Counted[]> some(new Counted[5]);
    say("not here");
  } catch (int number) {
    say("constructor's " + std::to_string(number));
  }
  const auto aligned = std::make_unique<Aligned>();
  say("off by " + std::to_string(reinterpret_cast<std::uintptr_t>(aligned.get()) % alignof(Aligned)));
}

static void threads() {
  std::exception_ptr kept;
  std::thread([&] {
    own.name += " of another";
    late = std::make_unique<Says>("late");
    thread_local Says inner("inner");
    try {
      Says automatic("in a thread");
      throw std::string("from a thread");
    } catch (...) {
      kept = std::current_exception();
    }
  }).join();
  try {
    std::rethrow_exception(kept);
  } catch (const std::string &text) {
    say(text);
  }
  std::promise<int> promise;
  auto future = promise.get_future();
  std::thread([&] {
    promise.set_value_at_thread_exit(3);
    own.name += " that promised";
  }).join();
  say(std::to_string(future.get()));
  late = std::make_unique<Says>("late");
}

static void in_child(const char *name, const std::function<void()> &part) {
  say(std::string("* ") + name);
  const pid_t child = fork();
  if (child == 0) {
    part();
    say("came back");
    std::exit(33);
  }
  int status;
  waitpid(child, &status, 0);
  say(WIFEXITED(status) ? "ended " + std::to_string(WEXITSTATUS(status)) : "died " + std::to_string(WTERMSIG(status)));
}

int main() {
  in_child("exit", [] {
    lazily("lazy");
    Says automatic("automatic");
    std::atexit([] {
      say("at exit");
      std::atexit([] { say("added at exit"); });
    });
    own.name += ", renamed";
    std::exit(1);
  });
  in_child("quick_exit", [] {
    std::at_quick_exit([] { say("quick, first"); });
    std::at_quick_exit([] { say("quick, second"); });
    std::quick_exit(2);
  });
  in_child("_Exit", [] { std::_Exit(3); });
  in_child("exit in a thread", [] {
    std::thread([] {
      own.name += " of a thread that exits";
      std::exit(4);
    }).join();
  });
  in_child("throwing", throwing);
  in_child("threads", threads);
  in_child("signals", signals);
  in_child("noexcept", [] {
    end_with(SIGABRT);
    []() noexcept { std::vector<int>().at(1); }();
  });
  in_child("a thread not joined", [] {
    end_with(SIGABRT);
    std::thread left([] {});
  });
  in_child("a static destructor that throws", [] {
    end_with(SIGABRT);
    static Throwing last;
  });
  return 0;
}
