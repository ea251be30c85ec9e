// compile(): the decision part of a configuration -> Plan. Everything that can be wrong is reported
// in one go, with its place; nothing falls back to a default silently.
#include "route/plan/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/json.h"

namespace swy::route {
namespace {

using base::Doc;
using base::Mark;

// Guards that every rule has, with default options, unless `guards:` configures one of the same
// name.
constexpr std::string_view kAlwaysGuards[] = {"context_fits", "capabilities"};

bool is_identifier(std::string_view s) {
  if (s.empty() || (std::isalpha(static_cast<unsigned char>(s[0])) == 0 && s[0] != '_'))
    return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
}

template <typename Map>
std::vector<std::string> keys_of(const Map& m) {
  std::vector<std::string> out;
  for (const auto& kv : m) out.push_back(kv.first);
  return out;
}

class Compiler final : public BuildContext {
 public:
  Compiler(const Doc& config, const std::string& directory, const Registry& registry,
           base::Diagnostics& diag)
      : config_(config),
        directory_(directory),
        registry_(registry),
        diag_(diag),
        plan_(std::make_shared<Plan>()) {}

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
    read_encoders();
    read_signals();
    read_guards();
    read_output_guards();
    read_routes();
    check_unused_estimators();
    if (diag_.errors() != before) return nullptr;
    plan_->configured = configured_of(config_);
    plan_->version = version_of(*plan_);
    return plan_;
  }

  base::Diagnostics& diag() override { return diag_; }
  const Catalogue& catalogue() override { return plan_->catalogue; }
  const Registry& registry() override { return registry_; }
  const std::string& directory() override { return directory_; }
  std::optional<FactId> signal(std::string_view name) override { return plan_->find_signal(name); }
  std::vector<std::string> signal_names() override {
    std::vector<std::string> out;
    for (const auto& s : plan_->signals) out.push_back(s.name);
    return out;
  }
  std::optional<std::uint16_t> encoder(std::string_view name, Mark mark) override {
    for (std::size_t i = 0; i < plan_->encoders.size(); ++i) {
      if (plan_->encoders[i].name == name) return static_cast<std::uint16_t>(i);
    }
    if (registry_.encoders().count(name) != 0) {  // a type name stands for its defaults
      return add_encoder(std::string(name), Doc::scalar(std::string(name), mark));
    }
    if (failed_.count(fmt::format("encoder {}", name)) != 0)
      return std::nullopt;  // reported at its own place
    std::vector<std::string> known = keys_of(registry_.encoders());
    for (const auto& e : plan_->encoders) known.push_back(e.name);
    diag_.error(mark, fmt::format("unknown encoder '{}'{}", name, base::did_you_mean(name, known)));
    return std::nullopt;
  }
  const Encoder& encoder(std::uint16_t id) override { return *plan_->encoders[id].encoder; }
  std::span<const ExpertId> candidates() override {
    return rule_ == nullptr ? std::span<const ExpertId>{} : rule_->candidates;
  }

  std::shared_ptr<const Estimator> estimator(const Doc& node) override {
    if (node.is_list()) return first_known(estimators_of(node));
    if (node.is_map()) return make_estimator(node, node);
    if (!node.is_scalar()) {
      diag_.error(node.mark(), "an estimator is a name, a list of names or a map with `type`");
      return nullptr;
    }
    if (const auto it = estimators_.find(node.text()); it != estimators_.end()) return it->second;
    const Doc* section = config_.find("estimators");
    const Doc* named = section == nullptr ? nullptr : section->find(node.text());
    if (named == nullptr && registry_.estimators().count(node.text()) == 0) {
      std::vector<std::string> known = keys_of(registry_.estimators());
      if (section != nullptr) {
        for (const auto& m : section->members()) known.push_back(m.key);
      }
      diag_.error(node.mark(), fmt::format("unknown estimator '{}'{}", node.text(),
                                           base::did_you_mean(node.text(), known)));
      return nullptr;
    }
    if (!may_nest(node)) return nullptr;
    making_.push_back(node.text());
    auto made = make_estimator(named != nullptr ? *named : node, node);
    making_.pop_back();
    estimators_[node.text()] = made;
    return made;
  }

