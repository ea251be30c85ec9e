// Rules: deferral.h. Why they are right: with losses 1 - max q of the draft, 1 - max p of the
// strong model and alpha for every rejected draft (rejected with probability TV(p, q) when drafts
// are verified by sampling), deferring costs 1 - max p + alpha TV and keeping 1 - max q: kOpt is
// the lesser. kDiff is kOpt with rejections at one price, kChow knows nothing of p. The target of a
// rule of tokens is pi(v) = q(v) (1 - r(v)) + p(v) sum r q; the share of drafts that sampling keeps
// is 1 - TV(q, pi). Cost: linear in the vocabulary. Loses where max q and max p are not comparable:
// two models that are not calibrated alike. Paper: speculative cascades (arXiv 2405.19261; read as
// quoted in request-routing.md 5.12, the rules of tokens from general knowledge of it). No
// deviation in the rules. Test: deferral_test.cc.
#include "math/deferral.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace swy::math {
namespace {

constexpr double kEqual = 1e-12;  // sums of shares differ from their values by rounding

double most(std::span<const double> p) {
  return p.empty() ? 0 : *std::max_element(p.begin(), p.end());
}

bool of_token(DeferralRule rule) {
  return rule != DeferralRule::kChow && rule != DeferralRule::kDiff && rule != DeferralRule::kOpt;
}

}  // namespace

std::optional<DeferralRule> deferral_rule(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, DeferralRule>, 6> kRules = {
      {{"chow", DeferralRule::kChow},
       {"diff", DeferralRule::kDiff},
       {"opt", DeferralRule::kOpt},
       {"token_v1", DeferralRule::kTokenV1},
       {"token_v2", DeferralRule::kTokenV2},
       {"token_v3", DeferralRule::kTokenV3}}};
  for (const auto& [known, rule] : kRules) {
    if (known == name) return rule;
  }
  return std::nullopt;
}

double total_variation(std::span<const double> p, std::span<const double> q) {
  SWY_ASSERT(p.size() == q.size());
  double sum = 0, rest = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    sum += std::abs(p[i] - q[i]);
    rest += q[i] - p[i];
  }
  return (sum + std::abs(rest)) / 2;
}

bool defers(DeferralRule rule, double alpha, std::span<const double> q, std::span<const double> p,
            std::size_t v) {
  switch (rule) {
    case DeferralRule::kChow:
      return most(q) < 1 - alpha - kEqual;
    case DeferralRule::kDiff:
      return most(q) < most(p) - alpha - kEqual;
    case DeferralRule::kOpt:
      return most(q) < most(p) - alpha * total_variation(p, q) - kEqual;
    case DeferralRule::kTokenV1:
      return q[v] < most(p) - alpha - kEqual;
    case DeferralRule::kTokenV2:
      return p[v] < most(p) - alpha - kEqual;
    case DeferralRule::kTokenV3:
      return p[v] < (1 - alpha) * most(p) - kEqual;
  }
  return true;
}

bool may_defer(DeferralRule rule, double alpha, std::span<const double> q, std::size_t v,
               double most_p) {
  switch (rule) {
    case DeferralRule::kChow:
      return most(q) < 1 - alpha - kEqual;
    case DeferralRule::kDiff:
      return most(q) < most_p - alpha - kEqual;
    case DeferralRule::kTokenV1:
      return q[v] < most_p - alpha - kEqual;
    case DeferralRule::kOpt:
      // With alpha >= 1 the distance costs what it gains: only another entry's lead can defer, and
      // p - alpha (p - q) of an entry with q <= 1 - max q is at most 1 - max q there.
      return most(q) < (alpha < 1 ? most_p : std::min(most_p, 0.5)) - kEqual;
    case DeferralRule::kTokenV2:
    case DeferralRule::kTokenV3:
      return alpha < 1;
  }
  return true;
}

void deferred_target(DeferralRule rule, double alpha, std::span<const double> q,
                     std::span<const double> p, std::span<double> out) {
  SWY_ASSERT(q.size() == p.size() && out.size() == p.size());
  if (!of_token(rule)) {
    const std::span<const double> from = defers(rule, alpha, q, p, 0) ? p : q;
    std::copy(from.begin(), from.end(), out.begin());
    return;
  }
  double refused = 0;
  for (std::size_t v = 0; v < q.size(); ++v) {
    const bool stands = !defers(rule, alpha, q, p, v);
    out[v] = stands ? q[v] : 0;
    refused += stands ? 0 : q[v];
  }
  for (std::size_t v = 0; v < q.size(); ++v) out[v] += refused * p[v];
}

}  // namespace swy::math
