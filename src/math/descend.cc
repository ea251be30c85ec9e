// Adam over shuffled batches.
//
// Formula: adam.h; of all epochs the weights with the least held-out loss. Cost: epochs x rows
// losses. Loses to closed forms wherever there is one. Test: descend_test.cc.
#include "math/descend.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"
#include "math/adam.h"

namespace swy::math {
namespace {

constexpr std::size_t kHoldOut = 10;
class Adam {
 public:
  Adam(std::size_t n, const DescentOptions& o) : first_(n), second_(n), grad_(n), o_(o) {}
  std::span<float> grad() { return grad_; }
  // One step along -grad / rows; grad is zero afterwards.
  void step(std::span<float> w, double rows) {
    adam_update(
        w, grad_, first_, second_,
        {adam_rate(o_.rate, ++steps_), static_cast<float>(o_.decay), static_cast<float>(1 / rows)});
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
