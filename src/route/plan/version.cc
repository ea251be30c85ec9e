// version_of(): a hash of the configuration's decision part and of what its estimators learned, so
// that equal decisions have equal versions. Test: compile_test.cc.
#include <fmt/format.h>

#include "base/hash.h"
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

std::string version_of(const Doc& config, const Plan& plan) {
  std::string text;
  for (const std::string& key : plan_keys()) {
    if (const Doc* d = config.find(key)) {
      text += key;
      dump(*d, text);
    }
  }
  std::uint64_t h = base::hash64(text);
  for (const RuleSet& set : plan.rule_sets) {
    for (const Rule& r : set.rules) {
      h = h * 31 + r.estimator->version();
      if (r.strategy != nullptr) h = h * 31 + r.strategy->version();
    }
  }
  return base::hex64(h);
}

}  // namespace swy::route
