// ChangeDetector: raises an alarm when the mean of a stream of numbers in [0, 1] leaves its place.
//
// When to use: drift of what is observed while serving (gateway/drift.h). It learns the place from
// its first numbers, then looks at each one. Value type; one writer. Ownership: a dozen numbers.
#pragma once

#include <array>
#include <cstdint>

namespace swy::math {

struct ChangeOptions {
  double every = 10'000;          // at least so many numbers between two false alarms, on average
  std::uint64_t reference = 200;  // numbers that say where the mean is; >= 1
  double tolerance = 0.05;        // a mean that moved by less is no change
  bool up = true, down = true;    // which way matters
};

enum class Change : std::uint8_t { kNone, kUp, kDown };

class ChangeDetector {
 public:
  explicit ChangeDetector(const ChangeOptions& options) : options_(options) {}
  // REQUIRES: 0 <= x <= 1. After an alarm it learns its place anew.
  Change add(double x);
  [[nodiscard]] bool learning() const { return seen_ < options_.reference; }
  [[nodiscard]] double reference() const;                  // 0.5 before the first number
  [[nodiscard]] double recent() const { return recent_; }  // mean, older numbers fading
  [[nodiscard]] std::uint64_t n() const { return total_; }
  // Nearness of an alarm: 1 raises it.
  [[nodiscard]] double level() const;

  static constexpr std::size_t kBets = 5;
  // Everything that it has seen, to go on in another process.
  struct State {
    std::uint64_t seen = 0, total = 0;
    double reference_sum = 0, recent = 0.5;
    std::array<double, kBets> up{}, down{};
  };
  [[nodiscard]] State state() const {
    return {seen_, total_, reference_sum_, recent_, up_.sums, down_.sums};
  }
  // False, and nothing changes, when no detector with these options can be in that state.
  bool restore(const State& state);

 private:
  struct Side {
    std::array<double, kBets> sums{};
    void add(double x, double bound);
    [[nodiscard]] double mean() const;
  };
  [[nodiscard]] double limit() const;

  ChangeOptions options_;
  std::uint64_t seen_ = 0;  // since the last alarm
  std::uint64_t total_ = 0;
  double reference_sum_ = 0;
  double recent_ = 0.5;
  Side up_, down_;
};

}  // namespace swy::math
