#include "route/estimator/group_table.h"

#include "base/check.h"

namespace swy::route {

GroupTable::GroupTable(const Observed& past, std::vector<std::uint32_t> group, std::size_t groups,
                       double shrink)
    : group_(std::move(group)), size_(groups, 0.0), shrink_(shrink) {
  SWY_ASSERT(group_.size() == past.rows());
  for (const std::uint32_t g : group_) size_[g] += 1;
  for (const ObservedModel& m : past.models()) {
    sums_.push_back(
        {sums_of(m.quality), sums_of(m.tokens_out), sums_of(m.cost_usd), sums_of(m.latency_s)});
  }
}

GroupTable::Sums GroupTable::sums_of(const Column& column) const {
  Sums s{std::vector<double>(size_.size(), 0.0), std::vector<double>(size_.size(), 0.0)};
  for (std::size_t i = 0; i < group_.size(); ++i) {
    if (std::isnan(column.value[i])) continue;
    s.sum[group_[i]] += static_cast<double>(column.value[i]);
    s.count[group_[i]] += 1;
  }
  return s;
}

GroupTable::Mean GroupTable::mean(const Column& column, const Sums& sums,
                                  std::span<const float> share, std::uint32_t excluded) const {
  const double overall = column.mean_without(excluded);
  if (std::isnan(overall)) return {};
  const bool out = excluded != kNoRow && !std::isnan(column.value[excluded]);
  Mean m{0, 0};
  for (std::size_t g = 0; g < share.size(); ++g) {
    double sum = sums.sum[g];
    double n = sums.count[g];
    if (out && group_[excluded] == g) {
      sum -= static_cast<double>(column.value[excluded]);
      n -= 1;
    }
    const auto w = static_cast<double>(share[g]);
    m.value += w * (n + shrink_ > 0 ? (sum + shrink_ * overall) / (n + shrink_) : overall);
    m.evidence += w * n;
  }
  return m;
}

GroupTable::Mean GroupTable::quality(const Observed& past, std::size_t model,
                                     std::span<const float> share, std::uint32_t excluded) const {
  return mean(past.models()[model].quality, sums_[model].quality, share, excluded);
}

PastCalls GroupTable::calls(const Observed& past, std::size_t model, std::span<const float> share,
                            std::uint32_t excluded) const {
  const ObservedModel& m = past.models()[model];
  const ModelSums& s = sums_[model];
  return {mean(m.tokens_out, s.tokens_out, share, excluded).value,
          mean(m.cost_usd, s.cost_usd, share, excluded).value,
          mean(m.latency_s, s.latency_s, share, excluded).value};
}

}  // namespace swy::route