  std::unique_ptr<Policy> policy(const Doc& node) override {
    return make<Policy>(node, registry_.policies(), "policy");
  }

  Status believe(const chat::Request& request, std::string_view exclude_row, std::int64_t tokens_in,
                 std::span<Belief> out) override {
    if (rule_ == nullptr || rule_->estimator == nullptr)
      return fail(ErrorCode::kInvalidArgument, "no rule is being built");
    return believe(*rule_->estimator, rule_->candidates, request, exclude_row, tokens_in, out);
  }
  Status believe(const Estimator& estimator, std::span<const ExpertId> candidates,
                 const chat::Request& request, std::string_view exclude_row, std::int64_t tokens_in,
                 std::span<Belief> out) override {
    Work work;
    work.request = &request;
    work.exclude_row = exclude_row;
    scratch_.begin(work, plan_->signals.size());
    if (tokens_in > 0) scratch_.reading.preset_tokens(tokens_in);
    compute_facts(*plan_, estimator.needs(), scratch_);
    scratch_.masked_by.assign(candidates.size(), -1);
    const Question q{plan_->catalogue, scratch_.reading, candidates, {}, scratch_};
    believe_now(*plan_, estimator, q, out);
    return {};
  }

 private:
  // The type a node names: a scalar is the type itself, a map has `type`.
  std::string type_of(const Doc& node, std::string_view kind) {
    if (node.is_scalar()) return node.text();
    const Doc* type = node.find("type");
    if (type == nullptr || !type->is_scalar()) {
      diag_.error(node.mark(), fmt::format("{} needs a `type`", kind));
      return "";
    }
    return type->text();
  }

  template <typename T, typename Map>
  std::unique_ptr<T> make(const Doc& node, const Map& factories, std::string_view kind) {
    const std::string type = type_of(node, kind);
    if (type.empty()) return nullptr;
    const auto it = factories.find(type);
    if (it == factories.end()) {
      const Doc* at = node.find("type");
      diag_.error(at == nullptr ? node.mark() : at->mark(),
                  fmt::format("unknown {} '{}'{}", kind, type,
                              base::did_you_mean(type, keys_of(factories))));
      return nullptr;
    }
    auto made = it->second(node, *this);
    if (made == nullptr && diag_.errors() == 0)
      diag_.error(node.mark(), fmt::format("{} '{}' could not be made", kind, type));
    return made;
  }

  std::shared_ptr<const Estimator> make_estimator(const Doc& node, const Doc& where) {
    const Doc& source = node.is_scalar() || node.is_map() ? node : where;
    std::shared_ptr<const Estimator> made =
        make<Estimator>(source, registry_.estimators(), "estimator");
    if (made != nullptr && made->copy() != nullptr) plan_->learners.push_back(made);
    return made;
  }

  // Estimators that are made of others: not of themselves, and not so deep that one question
  // becomes thousands.
  bool may_nest(const Doc& name) {
    if (std::find(making_.begin(), making_.end(), name.text()) != making_.end()) {
      diag_.error(name.mark(), fmt::format("estimator '{}' is made of itself: {}, {}", name.text(),
                                           fmt::join(making_, ", "), name.text()));
      return false;
    }
    if (making_.size() <= kMostNested) return true;
    diag_.error(name.mark(), fmt::format("estimators are made of others more than {} deep: {}, {}",
                                         kMostNested, fmt::join(making_, ", "), name.text()));
    return false;
  }

  // Flat, however the node nests: a FirstKnown inside another one would share its scratch.
  std::vector<std::shared_ptr<const Estimator>> estimators_of(const Doc& node) {
    std::vector<std::shared_ptr<const Estimator>> chain;
    if (!node.is_list()) {
      if (auto e = estimator(node)) chain.push_back(std::move(e));
      return chain;
    }
    for (const Doc& item : node.items()) {
      for (auto& e : estimators_of(item)) chain.push_back(std::move(e));
    }
    if (node.items().empty()) diag_.error(node.mark(), "the list of estimators is empty");
    return chain;
  }

