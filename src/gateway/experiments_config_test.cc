#include "route/experiments_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

const std::string kBase =
    "records: { path: r }\n"
    "upstreams:\n  local: { url: http://127.0.0.1:9/v1 }\n"
    "models:\n"
    "  - { name: small, upstream: local, price: { input: 1, output: 2 } }\n"
    "  - { name: large, upstream: local, price: { input: 5, output: 9 } }\n"
    "routes:\n"
    "  auto: [ { name: any, models: [small], policy: first } ]\n"
    "  auto-new: [ { name: any, models: [large], policy: first } ]\n"
    "  auto-third: [ { name: any, models: [large, small], policy: first } ]\n";

struct Parsed {
  base::Diagnostics diag{"c.yaml"};
  std::shared_ptr<const Config> config;
};

Parsed parse(const std::string& experiments, const std::string& rest = kBase) {
  static const route::Registry registry = route::builtin_registry();
  Parsed p;
  p.config = parse_config(rest + "experiments:\n" + experiments, "dir/c.yaml", registry, p.diag);
  return p;
}

// "line:col: message" of the first finding; lines count from the first after `experiments:`.
std::string finding(const std::string& experiments, const std::string& rest = kBase) {
  const Parsed p = parse(experiments, rest);
  const int before = static_cast<int>(std::count(rest.begin(), rest.end(), '\n')) + 1;
  for (const auto& d : p.diag.all()) {
    return std::to_string(d.mark.line - before) + ":" + std::to_string(d.mark.column) + ": " +
           d.message;
  }
  return "";
}

const std::string kCanary =
    "  trial:\n"
    "    rules: auto\n"
    "    kind: canary\n"
    "    margin: 0.05\n"
    "    arms:\n"
    "      old: { share: 0.9 }\n"
    "      new: { rules: auto-new, share: 0.1 }\n";

TEST(ExperimentsConfig, WhatIsNotGivenHasTheDocumentedDefaults) {
  const Parsed p = parse(kCanary);
  ASSERT_NE(p.config, nullptr) << p.diag.to_text();
  const route::ExperimentSpec& s = p.config->experiments.at(0);
  EXPECT_EQ(s.name, "trial");
  EXPECT_EQ(s.kind, route::ExperimentKind::kCanary);
  EXPECT_EQ(s.metric, route::ExperimentMetric::kQuality);
  EXPECT_EQ(s.unit, route::ExperimentUnit::kSession);
  EXPECT_EQ(s.alpha, 0.05);
  EXPECT_EQ(s.min_observations, 30U);
  EXPECT_TRUE(s.promote);
  EXPECT_EQ(s.arms.at(0).rules, "auto");
  EXPECT_EQ(s.arms.at(1).share, 0.1);
  EXPECT_EQ(s.id.size(), 16U);
  EXPECT_FALSE(p.config->drift);
}

TEST(ExperimentsConfig, SharesThatAreLeftOutAreEvenOrAShadows) {
  const Parsed ab =
      parse("  t: { rules: auto, kind: ab, arms: { a: {}, b: { rules: auto-new } } }\n");
  ASSERT_NE(ab.config, nullptr) << ab.diag.to_text();
  EXPECT_EQ(ab.config->experiments[0].arms[1].share, 0.5);
  EXPECT_FALSE(ab.config->experiments[0].promote);
  const Parsed shadow =
      parse("  t: { rules: auto, kind: shadow, arms: { a: {}, b: { rules: auto-new } } }\n");
  ASSERT_NE(shadow.config, nullptr) << shadow.diag.to_text();
  EXPECT_EQ(shadow.config->experiments[0].arms[0].share, 1);
  EXPECT_EQ(shadow.config->experiments[0].arms[1].share, 0);
}

TEST(ExperimentsConfig, TheIdChangesWithTheRulesOfItsArmsAndWithNothingElse) {
  const auto id = [](const std::string& rest) {
    const Parsed p = parse(kCanary, rest);
    return p.config == nullptr ? std::string() : p.config->experiments[0].id;
  };
  const std::string before = id(kBase);
  ASSERT_FALSE(before.empty());
  std::string other = kBase;
  other.replace(other.find("[large, small]"), 14, "[small, large]");  // auto-third: no arm
  EXPECT_EQ(id(other), before);
  EXPECT_EQ(id("seed: 4\n" + kBase), before);
  std::string changed = kBase;
  changed.replace(changed.find("models: [large]"), 15, "models: [small]");
  ASSERT_FALSE(id(changed).empty());
  EXPECT_NE(id(changed), before);
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
  const auto at = text.find(what);
  return at == std::string::npos ? "no such text" : text.replace(at, what.size(), instead);
}

