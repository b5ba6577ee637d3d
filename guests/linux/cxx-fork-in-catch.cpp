// fork where an exception was caught: in catch blocks, also nested, rethrowing and of any depth, in destructors that an exception
// runs, below functions called from there; what parent and child throw, keep and jump over afterwards.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

static void say(const std::string &text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

// In the parent the child has ended when it returns: what both say has one order.
static bool in_child() {
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) return true;
  int status = 0;
  if (waitpid(child, &status, 0) != child) std::abort();
  say(WIFEXITED(status) ? "child ended with " + std::to_string(WEXITSTATUS(status))
                        : "child died of " + std::to_string(WTERMSIG(status)));
  return false;
}

static std::string who(bool child) { return child ? "child: " : "parent: "; }

struct Frame {
  std::string name;
  ~Frame() { say("leaving " + name); }
};

struct Forking {
  std::string name;
  ~Forking() {
    const int before = std::uncaught_exceptions();
    const bool child = in_child();
    say(who(child) + "destructor of " + name + ", uncaught " + std::to_string(before) + " " +
        std::to_string(std::uncaught_exceptions()));
  }
};

// Each is run in a process of its own: a child that comes back from it ends with 10 more.
using Part = std::function<void()>;

static void plain() {
  try {
    throw std::runtime_error("plain");
  } catch (const std::exception &caught) {
    const bool child = in_child();
    say(who(child) + caught.what());
  }
}

static void nested() {
  try {
    throw 1;
  } catch (int outer) {
    Frame frame{"the outer block"};
    try {
      throw std::string("inner");
    } catch (const std::string &inner) {
      const bool child = in_child();
      say(who(child) + inner + " in " + std::to_string(outer));
      try {
        throw outer + 0.5;
      } catch (double third) {
        const bool grandchild = in_child();
        say(who(grandchild) + who(child) + std::to_string(third));
      }
    }
    say("still " + std::to_string(outer));
  }
}

static void rethrows(int depth) {
  try {
    if (depth == 0) throw std::logic_error("from below");
    rethrows(depth - 1);
  } catch (const std::logic_error &caught) {
    const bool child = in_child();
    say(who(child) + "rethrows " + caught.what() + " at " + std::to_string(depth));
    throw;
  }
}

static void others_pass() {
  // What none of an inner try's blocks takes goes on; one of them forks.
  for (int turn = 0; turn < 4; turn++) {
    try {
      try {
        if (turn == 0) throw 'c';
        if (turn == 1) throw 7L;
        if (turn == 2) throw std::out_of_range("far");
        throw 2.5f;
      } catch (char letter) {
        say(who(in_child()) + letter);
        continue;
      } catch (const std::exception &) {
        Frame frame{"a block that rethrows"};
        if (in_child()) throw turn;
        throw;
      }
    } catch (long number) {
      say("a long " + std::to_string(number));
    } catch (int number) {
      say("the child's own " + std::to_string(number));
      _exit(number);
    } catch (...) {
      say(who(in_child()) + "anything else");
    }
  }
}

static int returns_from() {
  for (int turn = 0;; turn++) {
    try {
      if (turn < 2) throw turn;
      return 50;
    } catch (int number) {
      Frame frame{"turn " + std::to_string(number)};
      if (in_child()) return 40 + number;
      if (number == 0) continue;
    }
    say("after turn " + std::to_string(turn));
  }
}

static void unwound() {
  try {
    Forking outer{"outer"};
    try {
      Forking inner{"inner"};
      throw 3;
    } catch (long) {
      say("not here");
    }
  } catch (int number) {
    say("caught " + std::to_string(number));
  }
}

