// request_budget: every request by itself may cost so much; P2L's three rules for that.
//
// Formula: rule strict: argmax s over the candidates with c <= B. rule mix: maximise sum p s
// subject to sum p c <= B, sum p = 1: at most two candidates, one below and one above B
// (simple-lp). rule wins: the same with s_i = sum_j w_j sigmoid(logit q_i - logit q_j), the chance
// to win against an opponent drawn with shares w (optimal-lp); shares are normalised over the
// candidates that are known, which P2L's code leaves out (request-routing.md 5.9; P2L, arXiv
// 2502.14855). Right: a linear program with one constraint has a solution on two vertices. Cost:
// O(candidates squared), no allocation. Loses to `budget`, which may spend on one prompt what it
// saves on another. Mind that with mix and wins a single request can cost far more than B: only its
// expectation is bounded. Unknown quality or cost: no candidate, while another has both. When even
// the cheapest costs more, it is the cheapest and the reason says so (the guard price_cap refuses
// instead). Propensity: the program's p. Deviations: any estimator; s = q but for wins. Tests:
// request_budget_test.cc, dual_price_test.cc, conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "math/dual_price.h"
#include "route/detail/named.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kMicro = 1e6;

enum class Kind : std::uint8_t { kStrict, kMix, kWins };

struct Options {
  double budget = kUnknownNumber;
  std::string rule = "strict";
  base::NumberMap opponents;

  void bind(base::OptionBinder& binder) {
    binder.field("budget", budget, {.min = 0, .max = 1e6}, "USD that a request may cost");
    binder.field(
        "rule", rule,
        "strict: never above the budget; mix: the expected cost of every request is at most "
        "the budget; wins: as mix, for the chance to win against opponents");
    binder.field("opponents", opponents, "wins: model name: share; left out: all candidates alike");
  }
};

class RequestBudget final : public Policy {
 public:
  RequestBudget(double budget_micro, Kind kind, std::vector<double> share)
      : budget_(budget_micro), kind_(kind), share_(std::move(share)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    thread_local std::vector<double> value;  // working memory, nothing is remembered in it
    thread_local std::vector<double> cost;
    thread_local std::vector<std::size_t> order;  // by id: equals must not depend on the list
    order.clear();
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!q.masked(i) && !std::isnan(beliefs[i].quality) && !std::isnan(beliefs[i].cost_micro))
        order.push_back(i);
    }
    if (order.empty()) return choose_anyway(q, beliefs, out);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return q.candidates[a] < q.candidates[b]; });
    value.clear();
    cost.clear();
    for (const std::size_t i : order) {
      value.push_back(kind_ == Kind::kWins ? wins(q, beliefs, order, i) : beliefs[i].quality);
      cost.push_back(beliefs[i].cost_micro);
      out.score[i] = value.back();
    }
    if (kind_ == Kind::kStrict) return choose_strict(q, order, value, cost, out);
    thread_local std::vector<double> p;
    p.resize(order.size());
    const bool met = math::best_mixture(value, cost, budget_, p);
    std::size_t likeliest = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      out.probability[order[k]] = p[k];
      if (p[k] > p[likeliest]) likeliest = k;
    }
    say(q, order[likeliest], met, out);
  }

 private:
  [[nodiscard]] double wins(const Question& q, std::span<const Belief> beliefs,
                            std::span<const std::size_t> known, std::size_t i) const {
    const auto logit = [](double quality) {
      const double p = std::clamp(quality, 1e-6, 1 - 1e-6);
      return std::log(p / (1 - p));
    };
    double sum = 0;
    double total = 0;
    for (const std::size_t j : known) {
      const double w = share_.empty() ? 1.0 : share_[q.candidates[j]];
      sum += w / (1 + std::exp(logit(beliefs[j].quality) - logit(beliefs[i].quality)));
      total += w;
    }
    return total > 0 ? sum / total : beliefs[i].quality;
  }

  void choose_strict(const Question& q, std::span<const std::size_t> order,
                     std::span<const double> value, std::span<const double> cost,
                     Distribution& out) const {
    std::size_t best = 0;  // the cheapest, and then the best of those within the budget
    for (std::size_t k = 1; k < order.size(); ++k) {
      const bool within = cost[k] <= budget_;
      const bool was = cost[best] <= budget_;
      const bool better =
          value[k] > value[best] || (value[k] == value[best] && cost[k] < cost[best]);
      const bool cheaper =
          cost[k] < cost[best] || (cost[k] == cost[best] && value[k] > value[best]);
      if (within != was ? within : (within ? better : cheaper)) best = k;
    }
    out.probability[order[best]] = 1;
    say(q, order[best], cost[best] <= budget_, out);
  }

  static void choose_anyway(const Question& q, std::span<const Belief> beliefs, Distribution& out) {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!q.masked(i)) out.score[i] = beliefs[i].quality;
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(" is the best, no cost is known");
  }

  void say(const Question& q, std::size_t chosen, bool met, Distribution& out) const {
    out.why.append(q.card(chosen).name);
    out.why.append(met ? " is the likeliest within " : " is the cheapest: all cost more than ");
    out.why.append_number(budget_ / kMicro, 6);
    out.why.append(" USD, probability ");
    out.why.append_number(out.probability[chosen]);
  }

  double budget_;  // micro-USD
  Kind kind_;
  std::vector<double> share_;  // of opponents by ExpertId; empty: alike
};

}  // namespace

std::unique_ptr<Policy> make_request_budget(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  if (std::isnan(options.budget))
    ctx.diag().error(node.mark(), "request_budget: say what a request may cost, budget: USD");
  Kind kind = Kind::kStrict;
  if (options.rule == "mix") {
    kind = Kind::kMix;
  } else if (options.rule == "wins") {
    kind = Kind::kWins;
  } else if (options.rule != "strict") {
    ctx.diag().error(node.mark(),
                     fmt::format("rule: '{}' should be strict, mix or wins", options.rule));
  }
  std::vector<double> share;
  if (!options.opponents.empty()) share.resize(ctx.catalogue().size());
  for (const auto& [name, weight] : options.opponents) {
    const auto id = model_named(name, "opponents", node.mark(), ctx);
    if (!id) continue;
    if (!(weight >= 0) || std::isinf(weight)) {
      ctx.diag().error(node.mark(),
                       fmt::format("opponents: '{}' must have a finite share of 0 or more", name));
    } else {
      share[*id] = weight;
    }
  }
  if (ctx.diag().errors() != before) return nullptr;
  return std::make_unique<RequestBudget>(options.budget * kMicro, kind, std::move(share));
}

}  // namespace swy::route
