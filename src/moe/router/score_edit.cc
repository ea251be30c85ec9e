// Mixing, steering, forcing and the instance gates.
//   Graph of tokens (2505.00792; method from memory and the abstract: variant of): r' = S r, S
//     row-stochastic; S = I changes nothing; rows of r' stay in the convex hull. + T^2 E products.
//   Steering (2510.04694): z_j += lambda sd(z) on an allow-set (soft), max + N(0, 1e-6) (hard);
//   only
//     in middle layers. Experts outside keep their relative order; lambda = 0 changes nothing.
//   Post-MoE (2410.10626): the sample's language expert replaces the last of the k in training.
//   ES-MoE (2512.23273) and MST-Distill (2507.07015): one choice per image or instance.
// Deviation: hard steering's noise is positive and grows with |max|, so that it survives rounding
// and an allowed expert always comes before the best forbidden one. Cost: E a token except mixing.
// Loses: mixing needs the sequence (causal shares for decoders). Test: router/score_edit_test.cc.
#include "moe/score_edit.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

bool allows(std::span<const std::uint64_t> allowed, std::size_t j) {
  return j / 64 < allowed.size() && (allowed[j / 64] >> (j % 64U) & 1U) != 0;
}

}  // namespace

Status mix_scores(Rows<const float> share, Rows<const float> score, Rows<float> out) {
  const auto args = Arguments()
                        .table(score, "score")
                        .table(share, share.rows, score.rows, "share")
                        .table(out, share.rows, score.cols, "out");
  if (!args.ok()) return args.status();
  for (std::size_t i = 0; i < out.rows; ++i)
    for (std::size_t e = 0; e < out.cols; ++e) {
      double sum = 0;
      for (std::size_t j = 0; j < score.rows; ++j)
        sum += static_cast<double>(share.at(i, j)) * static_cast<double>(score.at(j, e));
      out.at(i, e) = static_cast<float>(sum);
    }
  return {};
}

Status similarity_share(Rows<const float> x, double temperature, bool causal, Rows<float> share) {
  const auto args = Arguments().table(x, "x").table(share, x.rows, x.rows, "share");
  if (!args.ok()) return args.status();
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.rows; ++j)
      share.at(i, j) = causal && j > i ? -std::numeric_limits<float>::infinity()
                                       : static_cast<float>(inner(x.row(i), x.row(j)));
    softmax(share.row(i), share.row(i), temperature);
  }
  return {};
}

Status steer_softly(std::span<const std::uint64_t> allowed, double lambda, std::span<float> z) {
  const auto args = Arguments().span(allowed.size(), (z.size() + 63) / 64, "allowed");
  if (!args.ok()) return args.status();
  if (z.size() < 2) return {};
  double mean = 0;
  for (const float v : z) mean += static_cast<double>(v) / static_cast<double>(z.size());
  double squares = 0;
  for (const float v : z)
    squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  const double by = lambda * std::sqrt(squares / static_cast<double>(z.size() - 1));
  for (std::size_t j = 0; j < z.size(); ++j)
    if (allows(allowed, j)) z[j] = static_cast<float>(static_cast<double>(z[j]) + by);
  return {};
}

Status steer_hard(std::span<const std::uint64_t> allowed, base::Rng& rng, std::span<float> z) {
  const auto args = Arguments().span(allowed.size(), (z.size() + 63) / 64, "allowed");
  if (!args.ok()) return args.status();
  if (z.empty()) return {};
  const float most = z[best_of(z)];
  // The noise must survive rounding to float: of the size of max(z), not below.
  const double size = 1e-6 * std::max(1.0, std::fabs(static_cast<double>(most)));
  for (std::size_t j = 0; j < z.size(); ++j)
    if (allows(allowed, j))
      z[j] = static_cast<float>(static_cast<double>(most) + size * (1 + std::fabs(normal(rng))));
  return {};
}

Status force_expert(std::span<const double> p, std::int32_t forced, bool renormalise,
                    std::span<std::int32_t> chosen, std::span<double> weight) {
  Arguments args;
  args.span(chosen.size(), 1, "chosen").same(weight.size(), chosen.size(), "weight");
  args.that(forced >= 0, Code::kBadShape, "forced").ids({&forced, 1}, p.size(), "forced");
  for (const std::int32_t e : chosen) args.that(e >= 0, Code::kBadShape, "chosen");
  args.ids(chosen, p.size(), "chosen");
  if (!args.ok()) return args.status();
  if (std::find(chosen.begin(), chosen.end(), forced) == chosen.end()) chosen.back() = forced;
  double sum = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    sum += weight[i] = p[static_cast<std::size_t>(chosen[i])];
  for (double& w : weight) w = renormalise && sum > 0 ? w / sum : w;
  return {};
}

Status es_moe_route(std::span<const double> logits, const EsMoe& rule, base::Rng* training,
                    std::span<double> scratch, std::span<std::int32_t> chosen,
                    std::span<double> weight) {
  constexpr double kMost = 30;
  constexpr double kTiny = 1e-6;
  const auto args = Arguments()
                        .that(!logits.empty(), Code::kBadShape, "logits")
                        .span(scratch.size(), logits.size(), "scratch")
                        .same(weight.size(), chosen.size(), "weight");
  if (!args.ok()) return args.status();
  const auto z = scratch.first(logits.size());
  for (std::size_t j = 0; j < z.size(); ++j) {
    z[j] = std::clamp(logits[j], -kMost, kMost) / rule.temperature;
    if (training != nullptr) z[j] += rule.noise * normal(*training);
  }
  softmax(z, z);
  const std::size_t found = largest(z, chosen);
  double sum = training != nullptr ? kTiny : 0;
  for (std::size_t i = 0; i < found; ++i) sum += z[static_cast<std::size_t>(chosen[i])];
  for (std::size_t i = 0; i < chosen.size(); ++i)
    weight[i] = i < found ? z[static_cast<std::size_t>(chosen[i])] / sum : 0.0;
  return {};
}

Checked<double> distill_gate(std::span<const double> logits, std::span<const double> teacher_loss,
                             std::span<std::int32_t> chosen) {
  const auto args = Arguments().same(teacher_loss.size(), logits.size(), "teacher_loss");
  if (!args.ok()) return args.status();
  const std::size_t found = largest(logits, chosen);
  double sum = 0;
  for (std::size_t i = 0; i < found; ++i) sum += teacher_loss[static_cast<std::size_t>(chosen[i])];
  return found > 0 ? sum / static_cast<double>(found) : 0;
}

}  // namespace swy::moe
