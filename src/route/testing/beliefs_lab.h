// Labs for estimators and policies: made through compile() from YAML, as a configuration makes
// them, then asked directly.
//
// When to use: tests of estimator and policy files, conformance tests. Threading: one thread.
// Ownership: a lab owns its plan and working memory; results are copies.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "route/testing/fakes.h"

namespace swy::route {

#define ENCODER(name) std::unique_ptr<Encoder> make_##name(const base::Doc&, BuildContext&);
#define SIGNAL(name)
#define GUARD(name)
#define STRATEGY(name)
#define ESTIMATOR(name) std::unique_ptr<Estimator> make_##name(const base::Doc&, BuildContext&);
#define POLICY(name) std::unique_ptr<Policy> make_##name(const base::Doc&, BuildContext&);
#include "builtin.def"
#undef ENCODER
#undef ESTIMATOR
#undef POLICY

namespace testing {

// All built-in encoders, estimators and policies, and the fake signal `counted` that answers from
// the request's metadata.
inline Registry beliefs_registry() {
  Registry r;
  r.add_signal("counted", make_counted);
#define ENCODER(name) r.add_encoder(#name, make_##name);
#define ESTIMATOR(name) r.add_estimator(#name, make_##name);
#define POLICY(name) r.add_policy(#name, make_##name);
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef STRATEGY
#undef ESTIMATOR
#undef POLICY
  return r;
}

struct Weighed {
  std::vector<double> probability;
  std::vector<double> score;
  std::string why;

  // The candidate that has all the probability, or -1.
  [[nodiscard]] int only() const {
    for (std::size_t i = 0; i < probability.size(); ++i) {
      if (probability[i] == 1.0) return static_cast<int>(i);
    }
    return -1;
  }
};

// What the policy of the plan's first rule makes of these beliefs. scratch: begun, with whatever
// was preset of its reading. beliefs[i] and masked[i] belong to candidates[i].
inline Weighed weigh_first_rule(const Plan& plan, Scratch& scratch,
                                const std::vector<Belief>& beliefs, const std::vector<bool>& masked,
                                std::span<const ExpertId> candidates, fleet::LiveView live = {},
                                std::span<const double> account = {}) {
  const Rule& rule = plan.rule_sets[0].rules[0];
  scratch.masked_by.assign(candidates.size(), -1);
  for (std::size_t i = 0; i < masked.size(); ++i) scratch.masked_by[i] = masked[i] ? 0 : -1;
  const Question q{plan.catalogue, scratch.reading, candidates, live, scratch, account, rule.path};
  Weighed w{std::vector<double>(candidates.size(), 0.0),
            std::vector<double>(candidates.size(), kUnknownNumber), ""};
  Distribution d{w.probability, w.score, {}};
  rule.policy->weigh(q, beliefs, d);
  w.why = d.why.view();
  return w;
}

// Models m0 (cheapest) to m7 (dearest), prices doubling from 1 / 4 USD per million tokens.
inline constexpr std::size_t kLabModels = 8;

inline std::string lab_models(const std::string& quality = "") {
  std::string yaml = "models:\n";
  for (std::size_t i = 0; i < kLabModels; ++i) {
    const std::string price = std::to_string(1U << i);
    yaml.append("  - { name: m").append(std::to_string(i));
    yaml.append(", price: { input: ").append(price);
    yaml.append(", output: ").append(std::to_string(4U << i)).append(" }");
    yaml.append(quality).append(" }\n");
  }
  return yaml;
}

class PolicyLab {
 public:
  // policy: its YAML in flow style, such as "{ type: utility, cost: 1 }".
  explicit PolicyLab(const std::string& policy)
      : registry_(beliefs_registry()),
        plan_(plan_from(lab_models() + rule(policy), registry_)),
        prompt_("a question") {
    for (ExpertId i = 0; i < kLabModels; ++i) everyone_.push_back(i);
  }

  // beliefs[i] and masked[i] belong to candidates[i]; candidates are m0, m1, ... when none are
  // given.
  Weighed weigh(const std::vector<Belief>& beliefs, const std::vector<bool>& masked = {},
                std::vector<ExpertId> candidates = {}, ExpertId previous = kNoExpert,
                fleet::LiveView live = {}, std::span<const double> account = {}) {
    if (candidates.empty())
      candidates.assign(everyone_.begin(),
                        everyone_.begin() + static_cast<std::ptrdiff_t>(beliefs.size()));
    prompt_.work.previous = previous;
    prompt_.work.session = previous == kNoExpert ? "" : "a session";
    scratch_.begin(prompt_.work, 0);
    return weigh_first_rule(*plan_, scratch_, beliefs, masked, candidates, live, account);
  }

  [[nodiscard]] const Policy& policy() const { return *plan_->rule_sets[0].rules[0].policy; }
  // What is asked about from here on.
  chat::Request& request() { return prompt_.request; }

  static std::string rule(const std::string& policy, const std::string& estimator = "prior") {
    return "routes:\n  auto:\n    - { models: [m0, m1, m2, m3, m4, m5, m6, m7], estimator: " +
           estimator + ", policy: " + policy + " }\n";
  }
  // What `check` finds in this policy.
  static std::string findings(const std::string& policy) {
    return testing::findings(lab_models() + rule(policy), beliefs_registry());
  }

 private:
  Registry registry_;
  std::shared_ptr<const Plan> plan_;
  Prompt prompt_;
  Scratch scratch_;
  std::vector<ExpertId> everyone_;
};

inline Belief belief(double quality, double cost_micro = kUnknownNumber) {
  Belief b;
  b.quality = quality;
  b.cost_micro = cost_micro;
  return b;
}

struct Ask {
  std::int64_t tokens = -1;  // of the prompt, if not to be estimated
  fleet::LiveView live = {};
  std::vector<ExpertId> candidates = {};  // the rule's when empty
  std::vector<bool> masked = {};          // by candidate
};

// The estimator chain (price included) of the first rule of a configuration.
class EstimatorLab {
 public:
  explicit EstimatorLab(const std::string& yaml, const std::string& directory = ".")
      : registry_(beliefs_registry()), plan_(plan_from(yaml, registry_, directory)) {}

  [[nodiscard]] bool made() const { return plan_ != nullptr; }
  [[nodiscard]] const Rule& rule() const { return plan_->rule_sets[0].rules[0]; }

  std::vector<Belief> believe(const Work& work, const Ask& ask = {}) {
    scratch_.begin(work, plan_->signals.size());
    if (ask.tokens >= 0) scratch_.reading.preset_tokens(ask.tokens);
    compute_facts(*plan_, rule().needs, scratch_);
    const auto& candidates = ask.candidates.empty() ? rule().candidates : ask.candidates;
    scratch_.masked_by.assign(candidates.size(), -1);
    for (std::size_t i = 0; i < ask.masked.size(); ++i) {
      scratch_.masked_by[i] = ask.masked[i] ? 0 : -1;
    }
    const Question q{plan_->catalogue, scratch_.reading, candidates, ask.live, scratch_};
    std::vector<Belief> out(candidates.size());
    believe_now(*plan_, *rule().estimator, q, out);
    return out;
  }

 private:
  Registry registry_;
  std::shared_ptr<const Plan> plan_;
  Scratch scratch_;
};

}  // namespace testing
}  // namespace swy::route
