// choose_experts(): max over subsets S with sum of sizes <= memory, and maps z into S with
// sum_k share_k size[z(k)] <= active, of sum_k share_k value[k][z(k)].
//
// All subsets are tried (2^experts x categories x experts). For one subset without `active` the map
// is the best of every category; with it one price for size is found (dual_price.h) and the side
// that keeps the bound is taken. Source: Composition of Experts (request-routing.md 4.3), which
// states the problem with `memory` alone. Test: expert_subset_test.cc.
#include "math/expert_subset.h"

#include <cmath>

#include "base/check.h"
#include "math/dual_price.h"

namespace swy::math {
namespace {

// Value and size of every choice, weighted by the category's share; NaN outside the subset.
struct Weighted {
  std::vector<double> value, size;
};

Weighted weighted(const ExpertProblem& p, std::uint32_t subset) {
  const std::size_t n = p.size.size();
  Weighted w{std::vector<double>(p.value.size()), std::vector<double>(p.value.size())};
  for (std::size_t k = 0; k < p.share.size(); ++k) {
    for (std::size_t e = 0; e < n; ++e) {
      const bool in = (subset >> e & 1U) != 0;
      w.value[k * n + e] =
          in ? p.share[k] * p.value[k * n + e] : std::numeric_limits<double>::quiet_NaN();
      w.size[k * n + e] = p.share[k] * p.size[e];
    }
  }
  return w;
}

std::optional<ExpertSubset> best_map(const ExpertProblem& p, std::uint32_t subset) {
  const std::size_t n = p.size.size();
  const Weighted w = weighted(p, subset);
  const Options o{w.value, w.size, n};
  double price = 0;
  Side side = Side::kCheaper;
  bool any = false;
  for (const double v : w.value) any = any || !std::isnan(v);
  if (any && !std::isinf(p.active)) {
    const DualPrice d = price_for_budget(o, p.active / static_cast<double>(p.share.size()));
    if (d.bound == DualPrice::Bound::kInfeasible) return std::nullopt;
    price = d.price;
    constexpr double kWhole = 1 - 1e-9;
    if (d.mix >= kWhole) side = Side::kDearer;  // the bound is kept exactly
  }
  ExpertSubset s;
  for (std::size_t e = 0; e < n; ++e) s.kept.push_back(subset >> e & 1U);
  for (std::size_t k = 0; k < p.share.size(); ++k) {
    const std::span<const double> value(w.value.data() + k * n, n);
    const std::span<const double> size(w.size.data() + k * n, n);
    const std::size_t z = best_at(value, size, price, side);
    s.expert.push_back(z == kNoOption ? kNoExpertFor : z);
    if (z == kNoOption) continue;
    s.value += value[z];
    s.active += size[z];
  }
  return s;
}

}  // namespace

std::optional<ExpertSubset> choose_experts(const ExpertProblem& p) {
  const std::size_t n = p.size.size();
  SWY_ASSERT(n <= kMostExperts && p.value.size() == n * p.share.size());
  std::optional<ExpertSubset> best;
  for (std::uint32_t subset = 1; subset < 1U << n; ++subset) {
    double memory = 0;
    for (std::size_t e = 0; e < n; ++e) memory += (subset >> e & 1U) != 0 ? p.size[e] : 0.0;
    if (memory > p.memory) continue;
    auto s = best_map(p, subset);
    constexpr double kRounding = 1e-12;
    if (!s || (best && s->value < best->value + kRounding &&
               !(s->value > best->value - kRounding && s->active < best->active - kRounding)))
      continue;
    best = std::move(s);
  }
  return best;
}

}  // namespace swy::math
