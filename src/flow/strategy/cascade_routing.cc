// cascade_routing: after every answer, which set of models should have been asked in the end? Run
// the cheapest that is missing, or stop.
//
// Rule: worth of a set A that contains those asked = expected quality of the best answer from A -
// cost * (its expected cost). The best A decides: if it is what was asked, the best answer stands,
// else the cheapest missing member is asked. Routing is the case where A has one member, a cascade
// where A grows by one. Untrained: E[max] of independent Gaussians, with the believed quality of a
// model not asked (deviation `spread`) and the score of the best answer heard (exact). With
// `table`: for every pair of sets S within A a logistic regression says, from what was heard of S,
// how likely the best answer of A will be right; so how two answers relate is learned rather than
// assumed. `cost` is the worth of one USD in quality; `budget` finds it on the past
// (price_for_budget, with the mixing of the two sides of the step by a hash of the question). Cost:
// 2^(models not asked) values a step. Loses where the regressions are poor: published gains fall
// from 14 % to 1 % with estimator quality. Paper: cascade routing (eth-sri/cascade-routing,
// released code, request-routing.md 5.8). Deviations: exhaustive over sets (10 models untrained, 4
// learned), so nothing is pruned; learned form as said; no per-step prices; its inverted gamma, its
// always-first "cheapest" and its unseeded sampling are not repeated. Tests:
// cascade_routing_test.cc, expected_max_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "base/hash.h"
#include "flow/expected_max.h"
#include "flow/plugin.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

constexpr std::size_t kMostUntrained = 10;
constexpr std::size_t kMostLearned = 4;
constexpr double kTypicalCost = 1e-3;  // USD, of a model without a price

struct Options {
  double cost = route::kUnknownNumber;
  double budget = route::kUnknownNumber;
  double keep = route::kUnknownNumber;
  double sure = 1;
  double spread = 0.2;
  std::vector<std::string> table;
  bool beliefs = false;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("cost", cost, {0, 1e12}, "worth of one USD in quality");
    b.field("budget", budget, {0, 1e6}, "mean USD a question, in place of `cost`; needs `table`");
    b.field("keep", keep, {0, 2},
            "share of the best model's quality, in place of `cost`; needs `table`");
    b.field("sure", sure, {0, 5}, "standard errors by which `keep` is held on the tables");
    b.field("spread", spread, {0, 1}, "untrained: deviation of a believed quality");
    b.field("table", table, "outcome tables to learn from, with the answers beside them");
    b.field(
        "beliefs", beliefs,
        "ask the rule's estimator about every question of the tables, so that its beliefs count");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

std::uint32_t bit(std::uint32_t candidate) { return 1U << candidate; }

// One state of a question: what was heard, and what may still be.
struct View {
  std::vector<Heard> heard;
  std::uint32_t asked = 0;    // sets of candidates
  std::uint32_t allowed = 0;  // asked ones included
  std::vector<double> quality;
  std::vector<double> cost;
  double question_bytes = 0;
};

class CascadeRouting final : public route::Strategy {
 public:
  Options o;
  AnswerForm form = AnswerForm::kAuto;
  PostHoc posthoc;
  BudgetPrice price;
  std::vector<double> mean_cost;  // by candidate, of the past; empty: untrained
  std::map<std::pair<std::uint32_t, std::uint32_t>, math::Logistic> learned;  // asked, set

  [[nodiscard]] Step next(const Episode& e) const override {
    View v = view_of(e);
    const double u =
        static_cast<double>(base::hash64(e.question, 3) >> 11U) * 0x1.0p-53;  // in [0, 1)
    const auto c =
        e.calls_left > 0 ? pick(v, u < price.gamma ? price.dear : price.cheap) : std::nullopt;
    if (c) return run_one(*c, v.heard.empty() ? "best set begins here" : "the best set has more");
    if (v.heard.empty()) return route::Abstain{route::ReasonText("no call is left")};
    const Proposal p = posthoc.propose(v.heard, v.quality);
    if (v.heard[p.heard].missing) return settle(v.heard, posthoc, e);
    return route::AnswerWith{v.heard[p.heard].seen, route::ReasonText("no set with more is better"),
                             posthoc.score(v.heard, p, v.quality, v.question_bytes)};
  }

  // What to ask next; nullopt: stop.
  [[nodiscard]] std::optional<std::uint32_t> pick(const View& v, double worth) const {
    const std::uint32_t set = mean_cost.empty() ? by_gaussians(v, worth) : by_learned(v, worth);
    std::optional<std::uint32_t> cheapest;
    for (std::uint32_t c = 0; c < v.cost.size(); ++c) {
      if (((set & ~v.asked) >> c & 1U) == 0) continue;
      if (!cheapest || v.cost[c] < v.cost[*cheapest]) cheapest = c;
    }
    return cheapest;
  }