  void read_encoders() {
    const Doc* section = config_.find("encoders");
    if (section == nullptr || section->is_null()) return;
    if (!section->is_map())
      return diag_.error(section->mark(), "encoders must be a map of name: { type: ... }");
    for (const auto& m : section->members()) {
      if (!add_encoder(m.key, m.value)) failed_.insert("encoder " + m.key);
    }
  }

  std::optional<std::uint16_t> add_encoder(const std::string& name, const Doc& node) {
    auto made = make<Encoder>(node, registry_.encoders(), "encoder type");
    if (made == nullptr) return std::nullopt;
    plan_->encoders.push_back({name, type_of(node, "encoder"), std::move(made)});
    return static_cast<std::uint16_t>(plan_->encoders.size() - 1);
  }

  void read_signals() {
    const Doc* section = config_.find("signals");
    if (section == nullptr || section->is_null()) return;
    if (!section->is_map())
      return diag_.error(section->mark(), "signals must be a map of name: { type: ... }");
    if (section->members().size() > 60'000)
      return diag_.error(section->mark(), "more than 60,000 signals");
    static const std::set<std::string, std::less<>> reserved{"request", "has",  "confidence",
                                                             "in",      "true", "false"};
    for (const auto& m : section->members()) {
      if (!is_identifier(m.key) || reserved.count(m.key) != 0) {
        diag_.error(
            m.key_mark,
            fmt::format("'{}' cannot name a signal: letters, digits and _ only, and none of {}",
                        m.key, fmt::join(reserved, ", ")));
      }
      std::unique_ptr<Signal> made;
      if (is_off(m.value)) {
        off_.insert(m.key);
      } else {
        reserved_ = {"type", "enabled"};
        made = make<Signal>(m.value, registry_.signals(), "signal type");
        reserved_ = {"type"};
      }
      if (made == nullptr) made = no_signal();
      plan_->signals.push_back({m.key, type_of(m.value, "signal"), std::move(made), {}, {}});
      prepare_json(plan_->signals.back());
    }
  }

  // What every record says of a signal in the same words.
  static void prepare_json(NamedSignal& signal) {
    for (const Truth truth : {Truth::kFalse, Truth::kTrue, Truth::kUnknown}) {
      std::string& head = signal.json_head[static_cast<std::size_t>(truth)];
      base::JsonWriter w(head);
      w.begin_object().field("signal", signal.name).field("truth", to_string(truth));
    }
    base::JsonWriter(signal.json_tail).field("cost_us", signal.signal->cost_us()).end_object();
  }

  bool is_off(const Doc& node) {
    const Doc* enabled = node.is_map() ? node.find("enabled") : nullptr;
    if (enabled == nullptr) return false;
    if (!enabled->is_scalar() || (enabled->text() != "true" && enabled->text() != "false"))
      diag_.error(enabled->mark(), "enabled must be true or false");
    return enabled->is_scalar() && enabled->text() == "false";
  }

  void read_guards() {
    const Doc* section = config_.find("guards");
    if (section != nullptr && !section->is_null()) {
      if (!section->is_map())
        return diag_.error(section->mark(), "guards must be a map of name: { type: ... }");
      for (const auto& m : section->members()) add_guard(m.key, m.value);
    }
    for (const std::string_view name : kAlwaysGuards) {
      if (registry_.guards().count(name) == 0) continue;  // a test registry may do without
      if (!find_guard(name)) add_guard(std::string(name), Doc::scalar(std::string(name)));
      if (const auto g = find_guard(name)) always_.push_back(*g);
    }
  }

  void add_guard(const std::string& name, const Doc& node) {
    if (auto made = make<Guard>(node, registry_.guards(), "guard type")) {
      for (const FactId id : made->needs()) {
        if (off_.count(plan_->signals[id].name) != 0)
          diag_.warning(node.mark(),
                        fmt::format("guard '{}' reads '{}', which is off: always unknown", name,
                                    plan_->signals[id].name));
      }
      plan_->guards.push_back({name, type_of(node, "guard"), std::move(made)});
    } else {
      failed_.insert("guard " + name);
    }
  }

  std::optional<std::uint16_t> find_guard(std::string_view name) {
    for (std::size_t i = 0; i < plan_->guards.size(); ++i) {
      if (plan_->guards[i].name == name) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
  }

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
    rule_ = &rule;
    read_estimator(o.estimator, rule);
    read_policy(o.policy, rule);
    if (o.flow != nullptr) {
      read_flow(*o.flow, rule);
    } else {
      warn_of_arms(rule);
    }
    rule_ = nullptr;
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
    auto expr =
        compile_expr(when.text(), [&](std::string_view n) { return signal(n); }, signal_names());
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
    rule.guards = always_;
    for (const std::string& name : names) {
      auto g = find_guard(name);
      if (failed_.count("guard " + name) != 0) continue;
      if (!g && registry_.guards().count(name) != 0) {  // a type name stands for its defaults
        add_guard(name, Doc::scalar(name, node.find("guards")->mark()));
        g = find_guard(name);
        if (!g) continue;  // reported
      }
      if (!g) {
        std::vector<std::string> known = keys_of(registry_.guards());
        for (const auto& k : plan_->guards) known.push_back(k.name);
        diag_.error(node.find("guards")->mark(),
                    fmt::format("unknown guard '{}'{}", name, base::did_you_mean(name, known)));
      } else if (std::find(rule.guards.begin(), rule.guards.end(), *g) == rule.guards.end()) {
        rule.guards.push_back(*g);
      }
    }
    check_excluded(rule);
  }

  void read_output_guards() {
    const Doc* section = config_.find("output_guards");
    if (section == nullptr || section->is_null()) return;
    if (!section->is_map())
      return diag_.error(section->mark(), "output_guards must be a map of name: { type: ... }");
    for (const auto& m : section->members()) {
      const Doc* type = m.value.is_map() ? m.value.find("type") : nullptr;
      if (type != nullptr && type->is_scalar() && type->text() == "grounding") {
        if (auto made = make_grounding_guard(m.key, m.value, *this)) {
          plan_->grounding_guards.push_back(std::move(made));
          continue;
        }
      } else if (auto made = make_output_guard(m.key, m.value, diag_)) {
        plan_->output_guards.push_back(std::move(made));
        continue;
      }
      failed_.insert("output " + m.key);
    }
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
      } else if (failed_.count("output " + name) == 0) {
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
    const bool has_prior = registry_.estimators().count("prior") != 0;
    if (node != nullptr || has_prior) {
      chain = estimators_of(node == nullptr ? fallback : *node);
    }
    rule.estimator_name = describe(node == nullptr ? fallback : *node);
    if (registry_.estimators().count("price") != 0) {
      if (auto e = estimator(Doc::scalar("price"))) chain.push_back(std::move(e));
    }
    if (chain.empty()) return;
    rule.estimator = first_known(std::move(chain));
    rule.reads_live = rule.estimator->reads_live();
  }

  void read_policy(const Doc* node, Rule& rule) {
    const Doc fallback = Doc::scalar("first");
    rule.policy_name = describe(node == nullptr ? fallback : *node);
    if (rule.estimator == nullptr) return;
    rule.policy = policy(node == nullptr ? fallback : *node);
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
    for (const base::OptionInfo& option : limits.all()) reserved_.push_back(option.name);
    rule.strategy = make<Strategy>(node, registry_.strategies(), "strategy");
    reserved_ = {"type"};
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

  // A configured estimator that no rule uses is still made, so that its options are checked.
  void check_unused_estimators() {
    const Doc* section = config_.find("estimators");
    if (section == nullptr || section->is_null()) return;
    if (!section->is_map())
      return diag_.error(section->mark(), "estimators must be a map of name: { type: ... }");
    for (const auto& m : section->members()) estimator(Doc::scalar(m.key, m.key_mark));
  }

  const Doc& config_;
  const std::string& directory_;
  const Registry& registry_;
  base::Diagnostics& diag_;
  std::shared_ptr<Plan> plan_;
  std::set<std::string> off_;  // signals by name
  std::set<std::string>
      failed_;  // "encoder NAME": reported where they stand, not where they are used
  std::vector<std::uint16_t> always_;
  std::map<std::string, std::shared_ptr<const Estimator>, std::less<>> estimators_;
  static constexpr std::size_t kMostNested = 3;
  std::vector<std::string> making_;  // names of estimators, each made for the one before
  const Rule* rule_ = nullptr;
  Scratch scratch_;
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
