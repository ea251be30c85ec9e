// best_set: a set of models is asked at once, the one that is worth most within a budget.
//
// Rule: u_m = min(1, q_m + optimism * sd_m), c_m the expected cost. Of all sets with sum c <=
// budget (and at least `least` models) the one of highest reward is run: `any` 1 - prod (1 - u),
// that one of them is right; `sum` of u; `all` prod u, that all are right. Of equals the cheaper,
// then the earlier. Most voices answer, of equals the model that is believed best. Cost: 2^models
// sets, so at most 15 models; then the calls of the set. When none fits, the cheapest model alone.
// Loses when models err together: `any` takes them for independent. Paper: C2MAB-V (arXiv
// 2405.16587; request-routing.md 5.10), whose rewards AWC, SUC and AIC these are: variant of;
// deviations: exact by trying all sets in place of a relaxation that is rounded; a bound for every
// question in place of a long-term one; costs are expected ones, without a lower bound. With an
// estimator that learns from feedback (`linear_bandit`) the optimism explores. Test:
// best_set_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "flow/plugin.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

constexpr std::size_t kMostModels = 15;

struct Options {
  double budget = route::kUnknownNumber;
  std::string reward = "any";
  std::int64_t least = 1;
  double optimism = 0;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("budget", budget, {0, 1e6}, "USD that the calls of one question may cost; required");
    b.field("reward", reward, "any: that one is right; sum: of qualities; all: that all are right");
    b.field("least", least, {1, 15}, "models in a set, where so many are allowed");
    b.field("optimism", optimism, {0, 100}, "standard deviations added to the expected quality");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

struct Member {
  std::uint32_t candidate;
  double quality, cost;
};

double reward_of(const std::string& kind, std::span<const Member> all, std::uint32_t set) {
  double sum = 0, none = 1, every = 1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((set >> i & 1U) == 0) continue;
    sum += all[i].quality;
    none *= 1 - all[i].quality;
    every *= all[i].quality;
  }
  if (kind == "sum") return sum;
  return kind == "all" ? every : 1 - none;
}

double cost_of(std::span<const Member> all, std::uint32_t set) {
  double sum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) sum += (set >> i & 1U) != 0 ? all[i].cost : 0.0;
  return sum;
}

class BestSet final : public route::Strategy {
 public:
  BestSet(Options o, AnswerForm form) : o_(std::move(o)), form_(form) {}

  [[nodiscard]] Step next(const Episode& e) const override {
    if (e.round == 0 && e.calls_left > 0) return first(e);
    const std::vector<Heard> heard = heard_of(e, form_);
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < heard.size(); ++i) {
      if (!heard[i].missing && (!best || better(e, heard, i, *best))) best = i;
    }
    if (!best) return settle(heard, PostHoc(), e);
    return route::AnswerWith{
        heard[*best].seen,
        route::ReasonText(fmt::format("{} of {} say it", voices_of(heard, *best), heard.size()))};
  }

 private:
  static bool better(const Episode& e, const std::vector<Heard>& heard, std::size_t a,
                     std::size_t b) {
    const std::size_t more = voices_of(heard, a), fewer = voices_of(heard, b);
    if (more != fewer) return more > fewer;
    return e.beliefs[heard[a].candidate].quality > e.beliefs[heard[b].candidate].quality;
  }

  [[nodiscard]] std::vector<Member> members(const Episode& e) const {
    std::vector<Member> all;
    for (std::uint32_t c = 0; c < e.candidates.size(); ++c) {
      const route::Belief& b = e.beliefs[c];
      if (e.allowed[c] == 0 || std::isnan(b.quality) || std::isnan(b.cost_micro)) continue;
      double variance = b.quality_var;
      if (std::isnan(variance)) variance = b.quality * (1 - b.quality) / (1 + b.evidence);
      const double sd = variance > 0 ? std::sqrt(variance) : 0;
      all.push_back({c, std::min(1.0, b.quality + o_.optimism * sd), b.cost_micro * 1e-6});
    }
    return all;
  }

  [[nodiscard]] Step first(const Episode& e) const {
    const std::vector<Member> all = members(e);
    const std::int64_t least =
        std::min<std::int64_t>(o_.least, static_cast<std::int64_t>(all.size()));
    std::uint32_t best = 0;
    double most = -1;
    for (std::uint32_t set = 1; set < 1U << all.size(); ++set) {
      const std::int64_t size = std::popcount(set);
      if (size < least || size > e.calls_left) continue;
      if (cost_of(all, set) > o_.budget * (1 + 1e-12)) continue;
      const double reward = reward_of(o_.reward, all, set);
      constexpr double kSame = 1e-12;
      const bool same = reward > most - kSame && reward <= most + kSame;
      if (reward > most + kSame || (same && cost_of(all, set) < cost_of(all, best))) {
        most = reward;
        best = set;
      }
    }
    if (best == 0) return cheapest(e, all);
    route::RunCalls run;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((best >> i & 1U) != 0)
        run.calls.push_back({all[i].candidate, 0, route::Purpose::kAnswer, "", false});
    }
    run.why =
        route::ReasonText(fmt::format("worth {:.3f} for {:.6f} USD", most, cost_of(all, best)));
    return run;
  }

  static Step cheapest(const Episode& e, const std::vector<Member>& all) {
    const auto it = std::min_element(
        all.begin(), all.end(), [](const Member& a, const Member& b) { return a.cost < b.cost; });
    if (it != all.end()) return run_one(it->candidate, "no set fits the budget: the cheapest");
    std::uint32_t c = 0;
    while (e.allowed[c] == 0) ++c;
    return run_one(c, "nothing is known of quality and cost: the first");
  }

  Options o_;
  AnswerForm form_;
};

}  // namespace

std::unique_ptr<route::Strategy> make_best_set(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto form = form_named(o.form, node, ctx);
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  if (!form) return nullptr;
  if (o.reward != "any" && o.reward != "sum" && o.reward != "all")
    return complain("reward", "reward must be any, sum or all");
  if (std::isnan(o.budget)) return complain("type", "best_set needs a budget: USD");
  if (ctx.candidates().size() > kMostModels)
    return complain("type", fmt::format("best_set: at most {} models", kMostModels));
  return std::make_unique<BestSet>(std::move(o), *form);
}

}  // namespace swy::flow
