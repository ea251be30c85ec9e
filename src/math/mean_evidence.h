// MeanEvidence: what a stream of numbers in [0, 1] says about its mean, at any time; and what two
// such streams say about the difference of theirs.
//
// When to use: experiments that are looked at after every observation (route/experiment.h). Every
// e-value here stays below 1/alpha for ever with probability 1 - alpha when its hypothesis holds,
// so stopping at the first time that it does not is a test of level alpha. Value type. Threading:
// const calls are reads. Ownership: four numbers.
#pragma once

#include <cstdint>

namespace swy::math {

class MeanEvidence {
 public:
  // REQUIRES: 0 <= x <= 1.
  void add(double x);
  [[nodiscard]] std::uint64_t n() const { return n_; }
  [[nodiscard]] double mean() const;  // 0.5 before the first
  // Logarithm of the e-value against "the mean is at most m" and "the mean is at least m".
  [[nodiscard]] double against_at_most(double m) const;
  [[nodiscard]] double against_at_least(double m) const;

 private:
  [[nodiscard]] double mixture(double excess) const;
  std::uint64_t n_ = 0;
  double sum_ = 0;
  double spread_ = 0;  // of each number around the mean of those before it, squared and summed
};

struct Bounds {
  double low = -1, high = 1;
};

// Logarithm of the e-value against "mean(b) - mean(a) >= d": large when b is worse than that. The
// two streams may come in any order and at any rate. REQUIRES: -1 <= d <= 1.
double against_difference_of_at_least(const MeanEvidence& a, const MeanEvidence& b, double d);
// Whether that e-value is at least exp(log_level); cheaper where it is not.
bool refutes_difference_of_at_least(const MeanEvidence& a, const MeanEvidence& b, double d,
                                    double log_level);

// Confidence sequences: at all times together they hold the mean, or mean(b) - mean(a), with
// probability 1 - alpha. REQUIRES: 0 < alpha < 1.
Bounds mean_bounds(const MeanEvidence& e, double alpha);
Bounds difference_bounds(const MeanEvidence& a, const MeanEvidence& b, double alpha);

}  // namespace swy::math
