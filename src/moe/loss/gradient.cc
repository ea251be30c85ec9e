// Straight-through and score-function estimators.
//   straight-through    d/dz = J_softmax^T g: biased, low variance; exact only for linear losses
//   score function      (b - p)(L - B): unbiased for every baseline B (Bengio, Leonard, Courville,
//                       1308.3432; from memory, checked against the abstract), as are its noisy
//                       rectifier and stochastic-times-smooth unit
//   Plackett-Luce       log Q = sum_i z_i - lse(z of what was left), d = sum_i ({j = i} - p_left_j)
//   RLOO / ReMix        1/(M-1) sum_m (L_m - mean) grad log Q_m (2603.10160)
// Cost: E per gate, E k per ordered sample. Loses: the score function's variance grows with the
// number of choices; log Q must be that of the ordered sample which was used.
// Test: loss/gradient_test.cc (all outcomes enumerated).
#include "moe/gradient.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

// All of them experts, none twice.
bool distinct(std::span<const std::int32_t> id) {
  for (std::size_t n = 0; n < id.size(); ++n) {
    const auto before = id.first(n);
    if (id[n] < 0 || std::find(before.begin(), before.end(), id[n]) != before.end()) return false;
  }
  return true;
}

}  // namespace

Status straight_through(std::span<const double> p, std::span<const double> g,
                        std::span<double> dz) {
  const auto args = Arguments().same(g.size(), p.size(), "g").same(dz.size(), p.size(), "dz");
  if (!args.ok()) return args.status();
  const double mean = inner(p, g);
  for (std::size_t j = 0; j < p.size(); ++j) dz[j] += p[j] * (g[j] - mean);
  return {};
}

double straight_through_bernoulli(double g, double p, bool with_slope) {
  return with_slope ? g * p * (1 - p) : g;
}

double score_function_bernoulli(bool b, double p, double loss, double baseline) {
  return ((b ? 1.0 : 0.0) - p) * (loss - baseline);
}

double best_baseline_bernoulli(double p, double loss_if_one, double loss_if_zero) {
  // E[(b-p)^2] = p (1-p)^2 + (1-p) p^2 = p (1-p); the factor p (1-p) cancels.
  return (1 - p) * loss_if_one + p * loss_if_zero;
}

NoisyUnit noisy_rectifier(double a, double sd, base::Rng& rng) {
  const double z = a + sd * normal(rng);
  return z > 0 ? NoisyUnit{z, 1} : NoisyUnit{};
}

NoisyUnit stochastic_times_smooth(double a, base::Rng& rng) {
  const double p = sigmoid(a);
  const double root = std::sqrt(p);
  if (rng.uniform() >= root) return {};
  return {root, root * (1 - p) / 2};  // d sqrt(p) / d a = p (1 - p) / (2 sqrt(p))
}

Status sample_in_order(std::span<const double> z, base::Rng& rng, std::span<std::int32_t> id) {
  if (id.size() > z.size()) return {Code::kBadShape, "id"};
  // The k largest of z + Gumbel are a Plackett-Luce sample; kept sorted while the keys stream by.
  // Keys are recomputed from a copy of the generator instead of being stored.
  const base::Rng start = rng;
  double last = std::numeric_limits<double>::infinity();
  for (std::size_t n = 0; n < id.size(); ++n) {
    rng = start;
    double most = -std::numeric_limits<double>::infinity();
    id[n] = -1;
    for (std::size_t j = 0; j < z.size(); ++j) {
      const double key = z[j] + gumbel(rng);
      if (!(key < last) || !(key > most)) continue;  // NaN too
      most = key;
      id[n] = static_cast<std::int32_t>(j);
    }
    last = most;
  }
  return {};
}

Checked<double> log_probability_in_order(std::span<const double> z,
                                         std::span<const std::int32_t> id, double scale,
                                         std::span<double> dz) {
  Arguments args;
  if (!dz.empty()) args.same(dz.size(), z.size(), "dz");
  args.that(distinct(id), Code::kBadShape, "id").ids(id, z.size(), "id");
  if (!args.ok()) return args.status();
  double sum = 0;
  for (std::size_t n = 0; n < id.size(); ++n) {
    const auto gone = id.first(n);
    const auto left = [&](std::size_t j) {
      return std::find(gone.begin(), gone.end(), static_cast<std::int32_t>(j)) == gone.end();
    };
    double most = -std::numeric_limits<double>::infinity();
    double total = 0;
    for (std::size_t j = 0; j < z.size(); ++j)
      if (left(j)) most = std::max(most, z[j]);
    for (std::size_t j = 0; j < z.size(); ++j)
      if (left(j)) total += std::exp(z[j] - most);
    const auto at = static_cast<std::size_t>(id[n]);
    sum += z[at] - most - std::log(total);
    for (std::size_t j = 0; j < dz.size(); ++j)
      if (left(j)) dz[j] += scale * ((j == at ? 1.0 : 0.0) - std::exp(z[j] - most) / total);
  }
  return sum;
}

Status leave_one_out(std::span<const double> loss, std::span<double> coefficient) {
  const auto args =
      Arguments().span(loss.size(), 2, "loss").same(coefficient.size(), loss.size(), "coefficient");
  if (!args.ok()) return args.status();
  double mean = 0;
  for (const double l : loss) mean += l / static_cast<double>(loss.size());
  for (std::size_t m = 0; m < loss.size(); ++m)
    coefficient[m] = (loss[m] - mean) / static_cast<double>(loss.size() - 1);
  return {};
}

double effective_number(std::span<const double> w) {
  double sum = 0;
  double squares = 0;
  for (const double v : w) {
    sum += v;
    squares += v * v;
  }
  return squares > 0 ? sum * sum / squares : 0;
}

}  // namespace swy::moe
