// Accounts: the numbers that policies keep from one choice to the next (prices of money and load),
// all in one row.
//
// When to use: whoever drives decide(): the gateway through its Snapshot. Threading: any thread;
// one mutex, a leaf, held for a copy or one settlement. Ownership: owns its numbers.
#pragma once

#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"

namespace swy::fleet {

class Accounts {
 public:
  explicit Accounts(std::vector<double> opened) : numbers_(std::move(opened)) {}
  // Copies all of them into out (resized).
  void view(std::vector<double>& out) const {
    const std::lock_guard lock(mutex_);
    out.assign(numbers_.begin(), numbers_.end());
  }
  // settle(std::span<double>) of the numbers at..at+size. REQUIRES: they are there.
  template <typename Settle>
  void change(std::size_t at, std::size_t size, const Settle& settle) {
    const std::lock_guard lock(mutex_);
    SWY_ASSERT(at + size <= numbers_.size());
    settle(std::span(numbers_).subspan(at, size));
  }

 private:
  mutable std::mutex mutex_;  // guards numbers_
  std::vector<double> numbers_;
};

}  // namespace swy::fleet
