#include "gateway/onboarding_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

std::string finding(const std::string& onboarding, const std::string& more = "",
                    std::shared_ptr<const Config>* out = nullptr) {
  static const route::Registry registry = route::builtin_registry();
  const std::string dir = testing::TempDir();
  std::ofstream(dir + "known.jsonl")
      << R"({"id":"q","prompt":"what","models":{"small":{"score":1}}})" << "\n";
  base::Diagnostics diag("c.yaml");
  auto config = parse_config(
      "upstreams:\n  local: { url: http://127.0.0.1:9/v1 }\n"
      "models:\n  - { name: small, upstream: local, price: { input: 1, output: 2 } }\n"
      "routes:\n  auto: [ { name: any, models: [small], estimator: past } ]\n" +
          more + "onboarding: " + onboarding + "\n",
      dir + "c.yaml", registry, diag);
  if (out != nullptr) *out = config;
  return diag.to_text();
}

constexpr const char* kLearns =
    "estimators:\n  past: { type: knn, table: [known.jsonl, ./probes] }\n";

TEST(OnboardingConfig, IsReadWithPathsResolved) {
  std::shared_ptr<const Config> config;
  const std::string found = finding(
      "{ table: known.jsonl, directory: probes/, judge: small, form: number }", kLearns, &config);
  ASSERT_NE(config, nullptr) << found;
  EXPECT_EQ(found.find("warning"), std::string::npos) << found;
  EXPECT_NE(found.find("records: { bodies: true }"), std::string::npos) << found;
  ASSERT_TRUE(config->onboarding);
  EXPECT_EQ(config->onboarding->directory, testing::TempDir() + "probes");
  EXPECT_EQ(config->onboarding->form, flow::AnswerForm::kNumber);
  EXPECT_EQ(config->onboarding->probes, 100);
}

TEST(OnboardingConfig, WhatCannotWorkIsFound) {
  const auto says = [](const std::string& onboarding, const std::string& what) {
    const std::string found = finding(onboarding, kLearns);
    EXPECT_NE(found.find(what), std::string::npos) << onboarding << "\n" << found;
  };
  says("{ table: known.jsonl }", "needs a table");
  says("{ directory: probes }", "needs a table");
  says("{ table: none.jsonl, directory: probes }", "none.jsonl does not exist");
  says("{ table: [known.jsonl, probes/], directory: probes }", "must not be its directory");
  says("{ table: known.jsonl, directory: probes, judge: smal }", "did you mean small");
  says("{ table: known.jsonl, directory: probes, form: words }", "form must be auto");
  says("{ table: known.jsonl, directory: probes, probes: 0 }", "probes");
  says("{ table: known.jsonl, directory: probes, porbes: 3 }", "probes");
  const std::string nobody = finding("{ table: known.jsonl, directory: probes }",
                                     "estimators:\n  past: { type: knn, table: known.jsonl }\n");
  EXPECT_NE(nobody.find("no estimator learns from this directory"), std::string::npos) << nobody;
}

TEST(OnboardingConfig, ThePageShowsTheKeysAndDefaultsAsTheyAre) {
  std::ifstream in(std::string(SWY_SOURCE_DIR) + "/docs/reference/onboarding.md");
  const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (const base::OptionInfo& k : onboarding_keys()) {
    const std::size_t at = page.find("| `" + k.name + "` |");
    ASSERT_NE(at, std::string::npos) << k.name;
    const std::string line = page.substr(at, page.find('\n', at) - at);
    if (k.default_value.empty()) continue;
    EXPECT_TRUE(line.ends_with("| " + k.default_value + " |")) << k.default_value << "\n" << line;
  }
}

}  // namespace
}  // namespace swy::gateway
