// compile(): the decision part of a configuration -> Plan. Everything that can be wrong is reported
// in one go, with its place; nothing falls back to a default silently.
#include "route/plan/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "route/plan/parts.h"

namespace swy::route {
namespace {

using base::Doc;
using base::Mark;

class Compiler {
 public:
  Compiler(const Doc& config, const std::string& directory, const Registry& registry,
           base::Diagnostics& diag)
      : config_(config),
        diag_(diag),
        plan_(std::make_shared<Plan>()),
        parts_(config, directory, registry, diag, plan_) {}

  std::shared_ptr<const Plan> run() {
    if (!config_.is_map()) {
      diag_.error(config_.mark(), "expected a map with models and routes");
      return nullptr;
    }
    const std::size_t before = diag_.errors();
    if (const Doc* models = config_.find("models")) {
      read_models(*models, diag_, plan_->catalogue);
    } else {
      diag_.error({1, 1}, "no models: list at least one under `models`");
    }
    parts_.read_sections();
    read_routes();
    parts_.check_unused_estimators();
    if (diag_.errors() != before) return nullptr;
    plan_->configured = configured_of(config_);
    plan_->version = version_of(*plan_);
    return plan_;
  }

 private:
  void read_routes() {
    const Doc* section = config_.find("routes");
    if (section == nullptr || section->is_null())
      return;  // explicit model names alone are a valid use
    if (!section->is_map())
      return diag_.error(section->mark(), "routes must be a map of model name: list of rules");
    for (const auto& m : section->members()) {
      if (plan_->catalogue.find(m.key)) {
        diag_.error(
            m.key_mark,
            fmt::format("'{}' is both a model and a rule set: clients could not tell them apart",
                        m.key));
      }
      read_rule_set(m.key, m.key_mark, m.value);
    }
  }

  void read_rule_set(const std::string& name, Mark at, const Doc& node) {
    RuleSet set;
    set.name = name;
    if (!node.is_list() || node.items().empty()) {
      return diag_.error(node.is_null() ? at : node.mark(),
                         fmt::format("rule set '{}' must be a list with at least one rule", name));
    }
    std::set<std::string> names;
    const std::size_t before = diag_.errors();
    for (const Doc& r : node.items()) {
      Rule rule = read_rule(r, set.rules.size());
      rule.path = fmt::format("{}/{}", name, rule.name);
      if (!names.insert(rule.name).second)
        diag_.error(r.mark(), fmt::format("rule '{}' is given twice in '{}'", rule.name, name));
      set.rules.push_back(std::move(rule));
    }
    std::stable_sort(set.rules.begin(), set.rules.end(),
                     [](const Rule& a, const Rule& b) { return a.priority > b.priority; });
    if (diag_.errors() == before) check_reach(set, diag_);
    plan_->rule_sets.push_back(std::move(set));
  }

  struct RuleOptions {
    std::string name, when;
    std::int64_t priority = 0;
    double deadline_ms = 50;
    std::vector<std::string> models, guards, output;
    const Doc* estimator = nullptr;
    const Doc* policy = nullptr;
    const Doc* flow = nullptr;
    void bind(base::OptionBinder& b) {
      b.field("name", name, "for reasons and records");
      b.field("when", when, "condition; absent: always");
      b.field("priority", priority, {-1e9, 1e9}, "higher is asked first; equal ones in file order");
      b.field("deadline_ms", deadline_ms, {0, 60'000},
              "how long the rule's facts may wait for encoders, from the start of the decision; "
              "what is not ready is unknown");
      b.field("models", models, "candidates, by name");
      b.field("guards", guards, "guards beyond context_fits and capabilities");
      b.field("output", output, "output guards by name; they look at the answer");
      b.node("estimator", estimator,
             "a name, a list (first known value wins) or a map with `type`; absent: prior");
      b.node("policy", policy, "a name or a map with `type`; absent: first");
      b.node("flow", flow,
             "a strategy of several calls, a name or a map with `type`; absent: one call");
    }
  };

  // Of every strategy, beside its own options.
  struct FlowOptions {
    FlowLimits limits;
    void bind(base::OptionBinder& b) {
      b.field("max_calls", limits.max_calls, {1, 64}, "calls of any purpose");
      b.field("max_cost", limits.max_cost, {0, 1e6},
              "USD; what is expected to go beyond is not called");
      b.field("deadline_ms", limits.deadline_ms, {1, 3.6e6}, "for all calls together");
    }
  };

