// automix: the small model answers, its answer is verified k times, and only what verification
// doubts goes on to the large model.
//
// Rule: votes = verifications that found the answer right, 0 to k; a table over votes says whether
// to escalate. `threshold`: escalate when votes / k <= threshold. With `table` the escalation table
// is learned from past answers by best IBC lift: `method: threshold` or `pomdp`, which is solved
// exactly (automix.h). Verifications are k calls of `verifier` with the question and the answer
// (self- verification when it is the small model), or, with `verifiers`, the answers of other
// models: equal is a vote. Only the latter can be learned from tables of answers, which hold no
// verdicts. Cost: small + k verifications always, large for what is escalated. Loses when
// verification is uncalibrated, as self-verification is on reasoning, and when k verdicts cost more
// than the large model. Paper: AutoMix (arXiv 2310.12963), after its released code; deviations:
// votes are counted, not float bins, and the table of verdict classes comes from any number of
// models. Tests: automix_test.cc beside this file, and src/flow/automix_test.cc for the arithmetic.
#include "flow/automix.h"

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
  std::string small;
  std::string large;
  std::string verifier;
  std::int64_t verifications = 4;
  std::vector<std::string> verifiers;
  double threshold = route::kUnknownNumber;
  std::string method = "pomdp";
  std::vector<std::string> table;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("small", small, "answers first; absent: the cheapest candidate");
    b.field("large", large, "answers what is escalated; absent: the dearest candidate");
    b.field("verifier", verifier, "is asked whether the answer is right; absent: `small`");
    b.field("verifications", verifications, {1, 32}, "times it is asked");
    b.field("verifiers", verifiers,
            "models whose own answers are the votes, in place of verdicts: equal is right");
    b.field("threshold", threshold, {0, 1}, "share of votes up to which is escalated");
    b.field("method", method, "learned from `table` by threshold or pomdp");
    b.field("table", table, "outcome tables with answers; needs `verifiers`");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

class AutoMix final : public route::Strategy {
 public:
  std::uint32_t small = 0, large = 0, verifier = 0;
  std::uint32_t verifications = 0;
  std::vector<std::uint32_t> verifiers;
  std::vector<std::uint8_t> escalate;  // by votes
  AnswerForm form = AnswerForm::kAuto;

  [[nodiscard]] Step next(const Episode& e) const override {
    if (e.seen.empty() && may_ask(e, small)) return run_one(small, "the small model first");
    const std::vector<Heard> heard = heard_of(e, form);
    const auto first = std::find_if(heard.begin(), heard.end(),
                                    [&](const Heard& h) { return h.candidate == small; });
    const bool answered = first != heard.end() && !first->missing;
    if (asked(e, large)) return after_large(e, heard);
    if (!answered) return go_large(e, heard, "the small model gave nothing");
    if (e.calls_left > 0 && e.round == 1) {
      route::RunCalls run = verify(e, e.seen[first->seen].text);
      if (!run.calls.empty()) return run;
    }
    const std::uint32_t votes = count(e, heard, *first);
    const auto why = fmt::format("{} of {} verifications say right", votes, escalate.size() - 1);
    if (escalate[votes] != 0 && may_ask(e, large) && e.calls_left > 0) return run_one(large, why);
    return route::AnswerWith{first->seen, route::ReasonText(why),
                             votes / std::max(1.0, static_cast<double>(escalate.size() - 1))};
  }

  [[nodiscard]] std::uint64_t version() const override {
    std::uint64_t h = 1;
    for (const std::uint8_t e : escalate) h = h * 2 + e;
    return h;
  }

 private:
  [[nodiscard]] route::RunCalls verify(const Episode& e, const std::string& answer) const {
    route::RunCalls run;
    run.why = route::ReasonText("is it right?");
    for (const std::uint32_t v : verifiers) {
      if (may_ask(e, v)) run.calls.push_back({v, 0, Purpose::kAnswer, "", false});
    }
    if (!verifiers.empty() || e.allowed[verifier] == 0) return run;
    const std::string prompt = verify_prompt(e.question, answer);
    for (std::uint32_t i = 0; i < verifications; ++i)
      run.calls.push_back({verifier, i, Purpose::kVerify, prompt, false});
    return run;
  }

