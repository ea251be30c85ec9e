// knapsack: the best candidate that gives enough quality for its price, and enough is more the more
// of the budget has been spent.
//
// Formula: with z the share of the budget that is spent (the value of the signal `spent`, cut to
// 0..1) and efficiencies quality per cost_unit between `least` and `most`,
//   bar(z) = (most e / least)^z least / e;
// the highest quality + optimism * sd with quality / (cost / cost_unit) >= bar(z); nobody: the
// cheapest, and the reason says so. Right because this bar loses at most the factor ln(most /
// least)
// + 1 against who knows all requests beforehand (online multiple-choice knapsack). Cost:
// O(candidates). Loses when requests are alike: `budget` with a price from past traffic spends
// evenly, this one spends early. The budget's account is kept by whoever sets the signal: an
// unknown value counts as all spent. Without `spent` the bar is that of z = 0. Unknown quality or
// cost: no candidate while another has both. Propensity: 1. Source: variant of PILOT's budget rule
// (arXiv 2508.21141; request-routing.md 5.10); its preference prior is the estimator
// linear_bandit's. Deviation: something is always served. Tests: knapsack_test.cc (known answer),
// conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "route/detail/named.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  std::string spent;
  double least = 1;
  double most = 10;
  double cost_unit = 0.01;
  double optimism = 0;

  void bind(base::OptionBinder& binder) {
    binder.field("spent", spent, "signal whose value is the share of the budget that is spent");
    binder.field("least", least, {.min = 1e-12, .max = 1e12},
                 "quality per cost_unit of the worst buy that occurs");
    binder.field("most", most, {.min = 1e-12, .max = 1e12}, "and of the best");
    binder.field("cost_unit", cost_unit, {.min = 1e-9, .max = 1e9}, "USD that they speak of");
    binder.field("optimism", optimism, {.min = 0, .max = 100},
                 "standard deviations added to the expected quality");
  }
};

class Knapsack final : public Policy {
 public:
  Knapsack(const Options& o, std::optional<FactId> spent) : o_(o) {
    if (spent) needs_.push_back(*spent);
  }

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const double bar = bar_at(spent(q));
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i) || std::isnan(beliefs[i].quality)) continue;
      const double units = beliefs[i].cost_micro / (o_.cost_unit * 1e6);
      const double worth = beliefs[i].quality + o_.optimism * doubt_of(beliefs[i]).sd;
      if (worth >= bar * units) out.score[i] = worth;  // false when the cost is unknown
    }
    std::size_t best = best_by(q, beliefs, out.score);
    const bool buys = best != kNobody;
    if (!buys) best = cheapest(q, beliefs, out);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(buys ? " is the best buy above " : " is the cheapest, nobody is above ");
    out.why.append_number(bar);
    out.why.append(" quality per unit");
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return needs_; }

 private:
  [[nodiscard]] double bar_at(double z) const {
    constexpr double kE = 2.718281828459045;
    return std::pow(o_.most * kE / o_.least, z) * o_.least / kE;
  }
  [[nodiscard]] double spent(const Question& q) const {
    if (needs_.empty()) return 0;
    const double z = q.fact(needs_[0]).value;
    return std::isnan(z) ? 1 : std::clamp(z, 0.0, 1.0);
  }
  // Of known quality; where no cost is known, the best.
  static std::size_t cheapest(const Question& q, std::span<const Belief> beliefs,
                              Distribution& out) {
    bool priced = false;
    for (std::size_t i = 0; i < beliefs.size(); ++i)
      priced = priced || (!q.masked(i) && !std::isnan(beliefs[i].quality + beliefs[i].cost_micro));
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i) || std::isnan(beliefs[i].quality)) continue;
      out.score[i] = priced ? -beliefs[i].cost_micro : beliefs[i].quality;
    }
    return best_by(q, beliefs, out.score);
  }

  Options o_;
  std::vector<FactId> needs_;  // spent, or nothing
};

}  // namespace

std::unique_ptr<Policy> make_knapsack(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.most < options.least) {
    ctx.diag().error(node.mark(), "knapsack: most is below least");
    return nullptr;
  }
  std::optional<FactId> spent;
  if (!options.spent.empty()) {
    spent = signal_named(options.spent, "spent", node.mark(), ctx);
    if (!spent) return nullptr;
  }
  return std::make_unique<Knapsack>(options, spent);
}

}  // namespace swy::route
