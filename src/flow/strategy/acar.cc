// acar: three probes of a cheap model decide how many models the question deserves.
//
// Rule: sigma = (different answers - 1) / (probes - 1). 0: the probes' answer. Between: the first
// two models are asked as well, and the answer with most voices stands (of equals the probes'). 1:
// all `models` are asked, and a judge chooses, or, without one, most voices (of equals the best
// model's). Cost: the probes always, then 0, 2 or all models and a judge. Loses: the probes alone
// cost what three calls cost, so the published saving was 1.5 %; a mistake that all probes make is
// final (agreement-but-wrong: no mode can recover it); answers that never match as texts escalate
// always. Probes of one model need a temperature above 0: three equal samples are one sample.
// Paper: ACAR (author's draft, request-routing.md 4.10). Deviations: lite counts all voices, where
// the draft asks two models "for verification" and does not say what they change; probes may be
// different models. Tests: acar_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "flow/plugin.h"
#include "flow/prompts.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Purpose;
using route::Step;

struct Options {
  std::vector<std::string> probe;
  std::int64_t probes = 3;
  std::vector<std::string> models;
  std::string judge;
  std::string form = "auto";

  void bind(base::OptionBinder& b) {
    b.field(
        "probe", probe,
        "one model that is sampled, or the models that are asked once each; absent: the cheapest");
    b.field("probes", probes, {2, 16}, "samples of a single probe model");
    b.field("models", models, "asked when the probes differ; absent: the others, dearest last");
    b.field("judge", judge, "chooses when all probes differ; absent: most voices");
    b.field("form", form, "what is compared: auto, letter, number, text, json");
  }
};

class Acar final : public route::Strategy {
 public:
  std::vector<route::FlowCall> probes;
  std::vector<std::uint32_t> models;
  std::optional<std::uint32_t> judge;
  AnswerForm form = AnswerForm::kAuto;

  [[nodiscard]] Step next(const Episode& e) const override {
    if (e.round == 0 && e.allowed[probes[0].candidate] != 0) {
      route::RunCalls run;
      for (const route::FlowCall& p : probes) {
        if (e.allowed[p.candidate] != 0) run.calls.push_back(p);
      }
      run.why = route::ReasonText("probes");
      return run;
    }
    const std::vector<Heard> heard = heard_of(e, form);
    std::vector<Heard> first;
    std::copy_if(heard.begin(), heard.end(), std::back_inserter(first),
                 [&](const Heard& h) { return e.seen[h.seen].round == 0; });
    const double sigma = sigma_of(first);
    const auto agreed = plurality(first);
    if (sigma == 0 && agreed)
      return route::AnswerWith{first[*agreed].seen, route::ReasonText("sigma 0: the probes agree")};
    if (e.calls_left > 0) {
      route::RunCalls run = models_for(e, sigma);
      if (!run.calls.empty()) return run;
    }
    return conclude(e, heard, sigma);
  }

