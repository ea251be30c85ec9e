// A flow on T4 or any other table of scripted answers: a plan from YAML, a caller that answers from
// a table, and what came of it.
//
// When to use: tests of strategies. Threading: one thread. Ownership: a FlowLab owns everything.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flow/builtin.h"
#include "flow/loop.h"
#include "route/plan.h"

namespace swy::flow::testing {

struct Said {
  std::string text;
  double cost = 0;
  bool failed = false;
  double logprob_mean = route::kUnknownNumber;
  double logprob_min = route::kUnknownNumber;
};

// Answers by candidate and sample (the last one given repeats); prompts that were sent are kept.
class ScriptedCaller final : public Caller {
 public:
  std::map<std::uint32_t, std::vector<Said>> answers;
  std::map<std::uint32_t, std::vector<Said>> verdicts;  // of kVerify and kJudge calls
  std::vector<std::vector<route::FlowCall>> rounds;

  base::Task<void> call(std::span<const route::FlowCall> calls,
                        std::span<route::Observation> out) override {
    rounds.emplace_back(calls.begin(), calls.end());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      auto& script = calls[i].purpose == route::Purpose::kAnswer ? answers : verdicts;
      const std::vector<Said>& said = script[calls[i].candidate];
      if (said.empty()) {
        out[i].failed = true;
        out[i].text = "nothing scripted";
        out[i].cost_usd = 0;
        continue;
      }
      const Said& s = said[std::min<std::size_t>(calls[i].sample, said.size() - 1)];
      out[i].text = s.text;
      out[i].cost_usd = s.cost;
      out[i].failed = s.failed;
      out[i].logprob_mean = s.logprob_mean;
      out[i].logprob_min = s.logprob_min;
    }
    co_return;
  }
};

// Models S, M, L at 1, 4, 20 USD per million tokens and qualities .25, .75, .75 (T4).
class FlowLab {
 public:
  explicit FlowLab(const std::string& flow, const std::string& models = "[S, M, L]",
                   const std::string& estimator = "prior") {
    const std::string yaml =
        "models:\n"
        "  - { name: S, price: { input: 1, output: 1 }, quality: { default: .25 } }\n"
        "  - { name: M, price: { input: 4, output: 4 }, quality: { default: .75 } }\n"
        "  - { name: L, price: { input: 20, output: 20 }, quality: { default: .75 } }\n"
        "routes:\n  auto:\n    - { models: " +
        models + ", estimator: " + estimator + ", flow: " + flow + " }\n";
    const auto doc = base::parse_yaml(yaml, diag);
    plan = doc ? route::compile(*doc, ".", registry, diag) : nullptr;
  }
  [[nodiscard]] const route::Rule& rule() const { return plan->rule_sets[0].rules[0]; }
  [[nodiscard]] std::string errors() const { return diag.to_text(); }

  Start start(const std::string& question = "a question") {
    Start s;
    s.question = question;
    chat::Request request;
    request.parts.push_back({chat::PartKind::kText, s.question});
    request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    route::Work work;
    work.request = &request;
    scratch_.begin(work, plan->signals.size());
    const auto d = route::decide_now(*plan, plan->rule_sets[0], {}, base::Rng(0, 0, 0), scratch_);
    return Start::of(rule(), std::get<route::Choice>(d), scratch_);
  }
  Ended ask(ScriptedCaller& caller) { return ask(caller, start()); }
  Ended ask(ScriptedCaller& caller, Start s) {
    base::Task<Ended> task = run(*rule().strategy, rule().limits, std::move(s), caller);
    task.start();
    EXPECT_TRUE(task.done());
    return std::move(task.result());
  }

  base::Diagnostics diag{"flow"};
  route::Registry registry = flow::builtin_registry();
  std::shared_ptr<const route::Plan> plan;

 private:
  route::Scratch scratch_;
};

// The answer's text; "(abstained)" when there is none.
inline std::string answer_of(const Ended& e) {
  return e.answer ? e.seen[*e.answer].text : "(abstained)";
}
// Which candidates were asked, in order, as letters of S, M, L.
inline std::string asked(const Ended& e) {
  std::string out;
  for (const route::Observation& o : e.seen) out += "SML"[o.candidate];
  return out;
}

}  // namespace swy::flow::testing
