// Arrays carved out of the caller's workspace. Threading: one call owns its scratch. Ownership:
// borrows. Sizes are counted by the same calls with no memory behind (Scratch::count), so that
// workspace_bytes() cannot disagree with what is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace swy::moe::detail {

class Scratch {
 public:
  static constexpr std::size_t kAlign = 64;  // a cache line, and the widest vector
  explicit Scratch(std::span<std::byte> ws) : base_(ws.data()) {
    const auto past = reinterpret_cast<std::uintptr_t>(base_) % kAlign;
    if (past != 0) base_ += kAlign - past;
  }
  static Scratch count() { return Scratch({}); }

  template <class T>
  T* take(std::size_t n) {
    std::byte* at = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (n * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return reinterpret_cast<T*>(at);
  }
  // Bytes to ask for: what was taken, and room to align.
  [[nodiscard]] std::size_t bytes() const { return used_ + kAlign; }

 private:
  std::byte* base_;
  std::size_t used_ = 0;
};

}  // namespace swy::moe::detail
