// OpenMoE's analyses (2402.01739) and the agreement of two runs.
//   context independence = sum over token ids of their majority expert's choices / all choices;
//     chance is k / E, near 1 means that the router looks tokens up.
//   drops by position: under a capacity filled in order of arrival the end of a sequence suffers.
//   agreement: mean Jaccard of the chosen sets, share of equal first choices, churn.
// Cost: one pass. Test: metrics/consistency_test.cc.
#include <algorithm>

#include "moe/routing_metrics.h"

namespace swy::moe {
namespace {

bool holds(std::span<const std::int32_t> row, std::int32_t e) {
  return std::find(row.begin(), row.end(), e) != row.end();
}

double live(std::span<const std::int32_t> row) {
  return static_cast<double>(
      std::count_if(row.begin(), row.end(), [](std::int32_t e) { return e >= 0; }));
}

}  // namespace

Checked<double> context_independence(Rows<const std::uint32_t> counts) {
  const auto args = Arguments().table(counts, "counts");
  if (!args.ok()) return args.status();
  double most = 0;
  double all = 0;
  for (std::size_t id = 0; id < counts.rows; ++id) {
    std::uint32_t best = 0;
    for (const std::uint32_t c : counts.row(id)) {
      best = std::max(best, c);
      all += c;
    }
    most += best;
  }
  return all > 0 ? most / all : 0;
}

Status drops_by_position(Rows<const std::int32_t> before, Rows<const std::int32_t> after,
                         std::span<const std::uint32_t> begin, std::span<std::uint64_t> demanded,
                         std::span<std::uint64_t> dropped) {
  Arguments args;
  args.table(before, "before")
      .table(after, before.rows, before.cols, "after")
      .begins(begin, before.rows, "begin");
  args.span(demanded.size(), 1, "demanded").same(dropped.size(), demanded.size(), "dropped");
  if (!args.ok()) return args.status();
  for (std::size_t s = 0; s + 1 < begin.size(); ++s) {
    const std::size_t size = begin[s + 1] - begin[s];
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t bucket = i * demanded.size() / size;
      for (std::size_t c = 0; c < before.cols; ++c) {
        if (before.at(begin[s] + i, c) < 0) continue;
        ++demanded[bucket];
        dropped[bucket] += after.at(begin[s] + i, c) < 0 ? 1U : 0U;
      }
    }
  }
  return {};
}

Checked<RoutingAgreement> routing_agreement(Rows<const std::int32_t> a,
                                            Rows<const std::int32_t> b) {
  const auto args =
      Arguments().table(a, "a").experts(a, "a").table(b, a.rows, b.cols, "b").experts(b, "b");
  if (!args.ok()) return args.status();
  RoutingAgreement out;
  double choices = 0;
  double lost = 0;
  for (std::size_t t = 0; t < a.rows; ++t) {
    double both = 0;
    for (const std::int32_t e : a.row(t)) both += e >= 0 && holds(b.row(t), e) ? 1 : 0;
    const double either = live(a.row(t)) + live(b.row(t)) - both;
    out.jaccard += either > 0 ? both / either : 1;
    out.first += a.at(t, 0) == b.at(t, 0) ? 1 : 0;
    choices += live(a.row(t));
    lost += live(a.row(t)) - both;
  }
  if (a.rows > 0) {
    out.jaccard /= static_cast<double>(a.rows);
    out.first /= static_cast<double>(a.rows);
  }
  out.churn = choices > 0 ? lost / choices : 0;
  return out;
}

}  // namespace swy::moe