  Rule read_rule(const Doc& node, std::size_t index) {
    Rule rule;
    rule.mark = node.mark();
    rule.name = fmt::format("rule-{}", index + 1);
    if (!node.is_map()) {
      diag_.error(node.mark(),
                  "a rule is a map: { name: ..., when: ..., models: [...], policy: ... }");
      return rule;
    }
    RuleOptions o;
    base::DocBinder binder(node, diag_, {});
    o.bind(binder);
    binder.finish();
    if (!o.name.empty()) rule.name = o.name;
    rule.priority = o.priority;
    rule.deadline_ms = o.deadline_ms;
    rule.when_text = o.when;
    if (const Doc* when = node.find("when")) read_when(*when, rule);
    read_candidates(node, o.models, rule);
    read_rule_guards(node, o.guards, rule);
    read_rule_output(node, o.output, rule);
    if (rule.candidates.empty()) return rule;
    parts_.building(&rule);
    read_estimator(o.estimator, rule);
    read_policy(o.policy, rule);
    if (o.flow != nullptr) {
      read_flow(*o.flow, rule);
    } else {
      warn_of_arms(rule);
    }
    parts_.building(nullptr);
    collect_needs(rule);
    return rule;
  }

  void warn_of_arms(const Rule& rule) {
    for (std::size_t c = 0; c < rule.candidates.size(); ++c) {
      if (rule.answers[c] == 1) continue;
      diag_.warning(
          rule.mark,
          fmt::format("rule '{}': model '{}' stands for {} answers but is asked for one; "
                      "`flow: best_route` asks so often",
                      rule.name, plan_->catalogue[rule.candidates[c]].name, rule.answers[c]));
    }
  }

  void read_when(const Doc& when, Rule& rule) {
    if (!when.is_scalar() || when.text().empty())
      return diag_.error(when.mark(), "when must be a condition; leave it out to match always");
    auto expr = compile_expr(
        when.text(), [&](std::string_view n) { return parts_.signal(n); }, parts_.signal_names());
    if (expr) {
      rule.when = std::move(*expr);
      return;
    }
    // Column of the text's first byte: after the quote of a quoted scalar. Exact for one-line
    // conditions.
    const Mark at{when.mark().line, when.mark().column + (when.quoted() ? 1 : 0) +
                                        static_cast<int>(expr.error().offset)};
    diag_.error(at,
                fmt::format("in the condition of rule '{}': {}", rule.name, expr.error().message));
  }

  void read_candidates(const Doc& node, const std::vector<std::string>& models, Rule& rule) {
    const Doc* at = node.find("models");
    if (models.empty())
      return diag_.error(at == nullptr ? node.mark() : at->mark(),
                         fmt::format("rule '{}' names no models", rule.name));
    for (std::size_t i = 0; i < models.size(); ++i) {
      const Mark mark = at->is_list() ? at->items()[i].mark() : at->mark();
      const auto id = plan_->catalogue.find(models[i]);
      if (!id) {
        diag_.error(mark, fmt::format("unknown model '{}'{}", models[i],
                                      base::did_you_mean(models[i], plan_->catalogue.names())));
      } else if (std::find(rule.candidates.begin(), rule.candidates.end(), *id) !=
                 rule.candidates.end()) {
        diag_.error(mark,
                    fmt::format("model '{}' is given twice in rule '{}'", models[i], rule.name));
      } else {
        rule.candidates.push_back(*id);
        rule.answers.push_back(plan_->catalogue[*id].answers);
      }
    }
  }

  void read_rule_guards(const Doc& node, const std::vector<std::string>& names, Rule& rule) {
    rule.guards = parts_.always();
    for (const std::string& name : names) {
      const auto g = parts_.guard(name, node.find("guards")->mark());
      if (g && std::find(rule.guards.begin(), rule.guards.end(), *g) == rule.guards.end())
        rule.guards.push_back(*g);
    }
    check_excluded(rule);
  }

