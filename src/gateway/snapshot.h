// Snapshot: everything a request reads that a reload replaces, as one immutable, counted
// generation. A request pins one for its whole life; workers get the next one by a posted function.
//
// live, sessions and counters are shared mutable state with their own locks or atomics; they are
// reached through the snapshot because their shape follows the configuration.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/metrics.h"
#include "fleet/accounts.h"
#include "fleet/live.h"
#include "gateway/config.h"
#include "gateway/keys.h"

namespace swy::gateway {

struct ModelMetrics {
  base::Counter* answered = nullptr;
  base::Counter* failed = nullptr;
  base::Counter* aborted = nullptr;
  base::Counter* tokens_in = nullptr;
  base::Counter* tokens_out = nullptr;
  base::Counter* cost_nano = nullptr;
  base::Counter* usage_missing = nullptr;
  base::Histogram* first_token = nullptr;
  base::Histogram* total = nullptr;
};

// What a decision saw of the live statistics and of what policies keep, copied for it.
struct Seen {
  std::vector<fleet::LiveStats> live;
  std::vector<double> accounts;
  [[nodiscard]] fleet::LiveView view() const { return {live, accounts}; }
};

struct RuleSetState {
  std::vector<base::Counter*> fired;  // by rule
  bool reads_live = false;
  bool keeps_accounts = false;
  std::optional<std::size_t> experiment;  // on this rule set: into Config::experiments
  // Choices by the evidence behind them; null when drift is not looked for.
  base::Counter* low_evidence = nullptr;
  base::Counter* enough_evidence = nullptr;
};

// How requests of an experiment are dealt at present.
struct TrialState {
  std::vector<std::size_t> rule_sets;    // by arm, into Plan::rule_sets
  std::vector<double> shares;            // by arm
  std::vector<base::Counter*> requests;  // by arm
};

struct Snapshot {
  std::uint64_t generation = 0;
  std::uint64_t configured = 0;  // the generation in which the configuration was last read
  std::shared_ptr<const Config> config;
  KeyRing keys{{}};
  std::shared_ptr<fleet::LiveTable> live;
  std::shared_ptr<fleet::Accounts> accounts;
  std::vector<ModelMetrics> models;     // by ExpertId
  std::vector<RuleSetState> rule_sets;  // by index in Plan::rule_sets
  std::vector<TrialState> trials;       // by index in Config::experiments
  std::vector<std::string> names;       // rule sets, then models: what clients may ask for

  [[nodiscard]] const route::Plan& plan() const { return *config->plan; }
  // What rule_sets[rule_set] reads; empty where it reads nothing.
  void look(std::size_t rule_set, Seen& seen) const;
  [[nodiscard]] const Upstream& upstream(ExpertId id) const {
    return config->upstreams[config->upstream_of[id]];
  }
};

// Builds the next generation. Live statistics of models that keep their name carry over from
// `previous` (may be null), and so do the accounts of rules that keep theirs and their candidates.
std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Config> config,
                                              const Snapshot* previous, base::Metrics& metrics);

// The next generation with a plan that knows more; everything else, live statistics and metrics
// included, is shared.
std::shared_ptr<const Snapshot> with_plan(const Snapshot& previous,
                                          std::shared_ptr<const route::Plan> plan);

// The next generation with other shares of the experiments' arms; everything else is shared.
std::shared_ptr<const Snapshot> with_shares(const Snapshot& previous,
                                            const std::vector<std::vector<double>>& shares);

}  // namespace swy::gateway
