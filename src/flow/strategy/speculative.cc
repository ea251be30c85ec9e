// speculative: a cheap model drafts the answer, and a deferral rule over what both models would say
// decides whether the draft stands.
//
// Rule: q and p are distributions over answers (equal in form: one answer) of `draft` and `target`.
// Each of the n samples of a model gives its answer c / n, where c is 1 (`confidence: voices`),
// exp(mean log-probability of its tokens) (`logprobs`) or the believed quality (`believed`); what
// is missing from 1 is said by nobody. The rule (math/deferral.h) defers when, of the draft v with
// most of q,
//   chow      max q < 1 - alpha                (never asks the target to decide)
//   diff      max q < max p - alpha
//   opt       max q < max p - alpha TV(p, q)
//   token_v1  q(v) < max p - alpha             token_v2  p(v) < max p - alpha
//   token_v3  p(v) < (1 - alpha) max p
// The target is asked only where the rule can defer whatever it says: at `diff` with alpha .3 not
// when the draft has .7. Deferred to, the target's likeliest answer stands. Cost: the draft's
// samples, and the target's where they are asked: unlike inside an engine, verifying costs an
// answer, so that the rules that read p buy quality and no money. Loses when confidences of the two
// are not comparable (a log-probability of one model says little beside another's), and everywhere
// a plain cascade does. A confidence that did not come is unknown: the draft then does not stand.
// Paper: speculative cascades (arXiv 2405.19261): variant of, the block is the whole answer and the
// vocabulary are answers, so no tokeniser need be shared and nothing is verified token by token.
// Tests: speculative_test.cc, math/deferral_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "flow/plugin.h"
#include "math/deferral.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

struct Options {
  std::string draft;
  std::string target;
  std::string rule = "opt";
  double alpha = route::kUnknownNumber;
  std::string confidence = "logprobs";
  std::int64_t samples = 1;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field("draft", draft, "answers first; absent: the cheapest candidate");
    b.field("target", target, "answers what is deferred; absent: the dearest candidate");
    b.field("rule", rule, "chow, diff, opt, token_v1, token_v2 or token_v3");
    b.field("alpha", alpha, {0, 2}, "how much less sure the draft may be; required");
    b.field("confidence", confidence,
            "of one answer: logprobs (of its tokens), believed (the estimator's quality), voices "
            "(share of the samples alone)");
    b.field("samples", samples, {1, 16}, "answers of each of the two");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

// The answers that were named, and how much each of the two models gives to each.
struct Shares {
  std::vector<std::string> answers;
  std::vector<double> q, p;
  bool draft_known = true, target_known = true;
  std::optional<std::uint32_t> draft, target;  // Episode::seen of their likeliest answers
  std::size_t v = 0;                           // the draft's, into answers
};

class Speculative final : public route::Strategy {
 public:
  std::uint32_t draft = 0, target = 0;
  math::DeferralRule rule = math::DeferralRule::kOpt;
  double alpha = 0;
  bool logprobs = true, believed = false;
  std::uint32_t samples = 1;
  AnswerForm form = AnswerForm::kAuto;

  [[nodiscard]] Step next(const Episode& e) const override {
    if (e.calls_left > 0) {
      if (may_ask(e, draft)) return ask(draft, e, "the draft");
      if (e.seen.empty() && !may_ask(e, target)) {
        const auto other = std::find(e.allowed.begin(), e.allowed.end(), 1) - e.allowed.begin();
        return run_one(static_cast<std::uint32_t>(other), "draft and target are forbidden");
      }
    }
    const Shares s = shares(e);
    if (may_ask(e, target) && e.calls_left > 0) {
      if (!s.draft) return ask(target, e, "there is no draft");
      if (!s.draft_known) return ask(target, e, "the draft has no confidence");
      if (math::may_defer(rule, alpha, s.q, s.v, most_of_target(e)))
        return ask(target, e, "the draft may not stand");
    }
    if (!s.draft && !s.target) return settle(heard_of(e, form), PostHoc(), e);
    if (!s.target) return stands(s, s.draft_known ? "the draft stands" : "only the draft came");
    if (!s.draft) return route::AnswerWith{*s.target, route::ReasonText("only the target came")};
    if (!s.draft_known || !s.target_known)
      return route::AnswerWith{*s.target, route::ReasonText("a confidence is unknown: deferred")};
    if (!math::defers(rule, alpha, s.q, s.p, s.v)) return stands(s, "the draft stands beside");
    const double most = *std::max_element(s.p.begin(), s.p.end());
    return route::AnswerWith{
        *s.target,
        route::ReasonText(fmt::format("deferred: {:.3f} against {:.3f}", s.q[s.v], most)), most};
  }

