// OnlineRidge: linear regression that learns one example at a time and says how sure it is.
//
// When to use: contextual bandits (estimator linear_bandit). Value type: copies learn apart.
// Threading: reads are const; one writer. Ownership: owns its numbers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace swy::math {

class OnlineRidge {
 public:
  // REQUIRES: ridge > 0.
  OnlineRidge(std::size_t dims, double ridge);

  struct Said {
    double mean = 0;      // theta . x
    double leverage = 0;  // x' A^-1 x: the variance of the mean, in units of the noise's
  };
  // REQUIRES: x.size() == dims().
  [[nodiscard]] Said predict(std::span<const double> x) const;
  // What predict() would say had (x, y) with this weight not been learned. REQUIRES: it was.
  [[nodiscard]] static Said without(Said said, double y, double weight);
  // Learns y at x. REQUIRES: weight >= 0.
  void learn(std::span<const double> x, double y, double weight = 1);
  // Multiplies everything that was learned, but not the ridge, by keep (0 < keep <= 1).
  void forget(double keep);

  // From here on everything that is said follows from the numbers that restore() takes, so that
  // what was saved and loaded says the same to the last bit. Cost: dims^3 when something was
  // learned.
  void settle();

  [[nodiscard]] std::size_t dims() const { return theta_.size(); }
  [[nodiscard]] double examples() const { return examples_; }  // effective: weighted and forgotten
  [[nodiscard]] std::span<const double> theta() const { return theta_; }

  // The numbers that say everything: gram (dims x dims), moment (dims), examples.
  [[nodiscard]] std::span<const double> gram() const { return gram_; }
  [[nodiscard]] std::span<const double> moment() const { return moment_; }
  // Takes over saved numbers. False (and unchanged) when the sizes differ or A is not positive
  // definite.
  bool restore(std::span<const double> gram, std::span<const double> moment, double examples);

 private:
  void solve();   // theta = A^-1 b
  bool invert();  // A^-1 from gram and ridge
  double ridge_;
  double examples_ = 0;
  int steps_ = 0;                // since made
  bool settled_ = false;         // inverse_ was computed from gram_, not updated
  std::vector<double> gram_;     // sum w x x'
  std::vector<double> moment_;   // b = sum w y x
  std::vector<double> inverse_;  // (ridge I + gram)^-1
  std::vector<double> theta_;
  std::vector<double> work_;  // of one call
};

}  // namespace swy::math
