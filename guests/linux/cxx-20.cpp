// C++20: coroutines, threads that are told to stop, latches, barriers, semaphores, waiting on atomics, large atomics, streams written to
// by many threads, ranges, calendars.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <compare>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <iostream>
#include <latch>
#include <mutex>
#include <ranges>
#include <semaphore>
#include <span>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <syncstream>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

class Numbers {
public:
  struct promise_type {
    int value = 0;
    std::exception_ptr failed;
    Numbers get_return_object() { return Numbers(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int next) {
      value = next;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { failed = std::current_exception(); }
  };

  Numbers(Numbers &&other) : handle(std::exchange(other.handle, {})) {}
  ~Numbers() {
    if (handle) handle.destroy();
  }
  bool next() {
    handle.resume();
    if (handle.promise().failed) std::rethrow_exception(handle.promise().failed);
    return !handle.done();
  }
  int value() const { return handle.promise().value; }

private:
  explicit Numbers(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  std::coroutine_handle<promise_type> handle;
};

static Numbers squares(int count) {
  for (int i = 0; i < count; i++) co_yield i * i;
  throw std::runtime_error("no more squares");
}

static void coroutines() {
  Numbers numbers = squares(4);
  try {
    while (numbers.next()) std::cout << numbers.value() << ' ';
  } catch (const std::exception &caught) {
    std::cout << caught.what() << '\n';
  }
}

static void stopping() {
  std::condition_variable_any changed;
  std::mutex mutex;
  std::jthread waits([&](std::stop_token token) {
    std::unique_lock lock(mutex);
    const bool happened = changed.wait(lock, token, [] { return false; });
    std::cout << "woken " << happened << token.stop_requested() << std::endl;
  });
  bool asked = false;
  std::stop_callback called(waits.get_stop_token(), [&] { asked = true; });
  waits.request_stop();
  waits.join();
  std::cout << "asked to stop " << asked << std::endl;
  // One that is left waits for its thread, after telling it to stop.
  std::jthread spins([](std::stop_token token) {
    while (!token.stop_requested()) std::this_thread::yield();
  });
}

static void together() {
  std::latch started(4);
  std::atomic<int> count{0};
  int phases = 0;
  std::barrier barrier(3, [&]() noexcept { phases++; });
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; i++)
      threads.emplace_back([&] {
        count++;
        started.count_down();
      });
    started.wait();
    std::cout << count << '\n';
    for (int i = 0; i < 3; i++)
      threads.emplace_back([&] {
        for (int turn = 0; turn < 5; turn++) barrier.arrive_and_wait();
      });
  }
  std::counting_semaphore<4> places(2);
  places.acquire();
  places.acquire();
  std::cout << phases << ' ' << places.try_acquire() << places.try_acquire_for(2ms);
  places.release(2);
  std::cout << places.try_acquire() << '\n';
}

struct Large {
  long total, turns, last;
  auto operator<=>(const Large &) const = default;
};

static void atomics() {
  std::atomic<int> turn{0};
  std::jthread other([&] {
    turn.wait(0);
    turn = 2;
    turn.notify_all();
  });
  turn = 1;
  turn.notify_one();
  turn.wait(1);
  std::atomic<Large> large(Large{0, 0, 0});
  {
    std::vector<std::jthread> threads;
    for (long own = 1; own <= 4; own++)
      threads.emplace_back([&, own] {
        for (int i = 0; i < 100; i++) {
          Large was = large.load();
          while (!large.compare_exchange_weak(was, Large{was.total + own, was.turns + 1, 0})) std::this_thread::yield();
        }
      });
  }
  std::atomic<double> real{1.5};
  real.fetch_add(2);
  std::cout << turn << ' ' << (large.load() == Large{1000, 400, 0}) << ' ' << real << '\n';
}

static void streams() {
  std::ostringstream out;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; i++) threads.emplace_back([&, i] { std::osyncstream(out) << "line " << i << " whole\n"; });
  }
  std::istringstream in(out.str());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::ranges::sort(lines);
  for (const auto &line : lines | std::views::filter([](const auto &text) { return text[5] % 2 == 1; }))
    std::cout << line << '\n';
  const std::vector some{1, 2, 3};
  for (const int number : std::span(some).subspan(1)) std::cout << number << ' ';
  using namespace std::chrono;
  const auto day = 2024y / February / 29;
  std::cout << day.ok() << (2023y / February / 29).ok() << (sys_days(day) - sys_days(2000y / January / 1)).count()
            << weekday(sys_days(day)).c_encoding() << hh_mm_ss(3723s).minutes().count() << '\n';
}

int main() {
  coroutines();
  stopping();
  together();
  atomics();
  streams();
}
