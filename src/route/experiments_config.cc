#include "route/experiments_config.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>

namespace swy::route {
namespace {

using base::Diagnostics;
using base::Doc;
using base::DocBinder;
using base::OptionBinder;

constexpr std::size_t kMaxArms = 16;

struct ExperimentKeys {
  std::string rules, kind = "canary", metric = "quality", unit = "session";
  double cap = 0, alpha = 0.05, margin = 0;
  std::int64_t min_observations = 30;
  bool promote = false;
  const Doc* arms = nullptr;
  void bind(OptionBinder& b) {
    b.field("rules", rules, "the rule set that clients ask for");
    b.field("kind", kind, "ab, best_arm, canary, shadow");
    b.node("arms", arms, "NAME: { rules, share }, the control first");
    b.field("metric", metric, "quality, success, cost, latency");
    b.field("cap", cap, {0, 1e12}, "of cost (USD) or latency (ms): more counts as this");
    b.field("unit", unit, "who keeps an arm: session, key, request");
    b.field("alpha", alpha, {1e-9, 0.5}, "probability of a false alarm, however often one looks");
    b.field("margin", margin, {0, 1e12}, "a loss up to this is none; in the metric's unit");
    b.field("min_observations", min_observations, {1, 1e9}, "of each arm, before anything is said");
    b.field("promote", promote, "what wins gets all requests");
  }
};

struct ArmKeys {
  std::string rules;
  double share = -1;
  void bind(OptionBinder& b) {
    b.field("rules", rules, "a rule set");
    b.field("share", share, {0, 1}, "of the requests");
  }
};

// The value of that name; an error with the nearest names otherwise.
template <typename E, std::size_t N>
std::optional<E> named(const std::array<E, N>& all, const std::string& text, std::string_view what,
                       base::Mark at, Diagnostics& diag) {
  std::vector<std::string> known;
  for (const E e : all) {
    if (to_string(e) == text) return e;
    known.emplace_back(to_string(e));
  }
  diag.error(at, fmt::format("unknown {} '{}'{}; known: {}", what, text,
                             base::did_you_mean(text, known), fmt::join(known, ", ")));
  return std::nullopt;
}

class Reader {
 public:
  Reader(const std::string& name, const Doc& node, const Doc& config, const Plan& plan,
         Diagnostics& diag)
      : node_(node), config_(config), plan_(plan), diag_(diag) {
    spec_.name = name;
  }

  std::optional<ExperimentSpec> run(bool records) {
    const std::size_t before = diag_.errors();
    if (!node_.is_map()) {
      diag_.error(node_.mark(), "an experiment is a map: { rules, kind, arms: ... }");
      return std::nullopt;
    }
    DocBinder binder(node_, diag_, {});
    keys_.bind(binder);
    binder.finish();
    if (diag_.errors() != before) return std::nullopt;
    read_names();
    read_numbers();
    read_arms();
    if (spec_.metric == ExperimentMetric::kQuality && !records &&
        spec_.kind != ExperimentKind::kShadow) {
      diag_.error(base::mark_of(node_, "metric"),
                  "quality comes as feedback, and without records there is none: set records: { "
                  "path: ... }");
    }
    if (diag_.errors() != before) return std::nullopt;
    spec_.id = experiment_id(node_, config_, spec_.arms);
    return spec_;
  }

 private:
  void error(std::string_view key, std::string message) {
    diag_.error(base::mark_of(node_, key), std::move(message));
  }

  void known_rules(const std::string& rules, base::Mark at) {
    if (plan_.find(rules) != nullptr) return;
    std::vector<std::string> sets;
    for (const RuleSet& s : plan_.rule_sets) sets.push_back(s.name);
    diag_.error(at, rules.empty() ? "an experiment needs rules: the rule set that clients ask for"
                                  : fmt::format("unknown rule set '{}'{}", rules,
                                                base::did_you_mean(rules, sets)));
  }

  void read_names() {
    constexpr std::array kKinds = {ExperimentKind::kAb, ExperimentKind::kBestArm,
                                   ExperimentKind::kCanary, ExperimentKind::kShadow};
    constexpr std::array kMetrics = {ExperimentMetric::kQuality, ExperimentMetric::kSuccess,
                                     ExperimentMetric::kCost, ExperimentMetric::kLatency};
    constexpr std::array kUnits = {ExperimentUnit::kSession, ExperimentUnit::kKey,
                                   ExperimentUnit::kRequest};
    const auto at = [&](std::string_view key) { return base::mark_of(node_, key); };
    spec_.rules = keys_.rules;
    known_rules(spec_.rules, at("rules"));
    spec_.kind = named(kKinds, keys_.kind, "kind of experiment", at("kind"), diag_)
                     .value_or(ExperimentKind::kCanary);
    spec_.metric = named(kMetrics, keys_.metric, "metric", at("metric"), diag_)
                       .value_or(ExperimentMetric::kQuality);
    spec_.unit =
        named(kUnits, keys_.unit, "unit", at("unit"), diag_).value_or(ExperimentUnit::kSession);
  }

