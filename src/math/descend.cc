// Adam over shuffled batches.
//
// Formula: m = .9 m + .1 g, v = .999 v + .001 g^2, w -= rate * sqrt(1 - .999^t) / (1 - .9^t) * m /
// (sqrt(v) + 1e-8), g = the batch's mean gradient + decay * w. Cost: epochs x rows losses. Loses to
// closed forms wherever there is one. Source: Kingma and Ba 2014. Test: descend_test.cc.
#include "math/descend.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr std::size_t kHoldOut = 10;
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;

class Adam {
 public:
  Adam(std::size_t n, const DescentOptions& o) : first_(n), second_(n), grad_(n), o_(o) {}
  std::span<float> grad() { return grad_; }
  // One step along -grad / rows; grad is zero afterwards.
  void step(std::span<float> w, double rows) {
    ++steps_;
    const auto t = static_cast<double>(steps_);
    const auto rate = static_cast<float>(o_.rate * std::sqrt(1 - std::pow(kBeta2, t)) /
                                         (1 - std::pow(kBeta1, t)));
    const auto decay = static_cast<float>(o_.decay);
    const auto scale = static_cast<float>(1 / rows);
    constexpr auto kB1 = static_cast<float>(kBeta1);
    constexpr auto kB2 = static_cast<float>(kBeta2);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const float d = grad_[i] * scale + decay * w[i];
      first_[i] = kB1 * first_[i] + (1 - kB1) * d;
      second_[i] = kB2 * second_[i] + (1 - kB2) * d * d;
      w[i] -= rate * first_[i] / (std::sqrt(second_[i]) + 1e-8F);
      grad_[i] = 0;
    }
  }

 private:
  std::vector<float> first_, second_, grad_;
  const DescentOptions& o_;
  std::uint64_t steps_ = 0;
};

double total(std::span<const std::uint32_t> rows, std::span<const float> w, const RowLoss& loss) {
  double sum = 0;
  for (const std::uint32_t i : rows) sum += loss(i, w, {});
  return sum;
}

}  // namespace

std::vector<float> descend(std::vector<float> w, std::size_t rows, const RowLoss& loss,
                           const DescentOptions& o) {
  std::vector<std::uint32_t> learned;
  std::vector<std::uint32_t> held;
  for (std::size_t i = 0; i < rows; ++i)
    (rows >= kHoldOut && i % kHoldOut == kHoldOut - 1 ? held : learned)
        .push_back(static_cast<std::uint32_t>(i));
  if (held.empty()) held = learned;
  const std::size_t batch =
      o.batch > 0 ? o.batch : std::clamp<std::size_t>(learned.size() / 50, 4, 64);
  std::vector<float> best = w;
  double least = total(held, w, loss);
  Adam adam(w.size(), o);
  base::Rng rng(o.seed, 0xDE5C, rows);
  std::size_t last = 0;  // the epoch that was best
  for (std::size_t epoch = 1; epoch <= o.epochs && epoch <= last + o.patience; ++epoch) {
    for (std::size_t i = learned.size(); i > 1; --i)
      std::swap(learned[i - 1], learned[rng.below(i)]);
    for (std::size_t from = 0; from < learned.size(); from += batch) {
      const std::size_t to = std::min(from + batch, learned.size());
      for (std::size_t i = from; i < to; ++i) loss(learned[i], w, adam.grad());
      adam.step(w, static_cast<double>(to - from));
    }
    const double now = total(held, w, loss);
    if (!(now < least)) continue;
    least = now;
    best = w;
    last = epoch;
  }
  return best;
}

}  // namespace swy::math
