// Buffer<T>: uninitialised, 64-byte aligned memory that grows and never shrinks.
//
// When to use: scratch and packed weights of kernels.h. Threading: a value. Ownership: owns its
// memory; what it held is lost when it grows.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <type_traits>

#include "base/check.h"

namespace swy::math {

template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(std::size_t n) { need(n); }
  // At least n elements, contents undefined when it had to grow.
  T* need(std::size_t n) {
    if (n > size_) {
      const std::size_t bytes = (n * sizeof(T) + 63) / 64 * 64;
      data_.reset();
      data_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
      SWY_ASSERT(data_ != nullptr);
      size_ = n;
    }
    return data_.get();
  }
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<T> all() { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const T> all() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace swy::math
