// budget: the best quality that a mean budget can buy.
//
// Formula: argmax q + optimism * sd - price * c, with the price found on past prompts so that the
// mean expected cost is the budget. At that price two policies tie: one costs less than the budget
// and one more; where they differ the dearer choice is taken with probability
// (B - low) / (high - low) (request-routing.md 3.7: the optimum of the linear relaxation;
// moe-assignment.md section 1: the bound is the Lagrangian at that price). `optimism` makes it a
// bandit under a budget (5.10). Choices go by expected costs, the budget by the costs that are
// recorded of those choices: the price is the one at which the latter meet it. With `price` the
// past is not needed. `quality` in place of `budget`: the least cost for a mean quality, as
// recorded of the choices, found the same way; this is OmniRouter's dual (5.11: argmin c - lambda
// q, lambda one over the price) request by request, without its bounds on concurrency, which
// math/batch_choice.h has for batches. `cap` bounds the expected cost of a single request besides.
// Cost: O(candidates), no allocation; calibration asks the estimator for at most 2,000 prompts
// while the configuration is read. Loses when traffic drifts: the budget is met on traffic like the
// prompts of `calibrate`, and nothing watches what is really spent. Unknown quality or cost: no
// candidate, while another has both; when none has, the best known quality. Nobody below the cap:
// the cheapest (the guard price_cap refuses instead). Propensity: mix, 1 - mix or 1. Deviations:
// none. Tests: budget_test.cc, dual_price_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "math/dual_price.h"
#include "route/policy/past_prompts.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kMicro = 1e6;

struct Options {
  double budget = kUnknownNumber;
  double quality = kUnknownNumber;
  std::vector<std::string> calibrate;
  double price = kUnknownNumber;
  double mix = 1;
  double cap = kUnknownNumber;
  double optimism = 0;

  void bind(base::OptionBinder& binder) {
    binder.field("budget", budget, {.min = 0, .max = 1e6},
                 "USD that a request may cost on average, on prompts like those of calibrate");
    binder.field("quality", quality, {.min = 0, .max = 1},
                 "in place of budget: the mean quality to reach at least cost");
    binder.field("calibrate", calibrate, "outcome tables whose prompts stand for the traffic");
    binder.field("price", price, {.min = 0}, "quality that one USD is worth, when it is known");
    binder.field("mix", mix, {.min = 0, .max = 1},
                 "with price: probability of the dearer of candidates that tie");
    binder.field("cap", cap, {.min = 0, .max = 1e6},
                 "USD that a single request may be expected to cost");
    binder.field("optimism", optimism, {.min = 0, .max = 100},
                 "standard deviations added to the expected quality, to try what is little known");
  }
};

class Budget final : public Policy {
 public:
  Budget(double price_per_micro, const Options& o)
      : price_(price_per_micro),
        mix_(o.mix),
        cap_(std::isnan(o.cap) ? std::numeric_limits<double>::infinity() : o.cap * kMicro),
        optimism_(o.optimism) {}

  // The worth of a belief before its price; NaN when it is no option.
  static double worth(const Belief& b, double optimism, double cap) {
    if (std::isnan(b.cost_micro) || b.cost_micro > cap) return kUnknownNumber;
    return b.quality + (optimism > 0 ? optimism * doubt_of(b).sd : 0.0);
  }

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    thread_local std::vector<double> value;  // working memory, nothing is remembered in it
    thread_local std::vector<double> cost;
    value.assign(beliefs.size(), kUnknownNumber);
    cost.assign(beliefs.size(), kUnknownNumber);
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      value[i] = worth(beliefs[i], optimism_, cap_);
      cost[i] = beliefs[i].cost_micro;
      out.score[i] = std::isinf(price_) ? -cost[i] : value[i] - price_ * cost[i];
      if (std::isnan(value[i])) out.score[i] = kUnknownNumber;
    }
    const std::size_t low = math::best_at(value, cost, price_, math::Side::kCheaper);
    if (low == math::kNoOption) return choose_anyway(q, beliefs, out);
    const std::size_t high = math::best_at(value, cost, price_, math::Side::kDearer);
    const std::size_t a = same_but_first(q, value, cost, low);
    const std::size_t b = same_but_first(q, value, cost, high);
    out.probability[a] += 1 - mix_;
    out.probability[b] += mix_;
    if (a == b) out.probability[a] = 1;
    explain(q, a, b, out);
  }

 private:
  // The candidate of lowest id with the same numbers: the order of the rule's list says nothing.
  static std::size_t same_but_first(const Question& q, std::span<const double> value,
                                    std::span<const double> cost, std::size_t chosen) {
    std::size_t best = chosen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] == value[chosen] && cost[i] == cost[chosen] &&
          q.candidates[i] < q.candidates[best])
        best = i;
    }
    return best;
  }

  // No candidate has a known quality and a known cost below the cap.
  void choose_anyway(const Question& q, std::span<const Belief> beliefs, Distribution& out) const {
    bool capped = false;
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i) || std::isnan(beliefs[i].quality)) continue;
      capped = capped || !std::isnan(beliefs[i].cost_micro);
    }
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i) || std::isnan(beliefs[i].quality)) continue;
      out.score[i] = capped ? -beliefs[i].cost_micro : beliefs[i].quality;
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(capped ? " is the cheapest, none is below the cap"
                          : " is the best, no cost is known");
  }

  void explain(const Question& q, std::size_t a, std::size_t b, Distribution& out) const {
    out.why.append(q.card(out.probability[b] > out.probability[a] ? b : a).name);
    if (std::isinf(price_)) {
      out.why.append(" is the cheapest: the budget allows no more");
      return;
    }
    out.why.append(a == b ? " is worth most at " : " ties at ");
    out.why.append_number(price_ * kMicro);
    out.why.append(" quality per USD");
    if (a == b) return;
    out.why.append("; the dearer one gets ");
    out.why.append_number(mix_);
  }

  double price_;  // quality per micro-USD
  double mix_;
  double cap_;  // micro-USD
  double optimism_;
};

