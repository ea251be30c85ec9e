// Task<T>: a lazy coroutine with a single awaiter. Destroying a Task that has not finished cancels
// it: the frame's locals run their destructors, and every awaitable in net/ withdraws its pending
// operation when destroyed.
//
// Use only in http, gateway, upstream (and flow): everything below is plain synchronous code. No
// exception may leave a coroutine; errors travel as Result<T>. A Task belongs to one thread (the
// loop that resumes it).
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SWY_FRESH_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SWY_FRESH_FRAMES 1
#endif
#endif

namespace swy::base {

template <typename T>
class Task;

namespace detail {

// Frames of finished coroutines, kept by the thread for its next ones: a request makes the same
// dozen frames as the one before. By size in steps of 128 bytes; larger ones, and those beyond
// kKept of a size, go to the heap. Sanitizers get fresh memory, or they could not see a frame used
// after its end. A frame may end on another thread than it began on.
class FramePool {
 public:
  static void* take(std::size_t size) {
#ifndef SWY_FRESH_FRAMES
    const std::size_t index = (size - 1) / kStep;
    if (index < kSizes) {
      List& list = kept.lists[index];
      if (list.first == nullptr) return fresh((index + 1) * kStep);
      --list.count;
      return std::exchange(list.first, list.first->next);
    }
#endif
    return ::operator new(size);
  }
  static void give(void* frame, [[maybe_unused]] std::size_t size) noexcept {
#ifndef SWY_FRESH_FRAMES
    const std::size_t index = (size - 1) / kStep;
    if (index < kSizes) {
      List& list = kept.lists[index];
      if (list.count < kept.limit) {
        ++list.count;
        list.first = new (frame) Free{list.first};
        return;
      }
    }
#endif
    ::operator delete(frame);
  }

 private:
  static constexpr std::size_t kStep = 128;
  static constexpr std::size_t kSizes = 32;
  static constexpr std::size_t kKept = 64;
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    std::size_t count = 0;
  };
  // Without a destructor, so that a frame that ends while the thread does still finds it whole.
  struct Kept {
    std::array<List, kSizes> lists;
    std::size_t limit = 0;  // nothing is kept before a frame was taken, and after the thread's end
  };
  struct End {
    End() { kept.limit = kKept; }
    ~End() {
      kept.limit = 0;
      for (List& list : kept.lists) {
        while (list.first != nullptr)
          ::operator delete(std::exchange(list.first, list.first->next));
        list.count = 0;
      }
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;
  };
  static void* fresh(std::size_t size) {
    thread_local const End at_end;
    return ::operator new(size);
  }
  static constinit thread_local Kept kept;
};

inline constinit thread_local FramePool::Kept FramePool::kept{};

struct PromiseBase {
  std::coroutine_handle<> continuation;

  static void* operator new(std::size_t size) { return FramePool::take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FramePool::give(frame, size);
  }

  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      auto next = self.promise().continuation;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <typename U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
};

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { reset(); }

  // Awaiting starts it; the awaiter resumes when it has finished. REQUIRES: awaited at most once.
  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle handle;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle.promise().continuation = awaiting;
        return handle;
      }
      T await_resume() {
        if constexpr (!std::is_void_v<T>) return std::move(*handle.promise().value);
      }
    };
    return Awaiter{handle_};
  }

  // For the root of a chain: runs until the first suspension. Keep the Task alive until done().
  void start() {
    SWY_ASSERT(handle_);
    handle_.resume();
  }
  [[nodiscard]] bool done() const { return !handle_ || handle_.done(); }
  // REQUIRES: done() and T is not void.
  [[nodiscard]] auto& result() { return *handle_.promise().value; }
  void reset() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  Handle handle_;
};

namespace detail {
template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace swy::base
