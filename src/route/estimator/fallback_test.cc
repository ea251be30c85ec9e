#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// `topical` knows S better on code; `plain` has seen more.
std::string config(const std::string& of) {
  return "models:\n"
         "  - { name: S, quality: { default: 0.4, code: 0.8 }, price: { input: 1, output: 1 } }\n"
         "  - { name: new }\n"
         "signals: { topic: { type: counted, key: topic } }\n"
         "estimators: { plain: { type: prior, evidence: 30 }, topical: { type: prior, evidence: 8, "
         "domains: [topic] }, cost: { type: price, output_tokens: 10 } }\n"
         "routes: { auto: [{ models: [S, new], estimator: { type: fallback, " +
         of + " } }] }\n";
}

Belief asked(const std::string& of) {
  EstimatorLab lab(config(of));
  EXPECT_TRUE(lab.made());
  Prompt p("a question");
  p.request.metadata = {{"topic", "=code"}};
  const auto b = lab.believe(p.work, {.tokens = 100});
  EXPECT_TRUE(std::isnan(b[1].quality));
  return b[0];
}

TEST(Fallback, TakesTheFirstThatHasSeenEnough) {
  EXPECT_NEAR(asked("of: [topical, plain], evidence: 8").quality, 0.8, 1e-12);
  const Belief b = asked("of: [topical, plain], evidence: 9");
  EXPECT_NEAR(b.quality, 0.4, 1e-12);
  EXPECT_EQ(b.evidence, 30);
  EXPECT_NEAR(asked("of: [plain, topical], evidence: 9").quality, 0.4, 1e-12);
}

TEST(Fallback, TakesTheOneThatHasSeenMostWhenNobodyHasSeenEnough) {
  EXPECT_EQ(asked("of: [topical, plain], evidence: 100").evidence, 30);
  EXPECT_EQ(asked("of: [plain, topical], evidence: 100").evidence, 30);
}

TEST(Fallback, TakesWhatElseIsKnownFromWhoKnowsIt) {
  EXPECT_NEAR(asked("of: [topical, cost], evidence: 100").cost_micro, 110, 1e-9);
}

TEST(Fallback, NeedsEstimators) {
  EXPECT_NE(
      findings(config("evidence: 1"), beliefs_registry()).find("fallback: say of which estimators"),
      std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