 private:
  // Different answers among the probes; a probe without one differs from all others.
  static double sigma_of(const std::vector<Heard>& first) {
    if (first.size() < 2) return 1;
    std::size_t different = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      bool before = false;
      for (std::size_t j = 0; j < i && !before; ++j)
        before = voices_of(first, i) > 0 && first[j].normal == first[i].normal;
      different += before ? 0U : 1U;
    }
    return static_cast<double>(different - 1) / static_cast<double>(first.size() - 1);
  }

  [[nodiscard]] route::RunCalls models_for(const Episode& e, double sigma) const {
    route::RunCalls run;
    const std::size_t most = sigma < 1 ? 2 : models.size();
    for (std::size_t i = 0; i < std::min(most, models.size()); ++i) {
      if (may_ask(e, models[i])) run.calls.push_back({models[i], 0, Purpose::kAnswer, "", false});
    }
    run.why = route::ReasonText(fmt::format("sigma {:.2g}", sigma));
    return run;
  }

  [[nodiscard]] Step conclude(const Episode& e, const std::vector<Heard>& heard,
                              double sigma) const {
    std::vector<Heard> usable;
    std::copy_if(heard.begin(), heard.end(), std::back_inserter(usable),
                 [](const Heard& h) { return !h.missing; });
    if (usable.empty()) return settle(heard, PostHoc(), e);
    if (sigma < 1) {
      const std::size_t best = plurality(usable).value_or(0);  // of equals the first: a probe
      return route::AnswerWith{usable[best].seen,
                               route::ReasonText(fmt::format("sigma {:.2g}: most voices", sigma))};
    }
    if (judge && e.allowed[*judge] != 0) {
      for (const route::Observation& o : e.seen) {
        if (o.purpose != Purpose::kJudge) continue;
        const auto choice = o.failed ? std::nullopt : read_choice(o.text, usable.size());
        if (!choice) break;
        return route::AnswerWith{usable[*choice].seen, route::ReasonText("sigma 1: judged best")};
      }
      const bool judged = std::any_of(e.seen.begin(), e.seen.end(),
                                      [](const auto& o) { return o.purpose == Purpose::kJudge; });
      if (!judged && e.calls_left > 0) return ask_judge(e, usable);
    }
    const std::size_t best = best_by_voices(e, usable);
    return route::AnswerWith{usable[best].seen, route::ReasonText("sigma 1: most voices")};
  }

  [[nodiscard]] Step ask_judge(const Episode& e, const std::vector<Heard>& usable) const {
    std::vector<std::string> texts;
    for (const Heard& h : usable) texts.push_back(e.seen[h.seen].text);
    route::RunCalls run;
    run.calls.push_back({*judge, 0, Purpose::kJudge, judge_prompt(e.question, texts), false});
    run.why = route::ReasonText("sigma 1: judge");
    return run;
  }

  // Most voices; of equals that of the model listed last under `models` (the dearest).
  [[nodiscard]] std::size_t best_by_voices(const Episode&, const std::vector<Heard>& usable) const {
    std::size_t best = 0;
    const auto rank = [&](const Heard& h) {
      return std::find(models.begin(), models.end(), h.candidate) - models.begin() -
             (std::find(models.begin(), models.end(), h.candidate) == models.end() ? 1000 : 0);
    };
    for (std::size_t i = 1; i < usable.size(); ++i) {
      const std::size_t a = voices_of(usable, i);
      const std::size_t b = voices_of(usable, best);
      if (a > b || (a == b && rank(usable[i]) > rank(usable[best]))) best = i;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<route::Strategy> make_acar(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto form = form_named(o.form, node, ctx);
  std::vector<std::uint32_t> order = by_price(ctx);
  auto probe = candidates_named(o.probe, node, "probe", ctx);
  auto models = candidates_named(o.models, node, "models", ctx);
  if (!form || !probe || !models) return nullptr;
  auto made = std::make_unique<Acar>();
  made->form = *form;
  if (!o.judge.empty()) {
    made->judge = candidate_named(o.judge, node, "judge", ctx);
    if (!made->judge) return nullptr;
  }
  if (probe->empty()) probe->push_back(order.front());
  const bool sampled = probe->size() == 1;
  const auto count = sampled ? static_cast<std::size_t>(o.probes) : probe->size();
  for (std::size_t i = 0; i < count; ++i)
    made->probes.push_back({sampled ? probe->front() : (*probe)[i],
                            sampled ? static_cast<std::uint32_t>(i) : 0U, Purpose::kAnswer, "",
                            false});
  if (models->empty()) {
    for (const std::uint32_t c : order) {
      const bool probes = std::find(probe->begin(), probe->end(), c) != probe->end();
      if (!probes && c != made->judge) models->push_back(c);
    }
  }
  made->models = std::move(*models);
  if (made->models.empty()) {
    ctx.diag().error(mark_of(node, "models"), "no model is left to ask when the probes differ");
    return nullptr;
  }
  return made;
}

}  // namespace swy::flow
