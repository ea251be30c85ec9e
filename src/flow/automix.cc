// AutoMix (arXiv 2310.12963, released code). IBC_M = (P_M - P_S) / (C_M - C_S).
// The POMDP has one decision and three states of a question: needy (only the large model is right),
// good (the small one is), hopeless (neither). Rewards: stay (-r, 0, -(r + 1)), escalate
// (-100, -100, -(r + 100)). With b = P(state | votes) escalating is better iff
// r b_needy > 100 - b_hopeless, so each bin has one critical r and all tables of all r are the
// prefixes of the bins sorted by it: that is the exact solution, without a search over r. Votes are
// counted, not binned as floats (the released int(i // gap) puts .3 // .1 into bin 2). A bin
// without data has b = 0 and never escalates, as there. Tests: automix_test.cc.
#include "flow/automix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swy::flow {
namespace {

constexpr double kMostReward = 4999;

using Table = std::vector<std::uint8_t>;

Table best_of(std::span<const Verified> rows, const std::vector<Table>& tables,
              const MixCosts& costs) {
  std::size_t best = 0;
  double lift = -HUGE_VAL;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const double value = mix(rows, tables[i], costs).lift;
    if (!(value > lift + 1e-12)) continue;
    lift = value;
    best = i;
  }
  return tables[best];
}

}  // namespace

Mixed mix(std::span<const Verified> rows, const Table& escalate, const MixCosts& costs) {
  Mixed out;
  double small = 0;
  double large = 0;
  const auto n = static_cast<double>(rows.size());
  for (const Verified& r : rows) {
    const bool up = escalate[r.votes] != 0;
    out.quality += (up ? r.large : r.small) / n;
    out.cost += (costs.small + costs.verify + (up ? costs.large : 0)) / n;
    small += r.small / n;
    large += r.large / n;
  }
  const double ibc = (out.quality - small) / (out.cost - costs.small);
  const double base = (large - small) / (costs.large - costs.small);
  out.lift = (ibc - base) / base;
  return out;
}

Table best_threshold(std::span<const Verified> rows, std::uint32_t bins, const MixCosts& costs) {
  std::vector<Table> tables;
  for (std::uint32_t t = 0; t <= bins; ++t) {  // votes < t escalate
    Table table(bins, 0);
    std::fill(table.begin(), table.begin() + t, std::uint8_t{1});
    tables.push_back(std::move(table));
  }
  return best_of(rows, tables, costs);
}

Table best_pomdp(std::span<const Verified> rows, std::uint32_t bins, const MixCosts& costs) {
  std::vector<double> needy(bins, 0.0);
  std::vector<double> hopeless(bins, 0.0);
  std::vector<double> count(bins, 0.0);
  for (const Verified& r : rows) {
    count[r.votes] += 1;
    const bool small = r.small >= .5;
    needy[r.votes] += !small && r.large >= .5 ? 1 : 0;
    hopeless[r.votes] += !small && r.large < .5 ? 1 : 0;
  }
  std::vector<double> critical(bins, HUGE_VAL);
  for (std::uint32_t o = 0; o < bins; ++o) {
    if (needy[o] > 0) critical[o] = (100 - hopeless[o] / count[o]) / (needy[o] / count[o]);
  }
  std::vector<std::uint32_t> order(bins);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return critical[a] < critical[b]; });
  std::vector<Table> tables = {Table(bins, 0)};
  Table table(bins, 0);
  for (std::size_t i = 0; i < bins && critical[order[i]] < kMostReward; ++i) {
    table[order[i]] = 1;
    // Bins of the same critical reward go together: no r tells them apart.
    if (i + 1 < bins && critical[order[i + 1]] == critical[order[i]]) continue;
    tables.push_back(table);
  }
  return best_of(rows, tables, costs);
}

}  // namespace swy::flow
