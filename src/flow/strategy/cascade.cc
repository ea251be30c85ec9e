// cascade: one model after another, until an answer is good enough.
//
// Rule: after each answer, score = probability that the best answer heard so far is right
// (posthoc.h: agreement with the earlier ones, form, lengths, beliefs); it stands when
// score > threshold of that stage; below `abstain` nothing is answered; else the next model is
// asked. The last model's answer stands as it is (`last: best`: the best of all heard). With
// `table` the score is fitted on past answers and the thresholds are searched there: `budget` for
// most quality at a mean cost, `keep` for least cost at a share of the best model's quality
// (thresholds.h). Thresholds are searched on scores that did not learn from the same question.
// Right because P(right) is what the price of another call has to be weighed against; a threshold
// per stage is optimal where scores are calibrated and later stages do not depend on the score.
// Cost: one logistic per stage asked. Loses when the score is bad: with a judge that errs in more
// than about 20 % of cases a cascade is worse than its parts (section 6, pitfall 5), when the cheap
// call is not much cheaper, and where escalating is wrong (the last model is not always better,
// pitfall 6). Papers: FrugalGPT (arXiv 2305.05176; deviations: a logistic over agreement and
// form in place of DistilBERT on texts, exact search in place of Nelder-Mead, one scorer per set of
// answers); early abstention (arXiv 2502.09054) and Gatekeeper-style confidence: variants of, their
// bodies were not read. Tests: cascade_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "flow/plugin.h"
#include "flow/thresholds.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

constexpr double kUnset = route::kUnknownNumber;
constexpr std::size_t kMostSearched = 5;  // candidates, of which all orders are tried

struct Options {
  std::string order;
  double threshold = kUnset;
  base::NumberMap thresholds;
  std::string score = "posthoc";
  double abstain = kUnset;
  std::string last = "own";
  std::string form = "auto";
  std::vector<std::string> table;
  bool beliefs = false;
  double budget = kUnset;
  double keep = kUnset;
  double sure = 1;

  void bind(base::OptionBinder& b) {
    b.field(
        "order", order,
        "cost: cheapest first; listed: as the rule lists its models; search: what is best on "
        "the tables, of at most 4 models. Absent: search when thresholds are learned, else cost");
    b.field(
        "score", score,
        "posthoc: probability that the best answer heard is right; logprob_mean, logprob_min: of "
        "the latest answer's tokens, asked of the model");
    b.field("threshold", threshold, {-1e3, 1}, "score above which an answer stands");
    b.field("thresholds", thresholds, "the same by model, where they differ");
    b.field("abstain", abstain, {0, 1}, "score below which nothing is answered");
    b.field("last", last, "own: the last model's answer stands; best: the best of all heard");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
    b.field("table", table, "outcome tables to learn from, with the answers beside them");
    b.field("beliefs", beliefs,
            "ask the rule's estimator about every question of the tables, so that the score "
            "learns what its beliefs are worth");
    b.field("budget", budget, {0, 1e6}, "learn thresholds: mean USD a question");
    b.field("keep", keep, {0, 2}, "learn thresholds: share of the best model's quality");
    b.field("sure", sure, {0, 5}, "standard errors by which `keep` is held on the tables");
  }
};

class Cascade final : public route::Strategy {
 public:
  std::vector<std::uint32_t> order;  // candidates
  std::vector<double> threshold;     // by stage but the last
  double abstain = kUnset;
  bool best_of_all = false;
  std::string measure;  // "": posthoc; else which log-probability
  AnswerForm form = AnswerForm::kAuto;
  PostHoc posthoc;

  [[nodiscard]] Step next(const Episode& e) const override {
    const std::vector<Heard> heard = heard_of(e, form);
    const std::size_t stage = next_stage(e);
    if (heard.empty()) return ask(stage, e, heard);
    const std::vector<double> beliefs = qualities(e);
    const Proposal p = posthoc.propose(heard, beliefs);
    const double score = score_of(e, heard, p, beliefs);
    if (heard[p.heard].missing) return ask(stage, e, heard);
    if (score < abstain)
      return route::Abstain{
          route::ReasonText(fmt::format("score {:.3f} is below {:.3f}", score, abstain))};
    const std::size_t at = stage_of(heard.back().candidate);
    if (at + 1 < order.size() && score > threshold[at]) {
      return route::AnswerWith{
          measure.empty() ? heard[p.heard].seen : heard.back().seen,
          route::ReasonText(fmt::format("score {:.3f} above {:.3f}", score, threshold[at])), score};
    }
    if (stage < order.size() && e.calls_left > 0) return ask(stage, e, heard);
    const Heard& last = heard.back();
    const Heard& chosen = best_of_all || last.missing ? heard[p.heard] : last;
    return route::AnswerWith{chosen.seen, route::ReasonText("the last model's turn"), score};
  }

