// gate: the best candidate answers, a judge grades the answer, and what fails the gate goes to the
// next candidate, until one passes or none is left.
//
// Rule: candidates in order of believed quality (`order: believed`) or price (`cost`); with
// `order: believed` those believed below the gate are not asked at all. An answer stands when the
// judge's grade reaches `gate`. When all fail: `last: abstain` (nothing is answered, as a data
// pipeline drops the item) or `best` (highest grade). Cost: a call and a grade for each try. The
// judge must not be one of those it grades: it would like its own answers. A judge that fails or
// gives no grade fails the answer (a gate is closed when it is broken). Loses as every judged
// cascade does: quality falls steadily with the judge's error (section 6, pitfall 5; the test
// measures it). Papers: OmniScience re-captioning's gate and retry (request-routing.md 4.16):
// variant of; FrugalGPT with a judge as scorer. Tests: gate_test.cc.
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
  std::string judge;
  double gate = 0.75;
  std::string order = "believed";
  std::int64_t tries = 3;
  std::string last = "best";

  void bind(base::OptionBinder& b) {
    b.field("judge", judge, "grades answers 0 to 100; a candidate of the rule that never answers");
    b.field("gate", gate, {0, 1}, "grade that passes, 0 to 1");
    b.field("order", order, "believed: best believed first; cost: cheapest first");
    b.field("tries", tries, {1, 32}, "answers that are graded");
    b.field("last", last, "when none passes: best (of them), or abstain");
  }
};

class Gate final : public route::Strategy {
 public:
  Options o;
  std::uint32_t judge = 0;
  std::vector<std::uint32_t> cheapest;  // candidates but the judge

  [[nodiscard]] Step next(const Episode& e) const override {
    // Answers and grades alternate.
    std::optional<std::uint32_t> ungraded;
    std::optional<std::uint32_t> best;
    double best_grade = -1;
    std::int64_t tries = 0;
    for (std::uint32_t i = 0; i < e.seen.size(); ++i) {
      const route::Observation& s = e.seen[i];
      if (s.purpose == Purpose::kAnswer) {
        ++tries;
        ungraded = s.failed ? std::nullopt : std::optional(i);
        continue;
      }
      const double grade = s.failed ? -1 : read_grade(s.text).value_or(-1);
      if (ungraded && grade >= o.gate - 1e-12)
        return route::AnswerWith{*ungraded, route::ReasonText(fmt::format("graded {:.2f}", grade)),
                                 grade};
      if (ungraded && (!best || grade > best_grade)) {
        best = ungraded;
        best_grade = grade;
      }
      ungraded.reset();
    }
    if (ungraded && e.calls_left > 0 && e.allowed[judge] != 0) {
      route::RunCalls run;
      run.calls.push_back({judge, static_cast<std::uint32_t>(tries - 1), Purpose::kJudge,
                           grade_prompt(e.question, e.seen[*ungraded].text), false});
      run.why = route::ReasonText("graded");
      return run;
    }
    if (const auto c = following(e); c && tries < o.tries && e.calls_left > 0)
      return run_one(*c, tries == 0 ? "first" : "the gate was not passed");
    if (!best) best = ungraded;
    if (best && o.last == "best")
      return route::AnswerWith{*best, route::ReasonText("none passed the gate: best of them")};
    return route::Abstain{route::ReasonText("no answer passed the gate")};
  }

 private:
  [[nodiscard]] std::optional<std::uint32_t> following(const Episode& e) const {
    std::optional<std::uint32_t> best;
    for (const std::uint32_t c : cheapest) {
      if (!may_ask(e, c)) continue;
      const double q = e.beliefs[c].quality;
      if (o.order == "cost") return c;
      // Believed not to pass: only asked where some answer is better than none.
      if (q < o.gate && (o.last == "abstain" || !e.seen.empty())) continue;
      if (!best || (!std::isnan(q) && !(e.beliefs[*best].quality >= q))) best = c;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<route::Strategy> make_gate(const base::Doc& node, route::BuildContext& ctx) {
  auto made = std::make_unique<Gate>();
  if (!ctx.bind(node, made->o)) return nullptr;
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  if (made->o.judge.empty()) return complain("type", "a gate needs a judge: the name of a model");
  const auto judge = candidate_named(made->o.judge, node, "judge", ctx);
  if (!judge) return nullptr;
  if (made->o.order != "believed" && made->o.order != "cost")
    return complain("order", "order must be believed or cost");
  if (made->o.last != "best" && made->o.last != "abstain")
    return complain("last", "last must be best or abstain");
  made->judge = *judge;
  made->cheapest = by_price(ctx);
  std::erase(made->cheapest, *judge);
  if (made->cheapest.empty()) return complain("judge", "no model is left to answer");
  return made;
}

}  // namespace swy::flow