static void kept() {
  std::exception_ptr pointer;
  try {
    throw std::range_error("kept");
  } catch (...) {
    in_child();
    pointer = std::current_exception();
    if (in_child()) std::rethrow_exception(pointer);
  }
  if (std::current_exception()) say("an exception is current");
  for (int turn = 0; turn < 2; turn++) {
    try {
      std::rethrow_exception(pointer);
    } catch (const std::exception &caught) {
      say(who(in_child()) + caught.what() + (std::current_exception() == pointer ? ", the same" : ", another"));
    }
  }
  try {
    try {
      throw std::logic_error("within");
    } catch (...) {
      in_child();
      std::throw_with_nested(std::runtime_error("around"));
    }
  } catch (const std::exception &caught) {
    try {
      in_child();
      std::rethrow_if_nested(caught);
    } catch (const std::exception &inner) {
      say(who(in_child()) + caught.what() + " over " + inner.what());
    }
  }
}

static std::jmp_buf place;

[[gnu::noinline]] static void jumps(int number) {
  try {
    throw number;
  } catch (int caught) {
    const bool child = in_child();
    say(who(child) + "jumps out of a block with " + std::to_string(caught));
    std::longjmp(place, child ? 2 : 1);
  }
}

[[gnu::noinline]] static void jumped() {
  const int came = setjmp(place);
  if (came == 0) jumps(6);
  say("came " + std::to_string(came));
  // The blocks left so are still the current ones, as on Linux.
  say(std::current_exception() ? "one is current" : "none is current");
}

// setjmp below a block that forks before and after; in a block itself clang refuses it (libc/README.md).
[[gnu::noinline]] static void returns_twice(int caught) {
  std::jmp_buf here;
  volatile int times = 0;
  if (setjmp(here) == 0) times = 10;
  times = times + 1;
  const bool child = in_child();
  if (times == 11 && child) std::longjmp(here, 1);
  say(who(child) + std::to_string(times) + " with " + std::to_string(caught));
}

static void jumps_within() {
  try {
    throw 4;
  } catch (int caught) {
    returns_twice(caught);
    in_child();
    say("after it");
  }
}

struct Member {
  Frame frame{"a member"};
  int value;
  explicit Member(int value) try : value(value) {
    if (value < 0) throw value;
  } catch (int number) {
    say(who(in_child()) + "constructor caught " + std::to_string(number));
  }
};

static void constructed() {
  try {
    Member member(-1);
  } catch (int number) {
    say("came on: " + std::to_string(number));
  }
}

[[gnu::noinline]] static void thrower(int number) { throw number; }

static void throws_through(const std::function<void()> &called) {
  Frame frame{"the frame between"};
  try {
    called();
  } catch (...) {
    std::vector<std::string> names{"a", "b"};
    const bool child = in_child();
    say(who(child) + names.at(1));
    if (child) throw std::runtime_error("the child's");
    names.at(2) = "c";
  }
}

static void replaced() {
  try {
    throws_through([] { thrower(9); });
  } catch (const std::out_of_range &) {
    say("out of range");
  } catch (const std::exception &caught) {
    say(caught.what());
    _exit(5);
  }
}

static void not_caught() {
  // Terminated while exception and fork lie over each other: the handler forks too.
  std::set_terminate([] {
    const bool child = in_child();
    say(who(child) + "terminates");
    if (child) _exit(6);
    std::abort();
  });
  try {
    throw 1;
  } catch (int) {
    if (!in_child()) throw std::string("nobody's");
    []() noexcept { thrower(2); }();
  }
}

int main() {
  const struct {
    const char *name;
    Part part;
  } parts[] = {
      {"plain", plain},
      {"nested", nested},
      {"rethrows", [] { rethrows(2); }},
      {"others_pass", others_pass},
      {"returns_from", [] { say("returned " + std::to_string(returns_from())); }},
      {"unwound", unwound},
      {"kept", kept},
      {"jumped", jumped},
      {"jumps_within", jumps_within},
      {"constructed", constructed},
      {"replaced", replaced},
      {"not_caught", not_caught},
  };
  for (const auto &[name, part] : parts) {
    say(std::string("* ") + name);
    if (!in_child()) continue;
    try {
      part();
    } catch (const std::exception &caught) {
      say(std::string("left by ") + caught.what());
      _exit(11);
    }
    _exit(10);
  }
  try {
    throw 8;
  } catch (int number) {
    // Whoever forked here may return from main within the block.
    if (in_child()) return number;
  }
  return 0;
}
