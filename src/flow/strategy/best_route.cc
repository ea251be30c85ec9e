// best_route: an arm is a model and a number of samples; the cheapest arm that is likely enough as
// good as the reference answers, with the best of its samples.
//
// Rule: q_m is the believed quality of one sample of m (with the estimator `hybrid_llm` the chance
// to be as good as the reference). Of n samples one is good with probability
//   any(n) = 1 - prod_{i<n} (b + i) / (a + b + i),  a = q (1 - alike) / alike, b = (1 - q) (1 -
// alike) / alike: samples of one model whose answers have the correlation `alike` (0: independent,
// 1 - (1 - q)^n; 1: all the same). The better one is found with probability `hit`: p(m, n) = q +
// hit (any(n) - q). The cheapest arm with p >= quality is run, all samples at once; without one the
// reference. Arms that were learned: a candidate whose card has `answers: n` is the arm of n
// samples, its believed quality that of their best (an estimator fitted on tables with several
// answers), and other candidates are asked once: p = q_1 + hit (q_n - q_1), q_1 that of the
// candidate that is one sample of the same model, q_n where there is none. Of several samples the
// `judge` chooses, else most voices; a failed arm goes to the reference. Cost: n calls and a
// verdict. Loses when samples of a model fail together, and when the judge errs: pass@n is not
// best-of-n. Paper: BEST-Route (arXiv 2506.22716; request-routing.md 5.2): variant of; deviations:
// p(m, n) follows from p(m, 1) and two numbers in place of a trained head for every arm, where no
// arms are candidates; a model or voices in place of its proxy reward model. Test:
// best_route_test.cc, eval/arms_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "flow/plugin.h"
#include "flow/prompts.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Purpose;
using route::Step;

struct Options {
  std::int64_t samples = 5;
  double quality = 0.7;
  double alike = 0.5;
  double hit = 0.8;
  std::string reference;
  std::string judge;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("samples", samples, {1, 32},
            "of one model, at most; 1 where candidates have `answers`");
    b.field("quality", quality, {0, 1}, "chance of a good answer that an arm needs");
    b.field("alike", alike, {0, 1}, "correlation of samples of one model; 0: independent");
    b.field("hit", hit, {0, 1}, "chance that the good one among the samples is found");
    b.field("reference", reference, "answers when no arm will do; absent: the dearest candidate");
    b.field("judge", judge, "chooses among samples; absent: most voices");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

struct Arm {
  std::uint32_t candidate = 0;
  std::uint32_t samples = 1;
  double p = route::kUnknownNumber;
};

class BestRoute final : public route::Strategy {
 public:
  Options o;
  std::uint32_t reference = 0;
  std::optional<std::uint32_t> judge;
  std::vector<std::uint32_t> order;  // who may answer, cheapest first
  AnswerForm form = AnswerForm::kAuto;
  std::vector<std::uint32_t> answers;  // by candidate: its card's
  std::vector<std::uint32_t> single;  // by candidate: the one that is one of its answers, or itself
  bool arms = false;                  // some have more than one

  [[nodiscard]] Step next(const Episode& e) const override {
    const std::vector<Heard> heard = heard_of(e, form);
    if (heard.empty()) {
      const std::optional<Arm> chosen = choose(e);
      if (!chosen) return route::Abstain{route::ReasonText("only the judge is allowed")};
      const Arm arm = *chosen;
      route::RunCalls run;
      for (std::uint32_t i = 0; i < arm.samples; ++i)
        run.calls.push_back({arm.candidate, i, Purpose::kAnswer, "", false});
      run.why = route::ReasonText(std::isnan(arm.p)
                                      ? "no arm will do: the reference"
                                      : fmt::format("{} samples: p {:.3f}", arm.samples, arm.p));
      return run;
    }
    if (std::all_of(heard.begin(), heard.end(), [](const Heard& h) { return h.missing; })) {
      if (may_ask(e, reference) && e.calls_left > 0) return run_one(reference, "nothing came");
      return settle(heard, PostHoc(), e);
    }
    return pick(e, heard);
  }

  [[nodiscard]] double chance(double q, std::uint32_t n) const {
    if (o.alike == 1) return q;
    double none = 1;
    for (std::uint32_t i = 0; i < n; ++i) {  // both terms times alike
      const double more = o.alike * i;
      none *= ((1 - q) * (1 - o.alike) + more) / (1 - o.alike + more);
    }
    return q + o.hit * (1 - none - q);
  }