  [[nodiscard]] std::uint64_t version() const override {
    std::uint64_t h = posthoc.version();
    for (const double t : threshold) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &t, sizeof bits);
      h = h * 31 + bits;
    }
    return h;
  }

 private:
  // NaN (no log-probabilities came) passes no threshold: it is not confidence 0, and not 1.
  [[nodiscard]] double score_of(const Episode& e, const std::vector<Heard>& heard,
                                const Proposal& p, const std::vector<double>& beliefs) const {
    const route::Observation& last = e.seen[heard.back().seen];
    if (!measure.empty()) return measure == "logprob_min" ? last.logprob_min : last.logprob_mean;
    return posthoc.score(heard, p, beliefs, static_cast<double>(e.question.size()));
  }
  [[nodiscard]] std::size_t stage_of(std::uint32_t candidate) const {
    return static_cast<std::size_t>(std::find(order.begin(), order.end(), candidate) -
                                    order.begin());
  }
  // The first stage that was not asked and may be.
  [[nodiscard]] std::size_t next_stage(const Episode& e) const {
    std::size_t stage = 0;
    for (const route::Observation& o : e.seen) stage = std::max(stage, stage_of(o.candidate) + 1);
    while (stage < order.size() && e.allowed[order[stage]] == 0) ++stage;
    return stage;
  }
  [[nodiscard]] Step ask(std::size_t stage, const Episode& e,
                         const std::vector<Heard>& heard) const {
    if (stage == order.size() || e.calls_left == 0) return settle(heard, posthoc, e);
    route::RunCalls run =
        run_one(order[stage], heard.empty() ? "the cheapest first" : "not sure enough");
    run.calls[0].logprobs = !measure.empty();
    return run;
  }
};

// Finds order and thresholds on the past.
class Learner {
 public:
  Learner(const Past& past, Cascade& cascade, const Goal& goal)
      : past_(past), cascade_(cascade), goal_(goal) {}

  // The best of all orders of at most kMost different candidates that begin with `order`.
  void search(std::vector<std::uint32_t>& order) {
    if (!order.empty()) take(order);
    if (order.size() == std::min(past_.candidates, kMost)) return;
    for (std::uint32_t c = 0; c < past_.candidates; ++c) {
      if (std::find(order.begin(), order.end(), c) != order.end()) continue;
      order.push_back(c);
      search(order);
      order.pop_back();
    }
  }

  void take(const std::vector<std::uint32_t>& order) {
    Searched found = search_thresholds(stages_of(order), goal_);
    if (any_ && !better(found, best_, goal_)) return;
    any_ = true;
    best_ = std::move(found);
    cascade_.order = order;
    cascade_.threshold = best_.threshold;
  }

  [[nodiscard]] const Searched& best() const { return best_; }

  static constexpr std::size_t kMost = 4;  // FrugalGPT takes 3; a longer chain gains nothing (5.12)

 private:
  const PostHoc::OutOfFold& fitted(std::vector<std::uint32_t> set) {
    std::sort(set.begin(), set.end());
    const auto known = fitted_.find(set);
    if (known != fitted_.end()) return known->second;
    return fitted_.emplace(set, cascade_.posthoc.fit(past_, set)).first->second;
  }

  // What stopping at each stage would have given.
  Stages stages_of(const std::vector<std::uint32_t>& order) {
    Stages stages;
    const std::size_t n = past_.questions();
    std::vector<double> cost(n, 0.0);
    for (std::size_t stage = 0; stage < order.size(); ++stage) {
      for (std::size_t q = 0; q < n; ++q) cost[q] += past_.at(q, order[stage]).cost;
      const auto& at =
          fitted({order.begin(), order.begin() + static_cast<std::ptrdiff_t>(stage) + 1});
      const bool last = stage + 1 == order.size();
      stages.quality.push_back(at.quality);
      if (last && !cascade_.best_of_all) {
        for (std::size_t q = 0; q < n; ++q)
          stages.quality.back()[q] = past_.at(q, order[stage]).quality;
      }
      stages.cost.push_back(cost);
      if (!last) stages.score.push_back(at.score);
    }
    return stages;
  }

  const Past& past_;
  Cascade& cascade_;
  const Goal& goal_;
  Searched best_;
  bool any_ = false;
  std::map<std::vector<std::uint32_t>, PostHoc::OutOfFold> fitted_;
};

