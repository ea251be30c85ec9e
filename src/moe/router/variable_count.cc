// Variable numbers of experts.
//   UniMoE-Audio (2510.13344, from its code): count = 1 + #{cumsum < P}; weights by SparseMixer,
//     / (sum + 1e-6), times D = mass of the picked in one softmax with the shared experts. Dynamic
//     and shared weights sum to 1 (to 1e-6). With limits: ceil(T / E * factor), at least 8, dropped
//     by probability, by logits or by position, and normalised again before the shared softmax.
//   DynaMoE (2603.01697; abstract and second hand: variant of): experts above a percentile of the
//     gate's values, between 1 and a limit that follows a schedule over layers. A percentile of one
//     token's own distinct values yields the same count for every token (top-k in disguise), hence
//     RunningQuantile. The sixth schedule is not named in what could be read; kValley is ours.
//   DynMoLE (2504.00661; constants from a third-party port: variant of): H_q > limit -> all
//   experts.
//     The limit depends on their number (the maximum grows), hence `relative`.
//   MAGNET (2602.20723; abstract: variant of): weights and criterion were not found; the trigger is
//     the implementable form.
// Cost: E compares for every expert used, no scratch. Loses: a router may flatten to
// win more experts (add mean_entropy()). Test: router/variable_count_test.cc.
#include "moe/variable_count.h"

#include <algorithm>
#include <cmath>

#include "moe/gradient.h"
#include "moe/router_loss.h"

namespace swy::moe {
namespace {

constexpr double kTiny = 1e-6;  // the source's addend to sums of weights

// 1 + #{cumulative sums, largest first, below mass}, at most all.
std::size_t reach_count(std::span<const double> p, double mass) {
  double sum = 0;
  std::size_t count = 0;
  for (std::ptrdiff_t at = next_largest(p, -1); at >= 0; at = next_largest(p, at)) {
    ++count;
    sum += p[static_cast<std::size_t>(at)];
    if (!(sum < mass)) break;
  }
  return count;
}

}  // namespace

Checked<std::size_t> unimoe_pick(std::span<const double> dynamic, double mass, double eps,
                                 std::span<double> scratch, std::span<std::int32_t> chosen,
                                 std::span<double> weight) {
  const std::size_t n = dynamic.size();
  const auto args = Arguments()
                        .that(n > 0, Code::kBadShape, "logits.dynamic")
                        .span(scratch.size(), n, "scratch")
                        .same(weight.size(), n, "out.dynamic");
  if (!args.ok()) return args.status();
  const auto p = scratch.first(n);
  softmax(dynamic, p);
  std::size_t count = reach_count(p, mass);
  if (chosen.size() < count) return Status{Code::kTooShort, "chosen"};
  std::fill(weight.begin(), weight.end(), 0.0);
  double sum = kTiny;
  for (std::size_t i = 0; i < count; ++i) {
    const SparseMixerPick pick = sparsemixer_pick(dynamic, chosen.first(i), eps, nullptr, p);
    if (pick.expert < 0) {
      count = i;  // what is left is masked
      break;
    }
    chosen[i] = pick.expert;
    weight[static_cast<std::size_t>(pick.expert)] = pick.weight();
    sum += pick.weight();
  }
  for (double& w : weight) w /= sum;
  return count;
}

namespace {

// Rows that lost something hold a minus zero there.
void renormalise_if_lost(std::span<double> row) {
  double sum = kTiny;
  bool lost = false;
  for (double& w : row) {
    lost = lost || std::signbit(w);
    w = w > 0 ? w : 0.0;
    sum += w;
  }
  for (double& w : row) w = lost ? w / sum : w;
}

}  // namespace

Checked<std::size_t> unimoe_drop(Rows<double> weight, Rows<const double> rank, std::size_t capacity,
                                 std::span<std::uint32_t> scratch) {
  Arguments args;
  args.table(weight, "weight")
      .optional(rank, weight.rows, weight.cols, "rank")
      .span(scratch.size(), weight.rows, "scratch");
  args.that(weight.rows <= UINT32_MAX, Code::kBadShape, "weight");
  if (!args.ok()) return args.status();
  std::size_t dropped = 0;
  for (std::size_t j = 0; j < weight.cols; ++j) {
    std::size_t takers = 0;
    for (std::size_t t = 0; t < weight.rows; ++t)
      if (weight.at(t, j) > 0) scratch[takers++] = static_cast<std::uint32_t>(t);
    if (takers <= capacity) continue;
    const auto all = scratch.first(takers);
    // NaN counts as the least, so that the order is one.
    const auto value = [&](std::uint32_t t) {
      const double v = rank.at(t, j);
      return std::isnan(v) ? -std::numeric_limits<double>::infinity() : v;
    };
    if (rank.wanted())
      std::sort(all.begin(), all.end(), [&](std::uint32_t a, std::uint32_t b) {
        return value(a) > value(b) || (value(a) == value(b) && a < b);
      });
    // A minus marks the row as one that lost something.
    for (const std::uint32_t t : all.subspan(capacity)) weight.at(t, j) = -0.0;
    dropped += takers - capacity;
  }
  for (std::size_t t = 0; t < weight.rows; ++t) renormalise_if_lost(weight.row(t));
  return dropped;
}

Status unimoe_share(const UniMoeScores& logits, const UniMoeWeights& out) {
  const std::size_t n = logits.dynamic.size();
  const auto args = Arguments()
                        .same(out.dynamic.size(), n, "out.dynamic")
                        .same(out.shared.size(), logits.shared.size(), "out.shared");
  if (!args.ok()) return args.status();
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < n; ++j)
    if (out.dynamic[j] > 0) most = std::max(most, logits.dynamic[j]);
  for (const double z : logits.shared) most = std::max(most, z);
  double picked = 0;
  double total = 0;
  for (std::size_t j = 0; j < n; ++j)
    if (out.dynamic[j] > 0) picked += std::exp(logits.dynamic[j] - most);
  for (const double z : logits.shared) total += std::exp(z - most);
  total += picked;
  const bool any = total > 0;  // else there is nothing to choose from
  for (double& w : out.dynamic) w = any ? w * picked / total : 0.0;
  for (std::size_t j = 0; j < out.shared.size(); ++j)
    out.shared[j] = any ? std::exp(logits.shared[j] - most) / total : 0.0;
  return {};
}