// What is believed of past prompts, and what became of them: prompt * options + option.
struct Past {
  std::vector<double> value;
  std::vector<double> cost;  // expected
  std::vector<double> paid;  // recorded; the expected cost where nothing is
  std::vector<float> seen;   // recorded quality
  std::size_t options;

  Past(const PastPrompts& past, const Options& o)
      : paid(past.cost_micro), seen(past.quality), options(past.candidates) {
    const double cap = std::isnan(o.cap) ? std::numeric_limits<double>::infinity() : o.cap * kMicro;
    for (const Belief& b : past.beliefs) {
      value.push_back(Budget::worth(b, o.optimism, cap));
      cost.push_back(b.cost_micro);
    }
    for (std::size_t i = 0; i < paid.size(); ++i) {
      if (std::isnan(paid[i])) paid[i] = cost[i];
    }
  }

  [[nodiscard]] bool knows_any() const {
    return std::any_of(value.begin(), value.end(), [](double v) { return !std::isnan(v); });
  }
  [[nodiscard]] math::DualPrice price_for(double budget) const {
    return math::price_for_budget({value, cost, options}, budget);
  }
  [[nodiscard]] math::DualPrice price_for_quality(double floor) const {
    return math::price_for_value({value, cost, options}, floor);
  }
  // Mean recorded cost of what is chosen at that price.
  [[nodiscard]] double spent(const math::DualPrice& d) const {
    return mean(d, [this](std::size_t at) { return paid[at]; });
  }
  // Mean recorded quality; the expected one where nothing was.
  [[nodiscard]] double earned(const math::DualPrice& d) const {
    return mean(d, [this](std::size_t at) {
      return std::isnan(seen[at]) ? value[at] : static_cast<double>(seen[at]);
    });
  }

 private:
  template <typename Of>
  [[nodiscard]] double mean(const math::DualPrice& d, Of&& of) const {
    double sum = 0;
    std::size_t prompts = 0;
    for (std::size_t at = 0; at < value.size(); at += options) {
      const std::span<const double> v(value.data() + at, options);
      const std::span<const double> c(cost.data() + at, options);
      const std::size_t low = math::best_at(v, c, d.price, math::Side::kCheaper);
      if (low == math::kNoOption) continue;
      const std::size_t high = math::best_at(v, c, d.price, math::Side::kDearer);
      sum += (1 - d.mix) * of(at + low) + d.mix * of(at + high);
      ++prompts;
    }
    return prompts == 0 ? 0 : sum / static_cast<double>(prompts);
  }
};

