// The plug-ins of a plan. Everything that can be wrong is reported with its place; what is named in
// a rule only is made when it is asked for.
#include "route/plan/parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "route/plan/compile.h"

namespace swy::route {
namespace {

using base::Doc;
using base::Mark;

// Guards that every rule has, with default options, unless `guards:` configures one of the same
// name.
constexpr std::string_view kAlwaysGuards[] = {"context_fits", "capabilities"};

// Estimators that are made of others, one in the other.
constexpr std::size_t kMostNested = 3;

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

// What every record says of a signal in the same words.
void prepare_json(NamedSignal& signal) {
  for (const Truth truth : {Truth::kFalse, Truth::kTrue, Truth::kUnknown}) {
    std::string& head = signal.json_head[static_cast<std::size_t>(truth)];
    base::JsonWriter w(head);
    w.begin_object().field("signal", signal.name).field("truth", to_string(truth));
  }
  base::JsonWriter(signal.json_tail).field("cost_us", signal.signal->cost_us()).end_object();
}

}  // namespace

void Parts::read_sections() {
  read_encoders();
  read_signals();
  read_guards();
  read_output_guards();
}

// The type a node names: a scalar is the type itself, a map has `type`.
std::string Parts::type_of(const Doc& node, std::string_view kind) {
  if (node.is_scalar()) return node.text();
  const Doc* type = node.find("type");
  if (type == nullptr || !type->is_scalar()) {
    diag_.error(node.mark(), fmt::format("{} needs a `type`", kind));
    return "";
  }
  return type->text();
}

template <typename T, typename Map>
std::unique_ptr<T> Parts::make(const Doc& node, const Map& factories, std::string_view kind) {
  const std::string type = type_of(node, kind);
  if (type.empty()) return nullptr;
  const auto it = factories.find(type);
  if (it == factories.end()) {
    const Doc* at = node.find("type");
    diag_.error(
        at == nullptr ? node.mark() : at->mark(),
        fmt::format("unknown {} '{}'{}", kind, type, base::did_you_mean(type, keys_of(factories))));
    return nullptr;
  }
  auto made = it->second(node, *this);
  if (made == nullptr && diag_.errors() == 0)
    diag_.error(node.mark(), fmt::format("{} '{}' could not be made", kind, type));
  return made;
}

std::vector<std::string> Parts::signal_names() {
  std::vector<std::string> out;
  for (const auto& s : plan_->signals) out.push_back(s.name);
  return out;
}

std::optional<std::uint16_t> Parts::encoder(std::string_view name, Mark mark) {
  for (std::size_t i = 0; i < plan_->encoders.size(); ++i) {
    if (plan_->encoders[i].name == name) return static_cast<std::uint16_t>(i);
  }
  if (registry_.encoders().count(name) != 0) {  // a type name stands for its defaults
    return add_encoder(std::string(name), Doc::scalar(std::string(name), mark));
  }
  if (has_failed(fmt::format("encoder {}", name)))
    return std::nullopt;  // reported at its own place
  std::vector<std::string> known = keys_of(registry_.encoders());
  for (const auto& e : plan_->encoders) known.push_back(e.name);
  diag_.error(mark, fmt::format("unknown encoder '{}'{}", name, base::did_you_mean(name, known)));
  return std::nullopt;
}

std::shared_ptr<const Estimator> Parts::estimator(const Doc& node) {
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

std::unique_ptr<Policy> Parts::policy(const Doc& node) {
  return make<Policy>(node, registry_.policies(), "policy");
}

Status Parts::believe(const chat::Request& request, std::string_view exclude_row,
                      std::int64_t tokens_in, std::span<Belief> out) {
  if (rule_ == nullptr || rule_->estimator == nullptr)
    return fail(ErrorCode::kInvalidArgument, "no rule is being built");
  return believe(*rule_->estimator, rule_->candidates, request, exclude_row, tokens_in, out);
}

Status Parts::believe(const Estimator& estimator, std::span<const ExpertId> candidates,
                      const chat::Request& request, std::string_view exclude_row,
                      std::int64_t tokens_in, std::span<Belief> out) {
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

std::shared_ptr<const Estimator> Parts::make_estimator(const Doc& node, const Doc& where) {
  const Doc& source = node.is_scalar() || node.is_map() ? node : where;
  std::shared_ptr<const Estimator> made =
      make<Estimator>(source, registry_.estimators(), "estimator");
  if (made != nullptr && made->copy() != nullptr) plan_->learners.push_back(made);
  return made;
}

// Estimators that are made of others: not of themselves, and not so deep that one question
// becomes thousands.
bool Parts::may_nest(const Doc& name) {
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

std::vector<std::shared_ptr<const Estimator>> Parts::estimators_of(const Doc& node) {
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

void Parts::read_encoders() {
  const Doc* section = config_.find("encoders");
  if (section == nullptr || section->is_null()) return;
  if (!section->is_map())
    return diag_.error(section->mark(), "encoders must be a map of name: { type: ... }");
  for (const auto& m : section->members()) {
    if (!add_encoder(m.key, m.value)) failed_.insert("encoder " + m.key);
  }
}

std::optional<std::uint16_t> Parts::add_encoder(const std::string& name, const Doc& node) {
  auto made = make<Encoder>(node, registry_.encoders(), "encoder type");
  if (made == nullptr) return std::nullopt;
  plan_->encoders.push_back({name, type_of(node, "encoder"), std::move(made)});
  return static_cast<std::uint16_t>(plan_->encoders.size() - 1);
}

void Parts::read_signals() {
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

bool Parts::is_off(const Doc& node) {
  const Doc* enabled = node.is_map() ? node.find("enabled") : nullptr;
  if (enabled == nullptr) return false;
  if (!enabled->is_scalar() || (enabled->text() != "true" && enabled->text() != "false"))
    diag_.error(enabled->mark(), "enabled must be true or false");
  return enabled->is_scalar() && enabled->text() == "false";
}

void Parts::read_guards() {
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

void Parts::add_guard(const std::string& name, const Doc& node) {
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

std::optional<std::uint16_t> Parts::find_guard(std::string_view name) {
  for (std::size_t i = 0; i < plan_->guards.size(); ++i) {
    if (plan_->guards[i].name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

void Parts::read_output_guards() {
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

void Parts::check_unused_estimators() {
  const Doc* section = config_.find("estimators");
  if (section == nullptr || section->is_null()) return;
  if (!section->is_map())
    return diag_.error(section->mark(), "estimators must be a map of name: { type: ... }");
  for (const auto& m : section->members()) estimator(Doc::scalar(m.key, m.key_mark));
}

// Of a rule: one of `guards:`, else a type with its defaults, made now.
std::optional<std::uint16_t> Parts::guard(const std::string& name, Mark at) {
  if (has_failed("guard " + name)) return std::nullopt;  // reported at its own place
  if (const auto g = find_guard(name)) return g;
  if (registry_.guards().count(name) != 0) {
    add_guard(name, Doc::scalar(name, at));
    return find_guard(name);
  }
  std::vector<std::string> known = keys_of(registry_.guards());
  for (const auto& k : plan_->guards) known.push_back(k.name);
  diag_.error(at, fmt::format("unknown guard '{}'{}", name, base::did_you_mean(name, known)));
  return std::nullopt;
}

std::unique_ptr<Strategy> Parts::strategy(const Doc& node,
                                          const std::vector<std::string>& besides) {
  reserved_.insert(reserved_.end(), besides.begin(), besides.end());
  auto made = make<Strategy>(node, registry_.strategies(), "strategy");
  reserved_ = {"type"};
  return made;
}

}  // namespace swy::route
