// The compiled configuration of the decision core: catalogue, signals, guards, rule sets.
// Immutable, versioned by content. Built once per configuration by compile(); shared by all threads
// as shared_ptr<const Plan>; a request pins one.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/doc.h"
#include "route/expr.h"
#include "route/grounded.h"
#include "route/output.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"
#include "switchyard/strategy.h"

namespace swy::route {

struct NamedEncoder {
  std::string name;
  std::string type;
  std::shared_ptr<const Encoder> encoder;
};

struct NamedSignal {
  std::string name;
  std::string type;
  std::shared_ptr<const Signal> signal;
  // Of its facts in records: {"signal":"NAME","truth":"..." by Truth, and "cost_us":N}.
  std::array<std::string, 3> json_head;
  std::string json_tail;
};

struct NamedGuard {
  std::string name;
  std::string type;
  std::shared_ptr<const Guard> guard;
};

struct Rule {
  std::string name;
  std::string path;  // "set/name", as answers and sessions name it
  base::Mark mark;
  std::int64_t priority = 0;
  std::string when_text;  // "" : always
  Expr when;              // compiled; an empty Expr is true
  std::vector<ExpertId> candidates;
  std::vector<std::uint32_t> answers;          // by candidate: Card::answers
  std::vector<std::uint16_t> guards;           // into Plan::guards, in order of asking
  std::vector<std::uint16_t> output;           // into Plan::output_guards
  std::optional<std::uint16_t> grounding;      // into Plan::grounding_guards
  std::shared_ptr<const Estimator> estimator;  // never null: price at least
  std::string estimator_name;
  std::shared_ptr<const Policy> policy;
  std::string policy_name;
  std::shared_ptr<const Strategy> strategy;  // null: one call answers
  std::string strategy_name;
  FlowLimits limits;          // of the strategy
  std::vector<FactId> needs;  // facts of guards, estimator and policy, without repeats
  bool reads_live = false;
  std::size_t account_at = 0;  // its policy's numbers: Plan::accounts from here on
  std::size_t account_size = 0;
  double deadline_ms = 0;  // for the encodings that its facts need
};

struct RuleSet {
  std::string name;         // the model name clients ask for
  std::vector<Rule> rules;  // in order of asking: priority descending, then file order
};

class Plan {
 public:
  Catalogue catalogue;
  std::vector<NamedEncoder> encoders;  // by EncodingKey::encoder
  std::vector<NamedSignal> signals;    // by FactId
  std::vector<NamedGuard> guards;
  std::vector<std::shared_ptr<const OutputGuard>> output_guards;
  std::vector<std::shared_ptr<const GroundingGuard>> grounding_guards;
  std::vector<RuleSet> rule_sets;
  std::vector<double> accounts;  // of all policies that keep one, as they open
  std::vector<std::shared_ptr<const Estimator>> learners;  // those that learn from single outcomes
  std::uint64_t configured = 0;  // hash of the configuration's decision part
  std::string version;           // 16 hex digits: hash of that and of what the estimators know

  [[nodiscard]] const RuleSet* find(std::string_view name) const;
  [[nodiscard]] std::optional<FactId> find_signal(std::string_view name) const;
};

// The top-level keys compile() reads: models, encoders, signals, guards, output_guards, estimators,
// routes.
std::vector<std::string> plan_keys();

// Compiles the decision part of a configuration. All findings go to diag, errors and warnings
// alike; nullptr when there are errors. `directory`: where relative paths start. Loads outcome
// tables, so it can take seconds.
std::shared_ptr<const Plan> compile(const base::Doc& config, const std::string& directory,
                                    const Registry& registry, base::Diagnostics& diag);

// The plan with `fresh` wherever `old`, one of its learners, stood; shares everything else. Its
// version is that of a plan compiled with what `fresh` knows.
std::shared_ptr<const Plan> with_estimator(const Plan& plan, const Estimator* old,
                                           std::shared_ptr<const Estimator> fresh);

}  // namespace swy::route