  [[nodiscard]] std::uint64_t version() const override {
    std::uint64_t h = posthoc.version();
    const auto mix = [&](double v) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &v, sizeof bits);
      h = h * 31 + bits;
    };
    mix(price.cheap);
    mix(price.gamma);
    for (const auto& [key, model] : learned) mix(model.bias);
    return h;
  }

 private:
  [[nodiscard]] View view_of(const Episode& e) const {
    View v;
    v.heard = heard_of(e, form);
    v.quality = qualities(e);
    v.question_bytes = static_cast<double>(e.question.size());
    for (std::uint32_t c = 0; c < e.candidates.size(); ++c) {
      if (e.allowed[c] != 0) v.allowed |= bit(c);
      const double believed = e.beliefs[c].cost_micro * 1e-6;
      v.cost.push_back(!mean_cost.empty()     ? mean_cost[c]
                       : std::isnan(believed) ? kTypicalCost
                                              : believed);
    }
    for (const Heard& h : v.heard) v.asked |= bit(h.candidate);
    return v;
  }

  [[nodiscard]] std::uint32_t by_gaussians(const View& v, double worth) const {
    std::vector<Gaussian> q;
    for (const double quality : v.quality)
      q.push_back({std::isnan(quality) ? 0.5 : quality, o.spread});
    std::uint32_t run = 0;
    if (!v.heard.empty()) {
      // Of those asked only the best answer counts; it costs nothing more.
      const Proposal p = posthoc.propose(v.heard, v.quality);
      const double score = posthoc.score(v.heard, p, v.quality, v.question_bytes);
      for (const Heard& h : v.heard) q[h.candidate] = {h.missing ? 0 : score, 0};
      run = v.asked;
    }
    return best_supermodel(q, v.cost, v.allowed, run, worth).set;
  }

  [[nodiscard]] std::uint32_t by_learned(const View& v, double worth) const {
    std::vector<double> row;
    posthoc.features(v.heard, v.quality, v.question_bytes, row);
    const std::uint32_t rest = v.allowed & ~v.asked;
    std::uint32_t best = v.asked;
    double most = -HUGE_VAL;
    for (std::uint32_t sub = 0;; sub = (sub - rest) & rest) {
      const auto it = learned.find({v.asked, v.asked | sub});
      if (it != learned.end() && row.size() == it->second.weights.size()) {
        double value = it->second.probability(row);
        for (std::uint32_t c = 0; c < v.cost.size(); ++c)
          value -= (sub >> c & 1U) != 0 ? worth * v.cost[c] : 0;
        if (value > most + 1e-12) {  // of equals the smaller set: subsets come before
          most = value;
          best = v.asked | sub;
        }
      }
      if (sub == rest) break;
    }
    return best;
  }
};

// What was said on past questions, and what the strategy makes of it.
class Learner {
 public:
  Learner(const Past& past, CascadeRouting& made) : past_(past), made_(made) {
    made.posthoc.learn_weights(past);
    const auto k = static_cast<std::uint32_t>(past.candidates);
    for (std::uint32_t c = 0; c < k; ++c) made.mean_cost.push_back(past.mean_cost(c));
    const std::uint32_t all = (1U << k) - 1;
    for (std::uint32_t set = 1; set <= all; ++set) best_.push_back(best_of(set));
    for (std::uint32_t asked = 0; asked <= all; ++asked) {
      std::vector<double> x;
      const std::size_t columns = features(asked, x);
      for (std::uint32_t set = asked == 0 ? 1 : asked; set <= all; ++set) {
        if ((set & asked) != asked) continue;
        made.learned[{asked, set}] = math::fit_logistic(x, columns, best_[set - 1]);
      }
    }
  }

  // Whether the quality at a price is `keep` times the best model's, by `sure` standard errors.
  [[nodiscard]] bool keeps(double worth) const {
    std::uint32_t best = 0;
    for (std::uint32_t c = 1; c < past_.candidates; ++c) {
      if (past_.mean_quality(c) > past_.mean_quality(best)) best = c;
    }
    double sum = 0;
    double squares = 0;
    for (std::size_t q = 0; q < past_.questions(); ++q) {
      const double margin = one(q, worth).quality - made_.o.keep * past_.at(q, best).quality;
      sum += margin;
      squares += margin * margin;
    }
    const auto n = static_cast<double>(past_.questions());
    const double mean = sum / n;
    return mean >= made_.o.sure * std::sqrt(std::max(0.0, squares / n - mean * mean) / n);
  }

  // The highest price that keeps the quality; 0 when none does.
  [[nodiscard]] double price_that_keeps() const {
    double low = 0;
    double high = 1e7;  // a tenth of a micro-USD counts as much as being right: cost alone
    for (int i = 0; i < kSteps; ++i) {
      // Halves the distance in powers: prices are spread over many magnitudes.
      const double middle = low == 0 ? high / 100 : std::sqrt(low * high);
      (keeps(middle) ? low : high) = middle;
    }
    return low;
  }