void report(const Searched& found, const Cascade& cascade, base::Mark mark,
            route::BuildContext& ctx) {
  std::string chain;
  for (std::size_t i = 0; i < cascade.order.size(); ++i) {
    chain += ctx.catalogue()[ctx.candidates()[cascade.order[i]]].name;
    if (i + 1 < cascade.order.size()) chain += fmt::format(" (> {:.3f}), ", cascade.threshold[i]);
  }
  const std::string what = fmt::format("{}: on the past quality {:.4f} at {:.4g} USD a question",
                                       chain, found.quality, found.cost);
  if (found.met) {
    ctx.diag().note(mark, what);
  } else {
    ctx.diag().warning(mark, "the goal cannot be met; nearest is " + what);
  }
}

// False: an error was reported.
bool learn(const Options& o, const base::Doc& node, route::BuildContext& ctx, Cascade& cascade) {
  const base::Mark mark = mark_of(node, "table");
  const auto past = load_past(o.table, mark, cascade.form, o.beliefs, ctx);
  if (!past) return false;
  if (std::isnan(o.budget) && std::isnan(o.keep)) {  // only the score is to be learned
    for (std::size_t n = 1; n <= cascade.order.size(); ++n)
      (void)cascade.posthoc.fit(*past, {cascade.order.data(), n});
    return true;
  }
  std::uint32_t strongest = 0;
  for (std::uint32_t c = 1; c < past->candidates; ++c) {
    if (past->mean_quality(c) > past->mean_quality(strongest)) strongest = c;
  }
  Goal goal;
  goal.budget = o.budget;
  goal.keep = o.keep;
  goal.sure = o.sure;
  for (std::size_t q = 0; q < past->questions(); ++q)
    goal.reference.push_back(past->at(q, strongest).quality);
  Learner learner(*past, cascade, goal);
  if (o.order == "search") {
    std::vector<std::uint32_t> order;
    learner.search(order);
  } else {
    learner.take(cascade.order);
  }
  report(learner.best(), cascade, mark, ctx);
  return true;
}

bool check(const Options& o, const base::Doc& node, route::BuildContext& ctx) {
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return false;
  };
  if (!o.order.empty() && o.order != "cost" && o.order != "listed" && o.order != "search")
    return complain("order", "order must be cost, listed or search");
  if (o.score != "posthoc" && o.score != "logprob_mean" && o.score != "logprob_min")
    return complain("score", "score must be posthoc, logprob_mean or logprob_min");
  if (o.score != "posthoc" && !o.table.empty())
    return complain("table", "tables hold no log-probabilities to learn from");
  if (o.last != "own" && o.last != "best") return complain("last", "last must be own or best");
  if (ctx.candidates().size() < 2) return complain("type", "a cascade needs two models");
  const bool learned = !std::isnan(o.budget) || !std::isnan(o.keep);
  if (!std::isnan(o.budget) && !std::isnan(o.keep))
    return complain("keep", "give budget or keep, not both");
  if (learned && o.table.empty())
    return complain("type", "budget and keep are learned from a table: give `table`");
  if (!learned && std::isnan(o.threshold) && o.thresholds.empty())
    return complain("type", "give threshold, or table with budget or keep");
  return true;
}

}  // namespace

std::unique_ptr<route::Strategy> make_cascade(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (!check(o, node, ctx)) return nullptr;
  const bool goal = !std::isnan(o.budget) || !std::isnan(o.keep);
  if (o.order.empty())
    o.order = goal && ctx.candidates().size() <= kMostSearched ? "search" : "cost";
  const auto form = form_named(o.form, node, ctx);
  if (!form) return nullptr;
  auto made = std::make_unique<Cascade>();
  made->form = *form;
  made->abstain = o.abstain;
  if (o.score != "posthoc") made->measure = o.score;
  made->best_of_all = o.last == "best";
  made->order = by_price(ctx);
  if (o.order == "listed") std::sort(made->order.begin(), made->order.end());
  const std::size_t stages = made->order.size() - 1;
  made->threshold.assign(stages, std::isnan(o.threshold) ? 1.0 : o.threshold);
  for (const auto& [name, value] : o.thresholds) {
    const auto c = candidate_named(name, node, "thresholds", ctx);
    if (!c) return nullptr;
    const auto at = static_cast<std::size_t>(std::find(made->order.begin(), made->order.end(), *c) -
                                             made->order.begin());
    if (at < stages) made->threshold[at] = value;
  }
  if (!o.table.empty() && !learn(o, node, ctx, *made)) return nullptr;
  return made;
}

}  // namespace swy::flow
