// Threads of C++: mutexes, conditions, futures, thread-local objects, once, and exceptions that cross threads.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <iostream>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> ended{0};

struct Local {
  int value = 10;
  ~Local() { ended++; }
};
static thread_local Local local;

static int once_count = 0;
static int &lazily() {
  static int value = ++once_count;
  return value;
}

int main() {
  std::mutex mutex;
  std::vector<std::thread> threads;
  int sum = 0;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&, i] {
      local.value += i;
      for (int turn = 0; turn < 1000; turn++) {
        std::lock_guard<std::mutex> guard(mutex);
        sum += i;
      }
      lazily();
      std::lock_guard<std::mutex> guard(mutex);
      sum += local.value;
    });
  }
  for (auto &thread : threads) thread.join();
  std::cout << sum << ' ' << ended << ' ' << local.value << ' ' << once_count << '\n';

  std::deque<int> queue;
  std::condition_variable ready;
  std::thread producer([&] {
    for (int i = 1; i <= 100; i++) {
      {
        std::lock_guard<std::mutex> guard(mutex);
        queue.push_back(i);
      }
      ready.notify_one();
    }
  });
  int got = 0;
  while (got < 5050) {
    std::unique_lock<std::mutex> lock(mutex);
    ready.wait(lock, [&] { return !queue.empty(); });
    got += queue.front();
    queue.pop_front();
  }
  producer.join();
  std::cout << "got " << got << '\n';

  auto future = std::async(std::launch::async, [](int n) -> int {
    if (n == 0) throw std::domain_error("zero");
    return 100 / n;
  }, 5);
  auto failing = std::async(std::launch::async, []() -> int { throw std::domain_error("zero"); });
  std::cout << future.get() << '\n';
  try {
    failing.get();
  } catch (const std::domain_error &error) {
    std::cout << "from the other thread: " << error.what() << '\n';
  }
  std::promise<std::string> promise;
  auto later = promise.get_future();
  std::cout << (later.wait_for(std::chrono::milliseconds(5)) == std::future_status::timeout) << '\n';
  std::thread([&promise] { promise.set_value("kept"); }).detach();
  std::cout << later.get() << '\n';

  std::shared_mutex shared;
  std::shared_lock<std::shared_mutex> one(shared), two(shared);
  std::thread([&] { std::cout << "writer " << shared.try_lock() << std::endl; }).join();
  std::once_flag flag;
  for (int i = 0; i < 3; i++) std::call_once(flag, [] { std::cout << "once\n"; });
  std::timed_mutex timed;
  timed.lock();
  std::thread([&] { std::cout << timed.try_lock_for(std::chrono::milliseconds(5)) << std::endl; }).join();
  timed.unlock();
  try {
    std::thread().join();
  } catch (const std::system_error &error) {
    std::cout << (error.code() == std::errc::invalid_argument) << '\n';
  }
  std::cout << (std::thread::hardware_concurrency() > 0) << '\n';
}