 private:
  [[nodiscard]] std::optional<Arm> choose(const Episode& e) const {
    std::optional<Arm> best;
    double least = HUGE_VAL;
    for (const std::uint32_t c : order) {
      const route::Belief& b = e.beliefs[c];
      if (e.allowed[c] == 0 || c == reference || std::isnan(b.quality) || std::isnan(b.cost_micro))
        continue;
      const auto most = static_cast<std::uint32_t>(std::min(arms ? 1 : o.samples, e.calls_left));
      if (answers[c] > e.calls_left) continue;
      for (std::uint32_t n = answers[c]; n <= std::max(answers[c], most); ++n) {
        const double p = arms ? learned(e, c) : chance(b.quality, n);
        const double cost = b.cost_micro * n / answers[c] + (n > 1 ? judging(e) : 0.0);
        if (p < o.quality - 1e-12 || cost >= least) continue;
        least = cost;
        best = Arm{c, n, p};
      }
    }
    const double strong = e.allowed[reference] != 0 ? e.beliefs[reference].cost_micro : HUGE_VAL;
    if (best && !(least > strong)) return *best;
    if (e.allowed[reference] != 0) return Arm{reference, 1, route::kUnknownNumber};
    if (best) return *best;
    for (const std::uint32_t c : order)
      if (e.allowed[c] != 0) return Arm{c, 1, route::kUnknownNumber};
    return std::nullopt;
  }

  [[nodiscard]] double learned(const Episode& e, std::uint32_t c) const {
    const double one = e.beliefs[single[c]].quality;
    const double best = e.beliefs[c].quality;
    return std::isnan(one) ? best : one + o.hit * (best - one);
  }

  // What a verdict is expected to cost, as one more call of the judge.
  [[nodiscard]] double judging(const Episode& e) const {
    if (!judge) return 0;
    const double cost = e.beliefs[*judge].cost_micro;
    return std::isnan(cost) ? 0 : cost;
  }

  [[nodiscard]] Step pick(const Episode& e, const std::vector<Heard>& heard) const {
    std::vector<std::size_t> said;
    for (std::size_t i = 0; i < heard.size(); ++i)
      if (!heard[i].missing) said.push_back(i);
    const auto verdict = std::find_if(e.seen.begin(), e.seen.end(),
                                      [](const auto& s) { return s.purpose == Purpose::kJudge; });
    if (verdict != e.seen.end() && !verdict->failed) {
      if (const auto choice = read_choice(verdict->text, said.size()))
        return route::AnswerWith{heard[said[*choice]].seen,
                                 route::ReasonText("the judge's choice")};
    }
    const bool ask = judge && e.allowed[*judge] != 0 && e.calls_left > 0 && said.size() > 1;
    if (ask && verdict == e.seen.end()) {
      std::vector<std::string> texts;
      for (const std::size_t i : said) texts.push_back(e.seen[heard[i].seen].text);
      route::RunCalls run;
      run.calls.push_back({*judge, 0, Purpose::kJudge, judge_prompt(e.question, texts), false});
      run.why = route::ReasonText("which sample is best?");
      return run;
    }
    const std::size_t best = plurality(heard).value_or(said.front());
    return route::AnswerWith{
        heard[best].seen,
        route::ReasonText(said.size() > 1 ? "most voices among the samples" : "the only answer")};
  }
};

}  // namespace

std::unique_ptr<route::Strategy> make_best_route(const base::Doc& node, route::BuildContext& ctx) {
  auto made = std::make_unique<BestRoute>();
  if (!ctx.bind(node, made->o)) return nullptr;
  const auto form = form_named(made->o.form, node, ctx);
  made->order = by_price(ctx);
  if (!made->o.judge.empty()) {
    made->judge = candidate_named(made->o.judge, node, "judge", ctx);
    if (!made->judge) return nullptr;
    std::erase(made->order, *made->judge);
  }
  if (!form) return nullptr;
  if (made->order.empty()) {
    ctx.diag().error(mark_of(node, "judge"), "no model is left to answer");
    return nullptr;
  }
  const auto reference = made->o.reference.empty()
                             ? std::optional(made->order.back())
                             : candidate_named(made->o.reference, node, "reference", ctx);
  if (!reference) return nullptr;
  for (const ExpertId id : ctx.candidates()) {
    const Card& card = ctx.catalogue()[id];
    const auto of_one = [&](ExpertId other) {
      const Card& c = ctx.catalogue()[other];
      return c.answers == 1 && c.upstream == card.upstream &&
             c.upstream_model == card.upstream_model;
    };
    const auto all = ctx.candidates();
    const auto it = std::find_if(all.begin(), all.end(), of_one);
    const auto self = static_cast<std::uint32_t>(made->answers.size());
    made->single.push_back(
        card.answers == 1 || it == all.end() ? self : static_cast<std::uint32_t>(it - all.begin()));
    made->answers.push_back(card.answers);
    made->arms = made->arms || card.answers > 1;
  }
  made->form = *form;
  made->reference = *reference;
  return made;
}

}  // namespace swy::flow
