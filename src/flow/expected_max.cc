// E max of two Gaussians: theta = sqrt(s1^2 + s2^2 - 2 rho s1 s2), a = (m1 - m2) / theta,
// m1 Phi(a) + m2 Phi(-a) + theta phi(a) (request-routing.md 3.6). Clark (1961) for more: the
// maximum so far is taken for a Gaussian with its exact two moments, and its correlation with the
// next one follows from the same formulas; within a percent of the truth for a handful of alike
// qualities. Price for a budget: the mean cost is a falling step function of the price; bisection
// after doubling finds the step that crosses the budget, and gamma = (B - low) / (high - low) mixes
// its two sides, which is optimal for the linear relaxation (3.7). The released Router of cascade
// routing uses (high - B) / (high - low) for the expensive side: its mistake is not repeated.
// Tests: expected_max_test.cc.
#include "flow/expected_max.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace swy::flow {
namespace {

double pdf(double a) { return std::exp(-a * a / 2) * 0.3989422804014327; }  // 1 / sqrt(2 pi)
double cdf(double a) { return std::erfc(-a / std::sqrt(2.0)) / 2; }

constexpr std::size_t kMost = 16;

// The maximum of a and b as a Gaussian, and the weight of a in its correlations.
struct Merged {
  Gaussian max;
  double weight_a = 1;
};

Merged merge(Gaussian a, Gaussian b, double rho) {
  const double theta2 = a.sd * a.sd + b.sd * b.sd - 2 * rho * a.sd * b.sd;
  if (theta2 <= 1e-24) {
    return a.mean >= b.mean ? Merged{a, 1} : Merged{b, 0};
  }
  const double theta = std::sqrt(theta2);
  const double alpha = (a.mean - b.mean) / theta;
  const double p = cdf(alpha);
  const double first = a.mean * p + b.mean * (1 - p) + theta * pdf(alpha);
  const double second = (a.mean * a.mean + a.sd * a.sd) * p +
                        (b.mean * b.mean + b.sd * b.sd) * (1 - p) +
                        (a.mean + b.mean) * theta * pdf(alpha);
  return {{first, std::sqrt(std::max(0.0, second - first * first))}, p};
}

}  // namespace

double expected_max(Gaussian a, Gaussian b, double rho) { return merge(a, b, rho).max.mean; }

double expected_max(std::span<const Gaussian> all, double rho) {
  Gaussian max = all[0];
  double with_next = rho;  // correlation of the maximum so far with every later one
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Merged m = merge(max, all[i], with_next);
    const double joint = max.sd * with_next * m.weight_a + all[i].sd * rho * (1 - m.weight_a);
    with_next = m.max.sd > 1e-12 ? std::clamp(joint / m.max.sd, -1.0, 1.0) : 0;
    max = m.max;
  }
  return max.mean;
}

double supermodel_value(std::uint32_t set, std::span<const Gaussian> quality,
                        std::span<const double> cost, double price, double rho) {
  std::array<Gaussian, kMost> members;
  std::size_t n = 0;
  double spent = 0;
  for (std::size_t i = 0; i < quality.size() && i < kMost; ++i) {
    if ((set >> i & 1U) == 0) continue;
    members[n++] = quality[i];
    spent += cost[i];
  }
  return n == 0 ? 0 : expected_max({members.data(), n}, rho) - price * spent;
}

Supermodel best_supermodel(std::span<const Gaussian> quality, std::span<const double> cost,
                           std::uint32_t allowed, std::uint32_t run, double price, double rho) {
  const std::uint32_t rest = allowed & ~run;
  Supermodel best{run, -HUGE_VAL};
  int most = 33;
  // All subsets of rest, ascending; of equal worth the one with fewer calls.
  for (std::uint32_t sub = 0;; sub = (sub - rest) & rest) {
    const std::uint32_t set = run | sub;
    if (set != 0) {
      const double value = supermodel_value(set, quality, cost, price, rho);
      const int calls = std::popcount(set);
      if (value > best.value + 1e-12 || (value > best.value - 1e-12 && calls < most)) {
        best = {set, value};
        most = calls;
      }
    }
    if (sub == rest) break;
  }
  return best;
}

BudgetPrice price_for_budget(const std::function<Spent(double)>& at, double budget, int steps) {
  BudgetPrice out;
  const Spent free = at(0);
  if (free.cost <= budget) {
    out.expected = free;
    return out;
  }
  Spent dear = free;
  Spent cheap = free;
  double low = 0;
  double high = 1 / std::max(budget, 1e-12);
  for (int i = 0; i < steps; ++i) {
    cheap = at(high);
    if (cheap.cost <= budget) break;
    low = high;
    dear = cheap;
    high *= 2;
  }
  for (int i = 0; i < steps; ++i) {
    const double middle = (low + high) / 2;
    const Spent spent = at(middle);
    (spent.cost <= budget ? cheap : dear) = spent;
    (spent.cost <= budget ? high : low) = middle;
  }
  out.cheap = high;
  out.dear = low;
  out.gamma = dear.cost > cheap.cost
                  ? std::clamp((budget - cheap.cost) / (dear.cost - cheap.cost), 0.0, 1.0)
                  : 0;
  out.expected = {cheap.quality + out.gamma * (dear.quality - cheap.quality),
                  cheap.cost + out.gamma * (dear.cost - cheap.cost)};
  return out;
}

}  // namespace swy::flow
