#include "eval/off_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace swy::eval {
namespace {

constexpr double kSigmas = 1.959964;  // of a 95 % interval
constexpr std::size_t kLeastScored = 30;
constexpr double kLeastEffective = 20;
constexpr double kLeastShare = 0.01;

Estimate around(double value, double standard_error) {
  return {value, value - kSigmas * standard_error, value + kSigmas * standard_error};
}

Estimate mean_of(std::span<const double> terms) {
  const auto n = static_cast<double>(terms.size());
  double sum = 0;
  for (const double t : terms) sum += t;
  const double mean = sum / n;
  double squares = 0;
  for (const double t : terms) squares += (t - mean) * (t - mean);
  return around(mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0);
}

std::string why_not(const OffPolicy& o) {
  if (o.scored < kLeastScored)
    return fmt::format("{} scored requests, at least {} are needed", o.scored, kLeastScored);
  const double least = std::max(kLeastEffective, kLeastShare * static_cast<double>(o.scored));
  if (o.effective >= least) return "";
  return fmt::format(
      "too little overlap: the {} scored requests are worth {:.1f} under this configuration, at "
      "least {:.0f} are needed; explore (policy epsilon) or collect more",
      o.scored, o.effective, least);
}

}  // namespace

OffPolicy off_policy(std::span<const Scored> all) {
  OffPolicy o;
  o.scored = all.size();
  double weights = 0;
  double squares = 0;
  double gained = 0;
  double logged = 0;
  std::vector<double> ips;
  std::vector<double> dr;
  for (const Scored& s : all) {
    weights += s.weight;
    squares += s.weight * s.weight;
    gained += s.weight * s.reward;
    logged += s.reward;
    ips.push_back(s.weight * s.reward);
    if (!std::isnan(s.expected) && !std::isnan(s.believed))
      dr.push_back(s.expected + s.weight * (s.reward - s.believed));
  }
  o.modelled = dr.size();
  o.effective = squares > 0 ? weights * weights / squares : 0;
  o.refused = why_not(o);
  if (all.empty()) return o;
  o.logged = logged / static_cast<double>(all.size());
  o.ips = mean_of(ips);
  if (weights > 0) {
    const double value = gained / weights;
    double spread = 0;
    for (const Scored& s : all) {
      const double d = s.weight * (s.reward - value);
      spread += d * d;
    }
    o.snips = around(value, std::sqrt(spread) / weights);
  }
  if (dr.size() == all.size()) o.dr = mean_of(dr);
  return o;
}

}  // namespace swy::eval
