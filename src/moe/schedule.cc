// Small tables that assignments start from: experts per diffusion step, balanced hash tables.
//
// scheduled_k: round_half_even(kmin + (kmax - kmin) f(r)), clamped; f linear r, cosine
// (1 - cos pi r) / 2, bell 1 - 4 (r - 1/2)^2, gauss with sigma 0.22 rescaled to 0 at both ends; the
// reversed forms are 1 - f. Source: arXiv 2604.01622 (code of EC-DLM).
// balanced_hash: longest processing time first. Source: arXiv 2106.04426, from memory.
// Test: golden_test.cc (H_dynk, D_balhash).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "switchyard/moe.h"

namespace swy::moe {
namespace {

double gauss(double r) {
  constexpr double kSigma = 0.22;
  const double ends = std::exp(-0.25 / (2 * kSigma * kSigma));
  const double f = std::exp(-(r - 0.5) * (r - 0.5) / (2 * kSigma * kSigma));
  return std::clamp((f - ends) / (1 - ends), 0.0, 1.0);
}

double share_at(Schedule schedule, double r) {
  switch (schedule) {
    case Schedule::kLinear:
      return r;
    case Schedule::kLinearReverse:
      return 1 - r;
    case Schedule::kCosine:
      return 0.5 * (1 - std::cos(std::numbers::pi * r));
    case Schedule::kCosineReverse:
      return 0.5 * (1 + std::cos(std::numbers::pi * r));
    case Schedule::kBell:
      return 1 - 4 * (r - 0.5) * (r - 0.5);
    case Schedule::kGauss:
      return gauss(r);
    case Schedule::kGaussReverse:
      return 1 - gauss(r);
  }
  return r;
}

}  // namespace

std::uint32_t scheduled_k(Schedule schedule, double r, std::uint32_t kmin,
                          std::uint32_t kmax) noexcept {
  if (kmax <= kmin) return kmin;
  const double f = share_at(schedule, std::isnan(r) ? 0.0 : std::clamp(r, 0.0, 1.0));
  const double k = std::nearbyint(kmin + f * (static_cast<double>(kmax) - kmin));
  return static_cast<std::uint32_t>(std::clamp<double>(k, kmin, kmax));
}

Status balanced_hash(std::span<const std::uint64_t> freq, std::span<std::int32_t> table,
                     std::span<std::uint64_t> load, std::span<std::uint32_t> order) noexcept {
  const std::size_t n = freq.size();
  if (n > UINT32_MAX) return {Code::kBadShape, "freq"};
  if (table.size() < n) return {Code::kTooShort, "table"};
  if (order.size() < n) return {Code::kTooShort, "order"};
  if (load.empty() || load.size() > INT32_MAX) return {Code::kBadShape, "load"};
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(i);
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n),
            [&](std::uint32_t a, std::uint32_t b) {
              return freq[a] > freq[b] || (freq[a] == freq[b] && a < b);
            });
  std::fill(load.begin(), load.end(), 0U);
  for (std::size_t i = 0; i < n; ++i) {
    const auto lightest = std::min_element(load.begin(), load.end());
    *lightest += freq[order[i]];
    table[order[i]] = static_cast<std::int32_t>(lightest - load.begin());
  }
  return {};
}

}  // namespace swy::moe