 private:
  static Step stands(const Shares& s, std::string_view why) {
    return route::AnswerWith{*s.draft, route::ReasonText(fmt::format("{}: {:.3f}", why, s.q[s.v])),
                             s.q[s.v]};
  }
  [[nodiscard]] Step ask(std::uint32_t candidate, const Episode& e, std::string_view why) const {
    route::RunCalls run;
    const auto n = static_cast<std::uint32_t>(std::min<std::int64_t>(samples, e.calls_left));
    for (std::uint32_t i = 0; i < n; ++i)
      run.calls.push_back({candidate, i, route::Purpose::kAnswer, "", logprobs});
    run.why = route::ReasonText(why);
    return run;
  }
  // Known before it is asked only where confidence is believed.
  [[nodiscard]] double most_of_target(const Episode& e) const {
    const double q = e.beliefs[target].quality;
    return believed && !std::isnan(q) ? q : 1;
  }
  [[nodiscard]] double confidence(const Episode& e, const route::Observation& o) const {
    if (believed) return e.beliefs[o.candidate].quality;
    return logprobs ? std::exp(o.logprob_mean) : 1.0;
  }

  [[nodiscard]] Shares shares(const Episode& e) const {
    Shares s;
    std::vector<std::uint32_t> from;
    const std::vector<Heard> heard = heard_of(e, form);
    double drafts = 0, targets = 0;
    for (const Heard& h : heard) (h.candidate == draft ? drafts : targets) += h.missing ? 0 : 1;
    for (const Heard& h : heard) {
      if (h.missing || (h.candidate != draft && h.candidate != target)) continue;
      // An answer that is not in the form is like no other.
      const std::string key = h.normal.empty() ? fmt::format("\n{}", h.seen) : h.normal;
      const auto at = static_cast<std::size_t>(std::find(s.answers.begin(), s.answers.end(), key) -
                                               s.answers.begin());
      if (at == s.answers.size()) {
        s.answers.push_back(key);
        s.q.push_back(0);
        s.p.push_back(0);
      }
      const bool drafted = h.candidate == draft;
      const double c = confidence(e, e.seen[h.seen]);
      bool& known = drafted ? s.draft_known : s.target_known;
      known = known && !std::isnan(c);
      (drafted ? s.q : s.p)[at] += (std::isnan(c) ? 0 : c) / (drafted ? drafts : targets);
    }
    s.v = likeliest(s.q);
    s.draft = first_with(heard, draft, s, s.v);
    s.target = first_with(heard, target, s, likeliest(s.p));
    return s;
  }
  static std::size_t likeliest(const std::vector<double>& p) {
    return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
  }
  // The first answer of `candidate` that is answers[at]; any, when none of its is.
  static std::optional<std::uint32_t> first_with(const std::vector<Heard>& heard,
                                                 std::uint32_t candidate, const Shares& s,
                                                 std::size_t at) {
    std::optional<std::uint32_t> any;
    for (const Heard& h : heard) {
      if (h.candidate != candidate || h.missing) continue;
      if (at < s.answers.size() && h.normal == s.answers[at]) return h.seen;
      if (!any) any = h.seen;
    }
    return any;
  }
};

}  // namespace

std::unique_ptr<route::Strategy> make_speculative(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return nullptr;
  };
  if (ctx.candidates().size() < 2) return complain("type", "speculative needs two models");
  const auto rule = math::deferral_rule(o.rule);
  if (!rule)
    return complain("rule", "rule must be chow, diff, opt, token_v1, token_v2 or token_v3");
  if (std::isnan(o.alpha)) return complain("type", "give alpha");
  if (o.confidence != "logprobs" && o.confidence != "believed" && o.confidence != "voices")
    return complain("confidence", "confidence must be logprobs, believed or voices");
  if (o.confidence == "voices" && o.samples == 1)
    return complain("samples", "the voices of one sample say nothing: give more samples");
  const auto form = form_named(o.form, node, ctx);
  const auto order = by_price(ctx);
  const auto draft =
      o.draft.empty() ? std::optional(order.front()) : candidate_named(o.draft, node, "draft", ctx);
  const auto target = o.target.empty() ? std::optional(order.back())
                                       : candidate_named(o.target, node, "target", ctx);
  if (!form || !draft || !target) return nullptr;
  if (*draft == *target) return complain("target", "draft and target are the same model");
  auto made = std::make_unique<Speculative>();
  made->draft = *draft;
  made->target = *target;
  made->rule = *rule;
  made->alpha = o.alpha;
  made->logprobs = o.confidence == "logprobs";
  made->believed = o.confidence == "believed";
  made->samples = static_cast<std::uint32_t>(o.samples);
  made->form = *form;
  return made;
}

}  // namespace swy::flow
