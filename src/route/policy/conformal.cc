// conformal: the cheapest candidate that is trusted on this prompt; trusted means that, as often as
// asked, such a belief was right on past prompts.
//
// Formula: per model, scores 1 - p(true label) on past prompts, where the label is pass (observed
// quality >= pass, p = believed quality) or fail (p = 1 - quality). Q = the ceil((n+1)(1-alpha))-th
// smallest of n scores, infinite when there is no such one. On a new prompt the prediction set
// holds pass when 1 - q <= Q and fail when q <= Q; it holds the true label with probability at
// least 1 - alpha. A candidate whose set is {pass} is trusted; the cheapest trusted one is chosen,
// and when none is the one of the highest quality (CP-Router, arXiv 2505.19970, for a small and a
// large model; request-routing.md 5.12). Right for any estimator, however badly calibrated, as long
// as past and new prompts are exchangeable. Cost: O(candidates); calibration asks the estimator for
// at most 2,000 prompts. Loses under drift, and where the promise is cheap: of a model that passes
// 95 % of everything, alpha = 0.1 trusts all. It bounds the share of wrong sets, not of wrong
// choices. Unknown quality is never trusted. Propensity: 1. Deviations: one quantile per model
// instead of one for the small model; labels pass and fail instead of answer options. Tests:
// conformal_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "route/policy/past_prompts.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kMicroPerCent = 1e4;

struct Options {
  double alpha = 0.1;
  double pass = 0.5;
  std::vector<std::string> calibrate;
  double quantile = kUnknownNumber;

  void bind(base::OptionBinder& binder) {
    binder.field("alpha", alpha, {.min = 0.001, .max = 0.999},
                 "how often the set of labels may miss the true one");
    binder.field("pass", pass, {.min = 0, .max = 1},
                 "observed quality from which an answer passes");
    binder.field("calibrate", calibrate, "outcome tables whose prompts stand for the traffic");
    binder.field("quantile", quantile, {.min = 0},
                 "the quantile of all models, when it is known: calibrate is then not read");
  }
};

class Conformal final : public Policy {
 public:
  // quantile: by ExpertId.
  explicit Conformal(std::vector<double> quantile) : quantile_(std::move(quantile)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      const double cost = beliefs[i].cost_micro;
      const double cheap = std::isnan(cost) ? 0 : 1 / (1 + cost / kMicroPerCent);
      out.score[i] = trusted(q, i, beliefs[i]) ? 2 + cheap : beliefs[i].quality;
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(trusted(q, best, beliefs[best]) ? " is the cheapest that is trusted: quality "
                                                   : " is the best, none is trusted: quality ");
    out.why.append_number(beliefs[best].quality);
    out.why.append(", quantile ");
    out.why.append_number(quantile_[q.candidates[best]]);
  }

 private:
  [[nodiscard]] bool trusted(const Question& q, std::size_t i, const Belief& b) const {
    const double bar = quantile_[q.candidates[i]];
    return 1 - b.quality <= bar && b.quality > bar;  // false for NaN
  }
  std::vector<double> quantile_;
};

// REQUIRES: any order of scores.
double quantile_of(std::vector<double> scores, double alpha) {
  const auto n = static_cast<double>(scores.size());
  // The small step keeps 5 * 0.8 = 4.000000000000001 a four.
  const double k = std::ceil((n + 1) * (1 - alpha) - 1e-9);
  if (k > n) return std::numeric_limits<double>::infinity();
  const auto at = static_cast<std::ptrdiff_t>(std::max(k, 1.0)) - 1;
  std::nth_element(scores.begin(), scores.begin() + at, scores.end());
  return scores[static_cast<std::size_t>(at)];
}

// False after an error was reported.
bool calibrate(const Options& o, std::vector<double>& quantile, base::Mark mark,
               BuildContext& ctx) {
  if (o.calibrate.empty()) {
    ctx.diag().error(mark, "conformal: give calibrate: [outcome tables], or quantile: NUMBER");
    return false;
  }
  const auto past = ask_past(o.calibrate, mark, ctx);
  if (!past) return false;
  for (std::size_t c = 0; c < past->candidates; ++c) {
    std::vector<double> scores;
    for (std::size_t i = 0; i < past->prompts; ++i) {
      const double believed = past->belief(i, c).quality;
      const auto seen = static_cast<double>(past->quality[i * past->candidates + c]);
      if (std::isnan(believed) || std::isnan(seen)) continue;
      scores.push_back(seen >= o.pass ? 1 - believed : believed);
    }
    const ExpertId id = ctx.candidates()[c];
    const std::size_t n = scores.size();
    quantile[id] = quantile_of(std::move(scores), o.alpha);
    const std::string& name = ctx.catalogue()[id].name;
    if (std::isinf(quantile[id])) {
      ctx.diag().note(mark,
                      fmt::format("conformal: {} is never trusted: {} outcomes are too few for "
                                  "alpha {:.3g}",
                                  name, n, o.alpha));
    } else {
      ctx.diag().note(
          mark, fmt::format("conformal: {} is trusted from quality {:.4f} on ({} outcomes)", name,
                            std::max(quantile[id], 1 - quantile[id]), n));
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<Policy> make_conformal(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  std::vector<double> quantile(ctx.catalogue().size(), options.quantile);
  if (std::isnan(options.quantile) && !calibrate(options, quantile, node.mark(), ctx))
    return nullptr;
  return std::make_unique<Conformal>(std::move(quantile));
}

}  // namespace swy::route