  [[nodiscard]] std::uint32_t count(const Episode& e, const std::vector<Heard>& heard,
                                    const Heard& first) const {
    std::uint32_t votes = 0;
    for (const Heard& h : heard) {
      const bool votes_for = h.candidate != small && h.candidate != large && !h.missing &&
                             !h.normal.empty() && h.normal == first.normal;
      votes += votes_for ? 1U : 0U;
    }
    for (const route::Observation& o : e.seen) {
      if (o.purpose == Purpose::kVerify && !o.failed) votes += read_yes(o.text) == true ? 1U : 0U;
    }
    return std::min(votes, static_cast<std::uint32_t>(escalate.size() - 1));
  }

  [[nodiscard]] Step go_large(const Episode& e, const std::vector<Heard>& heard,
                              std::string_view why) const {
    if (may_ask(e, large) && e.calls_left > 0) return run_one(large, why);
    return settle(heard, PostHoc(), e);
  }

  [[nodiscard]] Step after_large(const Episode& e, const std::vector<Heard>& heard) const {
    for (const Heard& h : heard) {
      if (h.candidate == large && !h.missing)
        return route::AnswerWith{h.seen, route::ReasonText("verification doubted the small model")};
    }
    return settle(heard, PostHoc(), e);
  }
};

bool learn(const Options& o, const base::Doc& node, route::BuildContext& ctx, AutoMix& made) {
  const base::Mark mark = mark_of(node, "table");
  if (made.verifiers.empty()) {
    ctx.diag().error(mark,
                     "tables hold answers, not verdicts: give `verifiers` to learn from them");
    return false;
  }
  const auto past = load_past(o.table, mark, made.form, false, ctx);
  if (!past) return false;
  std::vector<Verified> rows;
  MixCosts costs{past->mean_cost(made.small), past->mean_cost(made.large), 0};
  for (const std::uint32_t v : made.verifiers) costs.verify += past->mean_cost(v);
  for (std::size_t q = 0; q < past->questions(); ++q) {
    const PastAnswer& small = past->at(q, made.small);
    Verified row{0, small.quality, past->at(q, made.large).quality};
    for (const std::uint32_t v : made.verifiers)
      row.votes += !small.normal.empty() && past->at(q, v).normal == small.normal ? 1U : 0U;
    rows.push_back(row);
  }
  const auto bins = static_cast<std::uint32_t>(made.verifiers.size() + 1);
  made.escalate =
      o.method == "pomdp" ? best_pomdp(rows, bins, costs) : best_threshold(rows, bins, costs);
  const Mixed mixed = mix(rows, made.escalate, costs);
  ctx.diag().note(mark,
                  fmt::format("escalates at votes {}; on the past quality {:.4f} at {:.4g} USD, "
                              "IBC lift {:+.3f}",
                              fmt::join(made.escalate, ""), mixed.quality, mixed.cost, mixed.lift));
  return true;
}

}  // namespace

std::unique_ptr<route::Strategy> make_automix(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto order = by_price(ctx);
  const auto form = form_named(o.form, node, ctx);
  const auto small =
      o.small.empty() ? std::optional(order.front()) : candidate_named(o.small, node, "small", ctx);
  const auto large =
      o.large.empty() ? std::optional(order.back()) : candidate_named(o.large, node, "large", ctx);
  const auto verifier =
      o.verifier.empty() ? small : candidate_named(o.verifier, node, "verifier", ctx);
  auto verifiers = candidates_named(o.verifiers, node, "verifiers", ctx);
  if (!form || !small || !large || !verifier || !verifiers) return nullptr;
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  if (*small == *large) return complain("large", "small and large are the same model");
  std::erase(*verifiers, *small);
  std::erase(*verifiers, *large);
  if (o.method != "pomdp" && o.method != "threshold")
    return complain("method", "method must be threshold or pomdp");
  if (o.table.empty() && std::isnan(o.threshold))
    return complain("type", "give threshold, or table with verifiers");
  auto made = std::make_unique<AutoMix>();
  made->small = *small;
  made->large = *large;
  made->verifier = *verifier;
  made->verifications = static_cast<std::uint32_t>(o.verifications);
  made->verifiers = std::move(*verifiers);
  made->form = *form;
  const std::size_t k = made->verifiers.empty() ? made->verifications : made->verifiers.size();
  for (std::size_t v = 0; v <= k; ++v) {
    const double share = static_cast<double>(v) / static_cast<double>(k);
    made->escalate.push_back(share <= o.threshold + 1e-12 ? 1 : 0);
  }
  if (!o.table.empty() && std::isnan(o.threshold) && !learn(o, node, ctx, *made)) return nullptr;
  return made;
}

}  // namespace swy::flow
