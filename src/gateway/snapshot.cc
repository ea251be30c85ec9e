#include "gateway/snapshot.h"

#include <algorithm>

#include "base/check.h"

namespace swy::gateway {
namespace {

ModelMetrics metrics_of(const std::string& model, base::Metrics& m) {
  const auto labels = [&](const char* key, const char* value) {
    return base::Labels{{"model", model}, {key, value}};
  };
  constexpr const char* kRequests = "switchyard_model_requests_total";
  constexpr const char* kRequestsHelp = "Calls to a model by how they ended.";
  constexpr const char* kTokens = "switchyard_tokens_total";
  constexpr const char* kTokensHelp = "Tokens billed, by direction.";
  const base::Labels model_only{{"model", model}};
  return {&m.counter(kRequests, kRequestsHelp, labels("outcome", "answered")),
          &m.counter(kRequests, kRequestsHelp, labels("outcome", "failed")),
          &m.counter(kRequests, kRequestsHelp, labels("outcome", "aborted")),
          &m.counter(kTokens, kTokensHelp, labels("direction", "in")),
          &m.counter(kTokens, kTokensHelp, labels("direction", "out")),
          &m.counter("switchyard_cost_nano_usd_total", "Cost in billionths of a USD.", model_only),
          &m.counter("switchyard_usage_missing_total",
                     "Answers without token counts; their cost is estimated.", model_only),
          &m.histogram("switchyard_first_token_seconds", "From the request to the first content.",
                       model_only),
          &m.histogram("switchyard_answer_seconds", "From the request to the end of the answer.",
                       model_only)};
}

}  // namespace

namespace {

// Who counts the evidence behind choices, and which experiments are on which rule sets.
void watch(Snapshot& s, base::Metrics& metrics) {
  for (std::size_t i = 0; i < s.rule_sets.size() && s.config->drift; ++i) {
    const auto counter = [&](const char* evidence) {
      return &metrics.counter("switchyard_choice_evidence_total",
                              "Choices by the evidence behind what was believed of them.",
                              {{"set", s.plan().rule_sets[i].name}, {"evidence", evidence}});
    };
    s.rule_sets[i].low_evidence = counter("low");
    s.rule_sets[i].enough_evidence = counter("enough");
  }
  const auto index_of = [&](std::string_view rules) {
    return static_cast<std::size_t>(s.plan().find(rules) - s.plan().rule_sets.data());
  };
  for (const route::ExperimentSpec& spec : s.config->experiments) {
    TrialState trial;
    for (const route::ExperimentArm& arm : spec.arms) {
      trial.rule_sets.push_back(index_of(arm.rules));
      trial.shares.push_back(arm.share);
      trial.requests.push_back(&metrics.counter("switchyard_experiment_requests_total",
                                                "Requests that an experiment gave to an arm.",
                                                {{"experiment", spec.name}, {"arm", arm.name}}));
    }
    s.rule_sets[index_of(spec.rules)].experiment = s.trials.size();
    s.trials.push_back(std::move(trial));
  }
}

bool same_candidates(const route::Plan& a, const route::Rule& rule, const route::Plan& b,
                     const route::Rule& other) {
  return std::equal(rule.candidates.begin(), rule.candidates.end(), other.candidates.begin(),
                    other.candidates.end(), [&](ExpertId x, ExpertId y) {
                      return a.catalogue[x].name == b.catalogue[y].name;
                    });
}

// As they open; with what was kept for a rule of the same name, policy and candidates.
std::vector<double> accounts_of(const route::Plan& plan, const Snapshot* previous) {
  std::vector<double> all = plan.accounts;
  if (previous == nullptr || all.empty()) return all;
  std::vector<double> kept;
  previous->accounts->view(kept);
  const auto at = [](auto& numbers, const route::Rule& rule) {
    return numbers.begin() + static_cast<std::ptrdiff_t>(rule.account_at);
  };
  for (const route::RuleSet& set : plan.rule_sets) {
    const route::RuleSet* before = previous->plan().find(set.name);
    if (before == nullptr) continue;
    for (const route::Rule& rule : set.rules) {
      for (const route::Rule& old : before->rules) {
        if (old.name != rule.name || old.policy_name != rule.policy_name ||
            old.account_size != rule.account_size ||
            !same_candidates(plan, rule, previous->plan(), old))
          continue;
        std::copy_n(at(kept, old), rule.account_size, at(all, rule));
      }
    }
  }
  return all;
}

}  // namespace

std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Config> config,
                                              const Snapshot* previous, base::Metrics& metrics) {
  auto s = std::make_shared<Snapshot>();
  s->generation = previous == nullptr ? 1 : previous->generation + 1;
  s->configured = s->generation;
  s->keys = KeyRing(config->keys);
  s->config = std::move(config);
  const route::Plan& plan = s->plan();
  s->live = std::make_shared<fleet::LiveTable>(plan.catalogue.size());
  if (previous != nullptr) {
    std::vector<fleet::LiveStats> old;
    previous->live->view(old);
    for (std::size_t i = 0; i < plan.catalogue.size(); ++i) {
      const auto id =
          previous->plan().catalogue.find(plan.catalogue[static_cast<ExpertId>(i)].name);
      if (id) s->live->restore(i, old[*id]);
    }
  }
  s->accounts = std::make_shared<fleet::Accounts>(accounts_of(plan, previous));
  for (const route::RuleSet& set : plan.rule_sets) {
    RuleSetState state;
    for (const route::Rule& r : set.rules) {
      state.fired.push_back(&metrics.counter("switchyard_decisions_total",
                                             "Requests decided, by the rule that fired.",
                                             {{"set", set.name}, {"rule", r.name}}));
      state.reads_live = state.reads_live || r.reads_live;
      state.keeps_accounts = state.keeps_accounts || r.account_size > 0;
    }
    s->rule_sets.push_back(std::move(state));
    s->names.push_back(set.name);
  }
  for (const Card& card : plan.catalogue.cards()) {
    s->models.push_back(metrics_of(card.name, metrics));
    s->names.push_back(card.name);
  }
  watch(*s, metrics);
  return s;
}

void Snapshot::look(std::size_t rule_set, Seen& seen) const {
  seen.live.clear();
  seen.accounts.clear();
  if (rule_sets[rule_set].reads_live) live->view(seen.live);
  if (rule_sets[rule_set].keeps_accounts) accounts->view(seen.accounts);
}

std::shared_ptr<const Snapshot> with_plan(const Snapshot& previous,
                                          std::shared_ptr<const route::Plan> plan) {
  auto config = std::make_shared<Config>(*previous.config);
  config->plan = std::move(plan);
  auto s = std::make_shared<Snapshot>(previous);
  s->config = std::move(config);
  ++s->generation;
  return s;
}

std::shared_ptr<const Snapshot> with_shares(const Snapshot& previous,
                                            const std::vector<std::vector<double>>& shares) {
  auto s = std::make_shared<Snapshot>(previous);
  SWY_ASSERT(shares.size() == s->trials.size());
  for (std::size_t i = 0; i < shares.size(); ++i) s->trials[i].shares = shares[i];
  ++s->generation;
  return s;
}

}  // namespace swy::gateway
