// version_of(): a hash of the configuration's decision part and of what its estimators learned, so
// that equal decisions have equal versions; and with_estimator(), the plan after something was
// learned. Test: compile_test.cc.
#include <fmt/format.h>

#include "base/hash.h"
#include "route/experiment.h"
#include "route/plan/compile.h"

namespace swy::route {
namespace {

using base::Doc;

// A configuration node as text without places: equal configurations have equal dumps.
void dump(const Doc& d, std::string& out) {
  switch (d.kind()) {
    case Doc::Kind::kNull:
      out += '~';
      break;
    case Doc::Kind::kScalar:
      out += fmt::format("{}{}:{}", d.quoted() ? 'q' : 's', d.text().size(), d.text());
      break;
    case Doc::Kind::kList:
      out += '[';
      for (const Doc& i : d.items()) dump(i, out);
      out += ']';
      break;
    case Doc::Kind::kMap:
      out += '{';
      for (const auto& m : d.members()) {
        out += fmt::format("{}:{}=", m.key.size(), m.key);
        dump(m.value, out);
      }
      out += '}';
      break;
  }
}

}  // namespace

std::string experiment_id(const Doc& experiment, const Doc& config,
                          const std::vector<ExperimentArm>& arms) {
  std::string text;
  dump(experiment, text);
  for (const std::string& key : plan_keys()) {
    const Doc* d = config.find(key);
    if (d == nullptr) continue;
    text += key;
    if (key != "routes") {
      dump(*d, text);
      continue;
    }
    for (const ExperimentArm& arm : arms) {
      if (const Doc* rules = d->find(arm.rules)) dump(*rules, text);
    }
  }
  return base::hex64(base::hash64(text));
}

std::uint64_t configured_of(const Doc& config) {
  std::string text;
  for (const std::string& key : plan_keys()) {
    if (const Doc* d = config.find(key)) {
      text += key;
      dump(*d, text);
    }
  }
  return base::hash64(text);
}

std::string version_of(const Plan& plan) {
  std::uint64_t h = plan.configured;
  for (const RuleSet& set : plan.rule_sets) {
    for (const Rule& r : set.rules) {
      h = h * 31 + r.estimator->version();
      if (r.strategy != nullptr) h = h * 31 + r.strategy->version();
    }
  }
  return base::hex64(h);
}

std::shared_ptr<const Plan> with_estimator(const Plan& plan, const Estimator* old,
                                           std::shared_ptr<const Estimator> fresh) {
  auto next = std::make_shared<Plan>(plan);
  for (auto& learner : next->learners) {
    if (learner.get() == old) learner = fresh;
  }
  for (RuleSet& set : next->rule_sets) {
    for (Rule& rule : set.rules) {
      auto changed = rule.estimator.get() == old ? fresh : rule.estimator->replace(old, fresh);
      if (changed != nullptr) rule.estimator = std::move(changed);
    }
  }
  next->version = version_of(*next);
  return next;
}

}  // namespace swy::route