  // Mean quality and cost on the past at a price. On the rows that were learned from: a few hundred
  // weights from thousands of rows leave little to be optimistic about.
  [[nodiscard]] Spent at(double worth) const {
    Spent mean;
    const auto n = static_cast<double>(past_.questions());
    for (std::size_t q = 0; q < past_.questions(); ++q) {
      const Spent spent = one(q, worth);
      mean.quality += spent.quality / n;
      mean.cost += spent.cost / n;
    }
    return mean;
  }

  static constexpr int kSteps = 24;  // of a bisection: finer than the rows can tell

 private:
  [[nodiscard]] Spent one(std::size_t q, double worth) const {
    Spent spent;
    View v = view(q, 0);
    while (const auto c = made_.pick(v, worth)) {
      spent.cost += past_.at(q, *c).cost;
      v = view(q, v.asked | bit(*c));
    }
    spent.quality = v.asked == 0 ? 0 : best_[v.asked - 1][q];
    return spent;
  }

  [[nodiscard]] View view(std::size_t q, std::uint32_t asked) const {
    View v;
    v.asked = asked;
    v.allowed = (1U << past_.candidates) - 1;
    v.quality.assign(
        past_.belief.begin() + static_cast<std::ptrdiff_t>(q * past_.candidates),
        past_.belief.begin() + static_cast<std::ptrdiff_t>((q + 1) * past_.candidates));
    v.cost = made_.mean_cost;
    v.question_bytes = past_.question_bytes[q];
    for (std::uint32_t c = 0; c < past_.candidates; ++c) {
      if ((asked >> c & 1U) == 0) continue;
      const PastAnswer& a = past_.at(q, c);
      v.heard.push_back({c, 0, false, a.normal, a.bytes});
    }
    return v;
  }

  [[nodiscard]] std::vector<double> best_of(std::uint32_t set) const {
    std::vector<double> out;
    for (std::size_t q = 0; q < past_.questions(); ++q) {
      const View v = view(q, set);
      out.push_back(
          past_.at(q, v.heard[made_.posthoc.propose(v.heard, v.quality).heard].candidate).quality);
    }
    return out;
  }

  std::size_t features(std::uint32_t asked, std::vector<double>& x) const {
    std::vector<double> row;
    for (std::size_t q = 0; q < past_.questions(); ++q) {
      const View v = view(q, asked);
      made_.posthoc.features(v.heard, v.quality, v.question_bytes, row);
      x.insert(x.end(), row.begin(), row.end());
    }
    return row.size();
  }

  const Past& past_;
  CascadeRouting& made_;
  std::vector<std::vector<double>> best_;  // by set - 1: quality of its best answer, by question
};

bool learn(const base::Doc& node, route::BuildContext& ctx, CascadeRouting& made) {
  const base::Mark mark = mark_of(node, "table");
  const auto past = load_past(made.o.table, mark, made.form, made.o.beliefs, ctx);
  if (!past) return false;
  const Learner learner(*past, made);
  if (!std::isnan(made.o.keep)) {
    made.price.dear = made.price.cheap = learner.price_that_keeps();
    made.price.expected = learner.at(made.price.cheap);
    if (!learner.keeps(made.price.cheap))
      ctx.diag().warning(mark_of(node, "keep"),
                         "cannot be kept at any price; nearest is quality alone");
  } else if (!std::isnan(made.o.budget)) {
    made.price =
        price_for_budget([&](double p) { return learner.at(p); }, made.o.budget, Learner::kSteps);
  } else {
    return true;
  }
  ctx.diag().note(mark, fmt::format("one USD is worth {:.4g} to {:.4g}, gamma {:.3f}; on the past "
                                    "quality {:.4f} at {:.4g} USD a question",
                                    made.price.dear, made.price.cheap, made.price.gamma,
                                    made.price.expected.quality, made.price.expected.cost));
  return true;
}

}  // namespace

std::unique_ptr<route::Strategy> make_cascade_routing(const base::Doc& node,
                                                      route::BuildContext& ctx) {
  auto made = std::make_unique<CascadeRouting>();
  if (!ctx.bind(node, made->o)) return nullptr;
  const auto form = form_named(made->o.form, node, ctx);
  if (!form) return nullptr;
  made->form = *form;
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  const Options& o = made->o;
  const std::size_t most = o.table.empty() ? kMostUntrained : kMostLearned;
  if (ctx.candidates().size() > most)
    return complain("type", fmt::format("at most {} models{}: every set of them is weighed", most,
                                        o.table.empty() ? "" : " with a table"));
  const int given =
      (std::isnan(o.cost) ? 0 : 1) + (std::isnan(o.budget) ? 0 : 1) + (std::isnan(o.keep) ? 0 : 1);
  if (given != 1) return complain("cost", "give one of cost, budget and keep");
  if (std::isnan(o.cost) && o.table.empty())
    return complain("type", "budget and keep are found on the past: give `table`");
  made->price.dear = made->price.cheap = std::isnan(o.cost) ? 0 : o.cost;
  if (!o.table.empty() && !learn(node, ctx, *made)) return nullptr;
  return made;
}

}  // namespace swy::flow
