#include "eval/spec.h"

#include <fmt/format.h>

#include <algorithm>

namespace swy::eval {
namespace {

// Position of the first `wanted` outside brackets and quotes; npos when there is none.
std::size_t find_outside(std::string_view text, char wanted) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (depth == 0 && c == wanted) return i;
    if (c == '"' || c == '\'') quote = c;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
  }
  return std::string_view::npos;
}

struct Call {
  std::string name;
  RouterSpec::Options options;
};

Result<Call> parse_call(std::string_view text) {
  const std::size_t colon = text.find(':');
  Call call{std::string(text.substr(0, colon)), {}};
  if (colon == std::string_view::npos) return call;
  std::string_view rest = text.substr(colon + 1);
  while (!rest.empty()) {
    const std::size_t comma = find_outside(rest, ',');
    const std::string_view item = rest.substr(0, comma);
    const std::size_t equal = item.find('=');
    if (equal == std::string_view::npos || equal == 0 || equal + 1 == item.size()) {
      return fail(ErrorCode::kParse,
                  fmt::format("'{}' should be key=value, as in {}:key=value", item, call.name));
    }
    call.options.emplace_back(item.substr(0, equal), item.substr(equal + 1));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return call;
}

template <typename Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> out;
  out.reserve(map.size());
  for (const auto& entry : map) out.push_back(entry.first);
  return out;
}

Result<RouterSpec> parse_strategy(RouterSpec spec, Call strategy, std::string_view estimator,
                                  const route::Registry& registry) {
  spec.kind = RouterSpec::Kind::kStrategy;
  spec.name = std::move(strategy.name);
  spec.options = std::move(strategy.options);
  if (estimator.empty()) return spec;
  SWY_TRY(auto believed, parse_call(estimator));
  if (registry.estimators().count(believed.name) == 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("unknown estimator '{}' in router '{}'{}", believed.name, spec.text,
                            base::did_you_mean(believed.name, names_of(registry.estimators()))));
  }
  spec.estimator = std::move(believed.name);
  spec.estimator_options = std::move(believed.options);
  return spec;
}

Result<RouterSpec> parse_plugin(RouterSpec spec, const route::Registry& registry) {
  const std::string_view text = spec.text;
  const std::size_t plus = find_outside(text, '+');
  SWY_TRY(auto estimator, parse_call(text.substr(0, plus)));
  if (registry.strategies().count(estimator.name) != 0) {
    const std::string_view rest = plus == std::string_view::npos ? "" : text.substr(plus + 1);
    const std::string kept(rest);  // of spec.text, which moves
    return parse_strategy(std::move(spec), std::move(estimator), kept, registry);
  }
  if (registry.estimators().count(estimator.name) == 0) {
    std::vector<std::string> known = names_of(registry.estimators());
    for (const auto& [name, make] : registry.strategies()) known.push_back(name);
    known.insert(known.end(), {"always:MODEL", "random", "oracle", "length", "FILE.yaml:RULESET"});
    return fail(ErrorCode::kNotFound,
                fmt::format("unknown router '{}'{}; routers are {}", estimator.name,
                            base::did_you_mean(estimator.name, known), fmt::join(known, ", ")));
  }
  spec.kind = RouterSpec::Kind::kPlugin;
  spec.name = std::move(estimator.name);
  spec.options = std::move(estimator.options);
  if (plus == std::string_view::npos) return spec;
  SWY_TRY(auto policy, parse_call(text.substr(plus + 1)));
  if (registry.policies().count(policy.name) == 0) {
    return fail(ErrorCode::kNotFound,
                fmt::format("unknown policy '{}' in router '{}'{}", policy.name, text,
                            base::did_you_mean(policy.name, names_of(registry.policies()))));
  }
  spec.policy = std::move(policy.name);
  spec.policy_options = std::move(policy.options);
  return spec;
}

}  // namespace

bool RouterSpec::policy_states(std::string_view key) const {
  return std::any_of(policy_options.begin(), policy_options.end(),
                     [&](const auto& o) { return o.first == key; });
}

bool RouterSpec::states(std::string_view key) const {
  return std::any_of(options.begin(), options.end(), [&](const auto& o) { return o.first == key; });
}

Result<RouterSpec> parse_router(std::string_view text, const route::Registry& registry) {
  RouterSpec spec;
  spec.text = std::string(text);
  constexpr std::string_view kAlways = "always:";
  if (text.substr(0, kAlways.size()) == kAlways) {
    spec.kind = RouterSpec::Kind::kAlways;
    spec.name = std::string(text.substr(kAlways.size()));
    if (spec.name.empty())
      return fail(ErrorCode::kParse, "always: names no model, as in always:gpt-4o");
    return spec;
  }
  using Kind = RouterSpec::Kind;
  for (const auto& [name, kind] :
       {std::pair{"random", Kind::kRandom}, {"oracle", Kind::kOracle}, {"length", Kind::kLength}}) {
    if (text != name) continue;
    spec.kind = kind;
    spec.name = name;
    return spec;
  }
  const std::size_t colon = text.rfind(':');
  const std::string_view file = text.substr(0, colon);
  const bool yaml = file.ends_with(".yaml") || file.ends_with(".yml");
  if (!yaml) return parse_plugin(std::move(spec), registry);
  if (colon == std::string_view::npos || colon + 1 == text.size()) {
    return fail(ErrorCode::kParse,
                fmt::format("'{}': say which rule set, as in {}:auto", text, file));
  }
  spec.kind = Kind::kConfig;
  spec.name = std::string(file);
  spec.rule_set = std::string(text.substr(colon + 1));
  return spec;
}

}  // namespace swy::eval