Checked<std::size_t> unimoe_weights(const UniMoeScores& logits, double mass, double eps,
                                    std::span<double> scratch, std::span<std::int32_t> chosen,
                                    const UniMoeWeights& out) {
  if (out.shared.size() != logits.shared.size())
    return Arguments().same(out.shared.size(), logits.shared.size(), "out.shared").status();
  const auto count = unimoe_pick(logits.dynamic, mass, eps, scratch, chosen, out.dynamic);
  if (!count.ok()) return count;
  if (const Status s = unimoe_share(logits, out); !s.ok()) return s;
  return count;
}

Checked<double> percentile(std::span<double> v, double share) {
  Arguments args;
  args.span(v.size(), 1, "v").that(share >= 0 && share <= 1, Code::kBadSpec, "share");
  for (const double x : v) args.that(!std::isnan(x), Code::kBadShape, "v");  // has no order
  if (!args.ok()) return args.status();
  const double at = static_cast<double>(v.size() - 1) * share;
  const auto low = static_cast<std::size_t>(at);
  const auto nth = v.begin() + static_cast<std::ptrdiff_t>(low);
  std::nth_element(v.begin(), nth, v.end());
  const double here = *nth;
  if (low + 1 == v.size()) return here;
  const double next = *std::min_element(nth + 1, v.end());
  return here + (at - static_cast<double>(low)) * (next - here);
}

Checked<std::uint32_t> layer_limit(LayerSchedule schedule, std::uint32_t layer,
                                   std::uint32_t layers, std::uint32_t kmin, std::uint32_t kmax) {
  const auto args = Arguments()
                        .that(layer < layers, Code::kBadShape, "layer")
                        .that(kmin <= kmax, Code::kBadSpec, "kmin");
  if (!args.ok()) return args.status();
  const double at = layers > 1 ? static_cast<double>(layer) / (layers - 1) : 0.0;
  double share = 1;
  switch (schedule) {
    case LayerSchedule::kUniform:
      break;
    case LayerSchedule::kDescending:
      share = 1 - at;
      break;
    case LayerSchedule::kAscending:
      share = at;
      break;
    case LayerSchedule::kPyramid:
      share = 1 - std::fabs(2 * at - 1);
      break;
    case LayerSchedule::kValley:
      share = std::fabs(2 * at - 1);
      break;
    case LayerSchedule::kWave:
      share = 0.5 + 0.5 * std::cos(6.283185307179586 * at * 2);  // two waves over the depth
      break;
  }
  return kmin + static_cast<std::uint32_t>(std::lround(share * (kmax - kmin)));
}

Checked<std::size_t> dynmole_weights(std::span<const double> p, const DynMole& rule,
                                     std::span<double> weight) {
  const auto args = Arguments().same(weight.size(), p.size(), "weight");
  if (!args.ok()) return args.status();
  const double limit = rule.relative ? rule.limit * most_entropy(p.size(), rule.q) : rule.limit;
  if (entropy(p, rule.q) > limit) {
    std::copy(p.begin(), p.end(), weight.begin());
    return p.size();
  }
  double sum = 0;
  std::size_t count = 0;
  std::fill(weight.begin(), weight.end(), 0.0);
  std::ptrdiff_t at = next_largest(p, -1);
  for (; at >= 0 && (sum <= rule.mass || count < rule.k); ++count, at = next_largest(p, at))
    sum += weight[static_cast<std::size_t>(at)] = p[static_cast<std::size_t>(at)];
  for (double& w : weight) w = sum > 0 ? w / sum : 0.0;
  return count;
}

Checked<bool> Magnet::see(std::span<const double> mean_p) {
  if (mean_p.size() < 2) return Status{Code::kTooShort, "mean_p"};
  const bool covered = entropy(mean_p) >= cover * most_entropy(mean_p.size());
  seen = covered ? seen + 1 : 0;
  specialise = specialise || seen >= steps;
  return specialise;
}

}  // namespace swy::moe