  template <typename Guards>
  static std::optional<std::uint16_t> find_output(const Guards& guards, std::string_view name) {
    for (std::size_t i = 0; i < guards.size(); ++i) {
      if (guards[i]->name == name) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
  }

  void read_rule_output(const Doc& node, const std::vector<std::string>& names, Rule& rule) {
    for (const std::string& name : names) {
      if (const auto found = find_output(plan_->output_guards, name)) {
        if (std::find(rule.output.begin(), rule.output.end(), *found) == rule.output.end())
          rule.output.push_back(*found);
      } else if (const auto grounding = find_output(plan_->grounding_guards, name)) {
        if (rule.grounding && *rule.grounding != *grounding) {
          diag_.error(
              node.find("output")->mark(),
              fmt::format("rule '{}' names two grounding guards: one is enough", rule.name));
        }
        rule.grounding = grounding;
      } else if (!parts_.has_failed("output " + name)) {
        std::vector<std::string> known;
        for (const auto& g : plan_->output_guards) known.push_back(g->name);
        for (const auto& g : plan_->grounding_guards) known.push_back(g->name);
        diag_.error(node.find("output")->mark(), fmt::format("unknown output guard '{}'{}", name,
                                                             base::did_you_mean(name, known)));
      }
    }
  }

  // Candidates that a guard denies whatever the request says.
  void check_excluded(const Rule& rule) {
    std::vector<std::string> excluded;
    for (const ExpertId id : rule.candidates) {
      for (const std::uint16_t g : rule.guards) {
        const auto verdict = plan_->guards[g].guard->check_card(plan_->catalogue[id]);
        if (!verdict || verdict->allow) continue;
        excluded.push_back(fmt::format("{} ({}: {})", plan_->catalogue[id].name,
                                       plan_->guards[g].name, verdict->why.view()));
        break;
      }
    }
    if (excluded.empty()) return;
    const auto list = fmt::format("{}", fmt::join(excluded, "; "));
    if (excluded.size() == rule.candidates.size()) {
      diag_.error(rule.mark,
                  fmt::format("every candidate of rule '{}' is excluded by its guards: {}",
                              rule.name, list));
    } else {
      diag_.warning(rule.mark, fmt::format("rule '{}' can never choose {}", rule.name, list));
    }
  }

  void read_estimator(const Doc* node, Rule& rule) {
    std::vector<std::shared_ptr<const Estimator>> chain;
    const Doc fallback = Doc::scalar("prior");
    const bool has_prior = parts_.registry().estimators().count("prior") != 0;
    if (node != nullptr || has_prior) {
      chain = parts_.estimators_of(node == nullptr ? fallback : *node);
    }
    rule.estimator_name = describe(node == nullptr ? fallback : *node);
    if (parts_.registry().estimators().count("price") != 0) {
      if (auto e = parts_.estimator(Doc::scalar("price"))) chain.push_back(std::move(e));
    }
    if (chain.empty()) return;
    rule.estimator = first_known(std::move(chain));
    rule.reads_live = rule.estimator->reads_live();
  }

  void read_policy(const Doc* node, Rule& rule) {
    const Doc fallback = Doc::scalar("first");
    rule.policy_name = describe(node == nullptr ? fallback : *node);
    if (rule.estimator == nullptr) return;
    rule.policy = parts_.policy(node == nullptr ? fallback : *node);
    if (rule.policy == nullptr) return;
    rule.reads_live = rule.reads_live || rule.policy->reads_live();
    const auto account = rule.policy->open_account(rule.candidates.size());
    rule.account_at = plan_->accounts.size();
    rule.account_size = account.size();
    plan_->accounts.insert(plan_->accounts.end(), account.begin(), account.end());
  }

  void read_flow(const Doc& node, Rule& rule) {
    rule.strategy_name = describe(node);
    if (rule.policy == nullptr) return;  // reported
    FlowOptions o;
    base::DocBinder binder(node, diag_, {});  // not finished: the other keys are the strategy's
    o.bind(binder);
    base::ListBinder limits;
    o.bind(limits);
    std::vector<std::string> ours;
    for (const base::OptionInfo& option : limits.all()) ours.emplace_back(option.name);
    rule.strategy = parts_.strategy(node, ours);
    rule.limits = o.limits;
  }

  static std::string describe(const Doc& node) {
    if (node.is_scalar()) return node.text();
    if (node.is_list()) {
      std::string out;
      for (const Doc& i : node.items()) out += (out.empty() ? "" : ", ") + describe(i);
      return out;
    }
    const Doc* type = node.find("type");
    return type == nullptr ? "" : type->text();
  }

  void collect_needs(Rule& rule) {
    const auto add = [&](std::span<const FactId> ids) {
      for (const FactId id : ids) {
        if (std::find(rule.needs.begin(), rule.needs.end(), id) == rule.needs.end())
          rule.needs.push_back(id);
      }
    };
    for (const std::uint16_t g : rule.guards) add(plan_->guards[g].guard->needs());
    if (rule.estimator) add(rule.estimator->needs());
    if (rule.policy) add(rule.policy->needs());
    if (rule.grounding) {
      if (const auto& when = plan_->grounding_guards[*rule.grounding]->when) add({&*when, 1});
    }
  }

  const Doc& config_;
  base::Diagnostics& diag_;
  std::shared_ptr<Plan> plan_;
  Parts parts_;
};

}  // namespace

const RuleSet* Plan::find(std::string_view name) const {
  for (const RuleSet& s : rule_sets) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

std::optional<FactId> Plan::find_signal(std::string_view name) const {
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (signals[i].name == name) return static_cast<FactId>(i);
  }
  return std::nullopt;
}

std::vector<std::string> plan_keys() {
  return {"models", "encoders", "signals", "guards", "output_guards", "estimators", "routes"};
}

std::shared_ptr<const Plan> compile(const Doc& config, const std::string& directory,
                                    const Registry& registry, base::Diagnostics& diag) {
  return Compiler(config, directory, registry, diag).run();
}

}  // namespace swy::route