  void read_numbers() {
    const bool open =
        spec_.metric == ExperimentMetric::kCost || spec_.metric == ExperimentMetric::kLatency;
    if (open && !(keys_.cap > 0)) {
      error("cap",
            fmt::format(
                "metric {} needs a cap: the {} that counts as the worst", keys_.metric,
                spec_.metric == ExperimentMetric::kCost ? "USD of one request" : "milliseconds"));
    }
    if (!open && node_.find("cap") != nullptr)
      error("cap", fmt::format("metric {} lies between 0 and 1 and has no cap", keys_.metric));
    spec_.cap = open && keys_.cap > 0 ? keys_.cap : 1;
    if (keys_.margin >= spec_.cap)
      error("margin", fmt::format("a margin of {} allows any loss: the metric ends at {}",
                                  keys_.margin, spec_.cap));
    if (keys_.margin > 0 && spec_.kind != ExperimentKind::kCanary)
      error("margin",
            fmt::format("only a canary has a margin; {} looks for any difference", keys_.kind));
    spec_.alpha = keys_.alpha;
    spec_.margin = keys_.margin;
    spec_.min_observations = static_cast<std::uint64_t>(keys_.min_observations);
    spec_.promote = node_.find("promote") != nullptr ? keys_.promote
                                                     : spec_.kind == ExperimentKind::kCanary ||
                                                           spec_.kind == ExperimentKind::kBestArm;
  }

  void read_arms() {
    if (keys_.arms == nullptr || !keys_.arms->is_map() || keys_.arms->members().size() < 2 ||
        keys_.arms->members().size() > kMaxArms) {
      error("arms", fmt::format("arms must be a map of 2 to {} NAME: {{ rules, share }}, the "
                                "control first",
                                kMaxArms));
      return;
    }
    for (const auto& m : keys_.arms->members()) read_arm(m.key, m.value);
    give_shares();
  }

  void read_arm(const std::string& name, const Doc& node) {
    ArmKeys o;
    DocBinder binder(node, diag_, {});
    o.bind(binder);
    binder.finish();
    const base::Mark at = base::mark_of(node, "rules");
    const bool control = spec_.arms.empty();
    if (o.rules.empty() && control) o.rules = spec_.rules;
    if (o.rules.empty()) {
      diag_.error(at, fmt::format("arm '{}' needs rules: a rule set", name));
    } else {
      known_rules(o.rules, at);
    }
    if (control && o.rules != spec_.rules) {
      diag_.error(at, fmt::format("the first arm is the control and keeps the rules '{}'; '{}' can "
                                  "be another arm",
                                  spec_.rules, o.rules));
    }
    for (const ExperimentArm& other : spec_.arms) {
      if (other.rules == o.rules && !o.rules.empty())
        diag_.error(at, fmt::format("arms '{}' and '{}' have the same rules", other.name, name));
    }
    spec_.arms.push_back({name, o.rules, o.share});
  }

  // Shares that were left out, then whether all of them make sense.
  void give_shares() {
    std::size_t given = 0;
    for (const auto& a : spec_.arms) given += a.share >= 0 ? 1U : 0U;
    const bool shadow = spec_.kind == ExperimentKind::kShadow;
    const double even = 1.0 / static_cast<double>(spec_.arms.size());
    if (given == 0 && spec_.kind != ExperimentKind::kCanary) {
      for (std::size_t i = 0; i < spec_.arms.size(); ++i)
        spec_.arms[i].share = !shadow ? even : i == 0 ? 1 : 0;
    } else if (given != spec_.arms.size()) {
      return error("arms", "every arm needs a share; they sum to 1");
    }
    double sum = 0;
    for (std::size_t i = 0; i < spec_.arms.size(); ++i) {
      const base::Mark at = base::mark_of(keys_.arms->members()[i].value, "share");
      const double share = spec_.arms[i].share;
      sum += share;
      if (shadow && i > 0 && share > 0) diag_.error(at, "a shadow is never called: its share is 0");
      if (!shadow && !(share > 0))
        diag_.error(at, fmt::format("arm '{}' gets no requests: its share must be above 0",
                                    spec_.arms[i].name));
    }
    if (std::abs(sum - 1) > 1e-6)
      error("arms", fmt::format("the shares sum to {:.6g}, not to 1", sum));
  }

  const Doc& node_;
  const Doc& config_;
  const Plan& plan_;
  Diagnostics& diag_;
  ExperimentKeys keys_;
  ExperimentSpec spec_;
};

}  // namespace

std::vector<base::OptionInfo> experiment_keys() {
  ExperimentKeys keys;
  base::ListBinder binder;
  keys.bind(binder);
  return binder.all();
}

std::vector<ExperimentSpec> read_experiments(const Doc& node, const Doc& config, const Plan& plan,
                                             bool records, Diagnostics& diag) {
  std::vector<ExperimentSpec> out;
  if (!node.is_map()) {
    diag.error(node.mark(), "experiments must be a map of NAME: { rules, kind, arms: ... }");
    return out;
  }
  for (const auto& m : node.members()) {
    auto spec = Reader(m.key, m.value, config, plan, diag).run(records);
    if (!spec) continue;
    for (const ExperimentSpec& other : out) {
      if (other.rules != spec->rules) continue;
      diag.error(base::mark_of(m.value, "rules"),
                 fmt::format("experiments '{}' and '{}' are both on rule set '{}': one at a time",
                             other.name, m.key, spec->rules));
    }
    out.push_back(std::move(*spec));
  }
  return out;
}

}  // namespace swy::route