TEST(ExperimentsConfig, SharesThatDoNotSumToOneAreAnErrorWithItsPlace) {
  EXPECT_EQ(finding(with(kCanary, "share: 0.1 ", "share: 0.3 ")),
            "6:7: the shares sum to 1.2, not to 1");
  EXPECT_EQ(finding(with(kCanary, ", share: 0.1 ", " ")),
            "6:7: every arm needs a share; they sum to 1");
  EXPECT_NE(finding(with(with(kCanary, "share: 0.1 ", "share: 0 "), "0.9", "1"))
                .find("7:38: arm 'new' gets no requests"),
            std::string::npos);
}

TEST(ExperimentsConfig, NamesThatAreUnknownComeWithTheNearest) {
  EXPECT_EQ(finding(with(kCanary, "rules: auto-new", "rules: auto-nwe")),
            "7:21: unknown rule set 'auto-nwe', did you mean auto, auto-new, auto-third?");
  EXPECT_NE(finding(with(kCanary, "rules: auto\n", "rules: aut\n")).find("2:12: unknown rule set"),
            std::string::npos);
  EXPECT_NE(finding(with(kCanary, "canary", "canari")).find("did you mean canary?"),
            std::string::npos);
  EXPECT_NE(finding(with(kCanary, "margin", "margn")).find("did you mean margin?"),
            std::string::npos);
  EXPECT_NE(finding(with(kCanary, "margin: 0.05", "metric: qualty")).find("did you mean quality?"),
            std::string::npos);
}

TEST(ExperimentsConfig, TwoExperimentsOnOneRuleSetAreAnError) {
  EXPECT_EQ(finding(kCanary + with(kCanary, "trial", "again")),
            "9:12: experiments 'trial' and 'again' are both on rule set 'auto': one at a time");
}

TEST(ExperimentsConfig, WhatMakesNoSenseIsSaid) {
  const auto says = [](const std::string& experiments, const std::string& part) {
    EXPECT_NE(finding(experiments).find(part), std::string::npos) << finding(experiments);
  };
  says("  t: 3\n", "an experiment is a map");
  says("  t: { rules: auto, arms: { a: { share: 1 } } }\n", "arms must be a map of 2 to 16");
  says(with(kCanary, "old: {", "old: { rules: auto-new,"), "the first arm is the control");
  says(with(kCanary, "rules: auto-new", "rules: auto"), "have the same rules");
  says(with(kCanary, "margin: 0.05", "metric: latency"), "needs a cap: the milliseconds");
  says(with(kCanary, "margin: 0.05", "cap: 3"), "has no cap");
  says(with(kCanary, "0.05", "1"), "allows any loss");
  says(with(kCanary, "canary", "ab"), "only a canary has a margin");
  says(with(kCanary, "kind: canary\n    margin: 0.05", "kind: shadow"), "a shadow is never called");
  EXPECT_NE(finding(kCanary, with(kBase, "records: { path: r }\n", "")).find("without records"),
            std::string::npos);
}

struct Row {
  std::string key, fallback;
  bool operator==(const Row&) const = default;
};

// Tables "| key | what | default |" of the page, in order.
std::vector<std::vector<Row>> tables_of_the_page() {
  std::ifstream in(std::string(SWY_SOURCE_DIR) + "/docs/reference/experiments.md");
  std::vector<std::vector<Row>> tables;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "| key | what | default |") {
      tables.emplace_back();
      inside = true;
    }
    inside = inside && line.starts_with("|");
    if (!inside || !line.starts_with("| `")) continue;
    const std::size_t end = line.rfind(" |");
    const std::size_t begin = line.rfind("| ", end - 1) + 2;
    tables.back().push_back({line.substr(3, line.find_first_of(":`", 3) - 3),
                             begin < end ? line.substr(begin, end - begin) : ""});
  }
  return tables;
}

void expect_shown(const std::vector<base::OptionInfo>& keys, const std::vector<Row>& shown,
                  const std::vector<std::string>& told_in_words) {
  std::vector<std::string> expected, found;
  for (const base::OptionInfo& k : keys) expected.push_back(k.name);
  for (const Row& r : shown) found.push_back(r.key);
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  for (const base::OptionInfo& k : keys) {
    if (std::find(told_in_words.begin(), told_in_words.end(), k.name) != told_in_words.end())
      continue;
    EXPECT_EQ(std::count(shown.begin(), shown.end(), Row{k.name, k.default_value}), 1)
        << k.name << " is " << k.default_value;
  }
}

TEST(ExperimentsConfig, ThePageShowsTheKeysAndDefaultsAsTheyAre) {
  const auto tables = tables_of_the_page();
  ASSERT_EQ(tables.size(), 2U);
  expect_shown(route::experiment_keys(), tables[0], {"cap", "promote"});  // depend on other keys
  expect_shown(drift_keys(), tables[1], {});
}

}  // namespace
}  // namespace swy::gateway