// The price at which the recorded costs of the choices come to the budget: choices follow expected
// costs, so the expected mean is sought that is paid for with the budget.
math::DualPrice meet(const Past& past, double budget) {
  constexpr double kClose = 0.002;
  math::DualPrice best = past.price_for(budget);
  if (best.bound == math::DualPrice::Bound::kInfeasible) return best;
  double below = 0;  // expected means of which less, and more, than the budget was paid
  double above = 0;
  double ask = budget;
  double best_spent = past.spent(best);
  math::DualPrice now = best;
  double spent = best_spent;
  for (int round = 0; round < 40; ++round) {
    if (std::abs(spent - budget) < std::abs(best_spent - budget)) best = now, best_spent = spent;
    const bool loose = now.bound == math::DualPrice::Bound::kLoose;
    if (std::abs(spent - budget) <= kClose * budget || (loose && spent < budget)) break;
    (spent > budget ? above : below) = ask;
    if (below > 0 && above > 0) {
      ask = (below + above) / 2;
    } else {
      ask = spent > budget ? std::min(ask, now.mean_cost) / 1.3 : ask * 1.3;
    }
    now = past.price_for(ask);
    if (now.bound == math::DualPrice::Bound::kInfeasible) break;
    spent = past.spent(now);
  }
  return best;
}

// The price of least recorded cost at which the choices earn the quality as recorded; when none
// does, the one that earns most.
math::DualPrice reach(const Past& past, double floor) {
  constexpr double kClose = 0.0005;
  math::DualPrice best = past.price_for_quality(floor);
  if (best.bound == math::DualPrice::Bound::kInfeasible) return best;
  double best_earned = past.earned(best);
  double below = best_earned < floor ? floor : 0;  // expected means that earned too little
  double above = best_earned < floor ? 1 : floor;  // and enough
  for (int round = 0; round < 30 && std::abs(best_earned - floor) > kClose; ++round) {
    const double ask = (below + above) / 2;
    const math::DualPrice now = past.price_for_quality(ask);
    const bool possible = now.bound != math::DualPrice::Bound::kInfeasible;
    const double earned = possible ? past.earned(now) : 0;
    const bool enough = !possible || earned >= floor;
    if (possible && enough ? best_earned < floor || past.spent(now) < past.spent(best)
                           : earned > best_earned && best_earned < floor)
      best = now, best_earned = earned;
    (enough ? above : below) = ask;
  }
  return best;
}

// The price and the mix for the budget or the quality; false after an error was reported.
bool calibrate(Options& o, double& price_per_micro, base::Mark mark, BuildContext& ctx) {
  if (std::isnan(o.budget) == std::isnan(o.quality) || o.calibrate.empty()) {
    ctx.diag().error(
        mark,
        "budget: give budget: USD (or quality: NUMBER) with calibrate: [outcome tables] "
        "to have the price found, or price: NUMBER");
    return false;
  }
  const auto prompts = ask_past(o.calibrate, mark, ctx);
  if (!prompts) return false;
  const Past past(*prompts, o);
  if (!past.knows_any()) {
    ctx.diag().error(
        mark,
        "calibrate: of none of the prompts are quality and cost of a model known; give "
        "the models prices and the rule an estimator that knows quality, or price: "
        "NUMBER");
    return false;
  }
  const bool by_quality = !std::isnan(o.quality);
  const math::DualPrice d = by_quality ? reach(past, o.quality) : meet(past, o.budget * kMicro);
  const std::string figures =
      fmt::format("on {} prompts {:.6f} USD a request, expected quality {:.4f}", prompts->prompts,
                  d.mean_cost / kMicro, d.mean_value);
  if (d.bound == math::DualPrice::Bound::kInfeasible && by_quality) {
    ctx.diag().error(mark, fmt::format("quality: {} cannot be reached: the best choices have {}",
                                       o.quality, figures));
    return false;
  }
  if (d.bound == math::DualPrice::Bound::kInfeasible) {
    ctx.diag().error(mark,
                     fmt::format("budget: {:.6f} USD cannot be met: even the cheapest choices "
                                 "cost {}",
                                 o.budget, figures));
    return false;
  }
  price_per_micro = d.price;
  o.mix = d.mix;
  const std::string recorded =
      fmt::format("; as recorded they cost {:.6f}{}", past.spent(d) / kMicro,
                  by_quality ? fmt::format(" and have {:.4f}", past.earned(d)) : "");
  ctx.diag().note(
      mark, d.bound == math::DualPrice::Bound::kLoose
                ? fmt::format("the budget does not bind: {}{}", figures, recorded)
                : fmt::format("price {:.6g} quality per USD, the dearer of equals with probability "
                              "{:.4f}: {}{}",
                              d.price * kMicro, d.mix, figures, recorded));
  return true;
}

}  // namespace

std::unique_ptr<Policy> make_budget(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  double price = options.price / kMicro;
  if (std::isnan(price) && !calibrate(options, price, node.mark(), ctx)) return nullptr;
  return std::make_unique<Budget>(price, options);
}

}  // namespace swy::route
