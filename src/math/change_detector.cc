// An e-detector (Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential
// change detection", New England Journal of Statistics in Data Science, 2023) for the mean of
// bounded numbers.
//
// While the mean is at most b, 1 + l (x - b) has expectation at most 1 for 0 <= l <= 1/b and is
// never negative. The Shiryaev-Roberts sum  M_t = (M_{t-1} + 1)(1 + l (x_t - b))  then has
// expectation at most t, so the first time it reaches A comes after A numbers or more on average,
// whatever the distribution. The mean of such sums over five rates has the same property and serves
// small and large changes; for a fall 1 - x stands for x. Where both ways matter each has the limit
// 2 A. The place of the mean comes from the first `reference` numbers; b lies `tolerance` beyond
// it.
//
// Cost: O(1). Loses: the promise holds while the true mean was within `tolerance` of what the
// reference said (a standard error of 0.035 at worst with 200 numbers); slow drift that starts
// within the reference is not seen; numbers that depend on each other raise alarms sooner.
// Deviations: the reference is learned instead of given. Test: change_detector_test.cc.
#include "math/change_detector.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace swy::math {
namespace {

constexpr std::array<double, 5> kShares = {0.5, 0.25, 0.12, 0.06, 0.03};  // of the largest rate
constexpr double kFade = 0.02;
constexpr double kLeast = 0.001;  // of a bound: rates stay finite

}  // namespace

double ChangeDetector::reference() const {
  const std::uint64_t n = std::min(seen_, options_.reference);
  return n == 0 ? 0.5 : reference_sum_ / static_cast<double>(n);
}

double ChangeDetector::limit() const {
  return options_.up && options_.down ? 2 * options_.every : options_.every;
}

double ChangeDetector::level() const {
  return std::max(options_.up ? up_.mean() : 0, options_.down ? down_.mean() : 0) / limit();
}

void ChangeDetector::Side::add(double x, double bound) {
  const double b = std::max(bound, kLeast);
  for (std::size_t i = 0; i < kBets; ++i) sums[i] = (sums[i] + 1) * (1 + kShares[i] / b * (x - b));
}

double ChangeDetector::Side::mean() const {
  double total = 0;
  for (const double s : sums) total += s;
  return total / static_cast<double>(kBets);
}

bool ChangeDetector::restore(const State& s) {
  const auto sound = [](const std::array<double, kBets>& sums) {
    return std::all_of(sums.begin(), sums.end(),
                       [](double v) { return std::isfinite(v) && v >= 0; });
  };
  const bool ok = s.seen <= s.total && s.seen <= options_.reference && s.reference_sum >= 0 &&
                  s.reference_sum <= static_cast<double>(s.seen) && s.recent >= 0 &&
                  s.recent <= 1 && sound(s.up) && sound(s.down);
  if (!ok) return false;
  seen_ = s.seen;
  total_ = s.total;
  reference_sum_ = s.reference_sum;
  recent_ = s.recent;
  up_.sums = s.up;
  down_.sums = s.down;
  return true;
}

Change ChangeDetector::add(double x) {
  SWY_ASSERT(x >= 0 && x <= 1);
  ++total_;
  recent_ = total_ == 1 ? x : recent_ + kFade * (x - recent_);
  if (learning()) {
    reference_sum_ += x;
    ++seen_;
    return Change::kNone;
  }
  const double place = reference();
  if (options_.up) up_.add(x, place + options_.tolerance);
  if (options_.down) down_.add(1 - x, 1 - place + options_.tolerance);
  const bool risen = options_.up && up_.mean() >= limit();
  const bool fallen = options_.down && down_.mean() >= limit();
  if (!risen && !fallen) return Change::kNone;
  seen_ = 0;
  reference_sum_ = 0;
  up_ = down_ = {};
  return risen ? Change::kUp : Change::kDown;
}

}  // namespace swy::math
