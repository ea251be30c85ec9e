// SmallVec<T, N>: a vector whose first N elements live inside the object. For trivially copyable T
// only, which is all the decision path stores. Value type.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace swy::base {

template <typename T, std::size_t N>
class SmallVec {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  void push_back(const T& v) {
    if (size_ < N && spill_.empty()) {
      inline_[size_++] = v;
      return;
    }
    if (spill_.empty())
      spill_.assign(inline_.begin(), inline_.begin() + static_cast<std::ptrdiff_t>(size_));
    spill_.push_back(v);
    ++size_;
  }
  void clear() {
    size_ = 0;
    spill_.clear();
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const T* data() const { return spill_.empty() ? inline_.data() : spill_.data(); }
  [[nodiscard]] const T* begin() const { return data(); }
  [[nodiscard]] const T* end() const { return data() + size_; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  [[nodiscard]] std::span<const T> span() const { return {data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<T, N> inline_{};
  std::vector<T> spill_;
};

}  // namespace swy::base
