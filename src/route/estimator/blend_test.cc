#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Two priors that differ: by domain of the signal `topic`, and without.
std::string config(const std::string& blend, const std::string& more = "") {
  return "models:\n"
         "  - { name: S, quality: { default: 0.4, code: 0.8 }, price: { input: 1, output: 1 } }\n"
         "  - { name: L, quality: { default: 0.6 } }\n"
         "  - { name: new }\n"
         "signals: { topic: { type: counted, key: topic } }\n"
         "estimators: { plain: { type: prior, evidence: 3 }, topical: { type: prior, evidence: 8, "
         "domains: [topic] }, cost: { type: price, output_tokens: 10 }" +
         more +
         " }\n"
         "routes: { auto: [{ models: [S, L, new], estimator: " +
         blend + " }] }\n";
}

std::vector<Belief> asked(const std::string& blend, const char* topic) {
  EstimatorLab lab(config(blend));
  EXPECT_TRUE(lab.made());
  Prompt p("a question");
  p.request.metadata = {{"topic", topic}};
  return lab.believe(p.work, {.tokens = 100});
}

TEST(Blend, IsTheWeightedMeanAndDoubtsWhatThePartsDifferIn) {
  const auto b = asked("{ type: blend, of: { plain: 1, topical: 3 } }", "=code");
  EXPECT_NEAR(b[0].quality, 0.25 * 0.4 + 0.75 * 0.8, 1e-12);
  const double plain = 0.4 * 0.6 / 4, topical = 0.8 * 0.2 / 9;
  EXPECT_NEAR(b[0].quality_var, 0.25 * (plain + 0.16) + 0.75 * (topical + 0.64) - 0.7 * 0.7, 1e-12);
  EXPECT_NEAR(b[0].evidence, 0.25 * 3 + 0.75 * 8, 1e-12);
  EXPECT_NEAR(b[1].quality, 0.6, 1e-12);
  EXPECT_NEAR(b[1].quality_var, 0.25 * 0.24 / 4 + 0.75 * 0.24 / 9, 1e-12);
  EXPECT_TRUE(std::isnan(b[2].quality));
}

TEST(Blend, LeavesOutWhoDoesNotKnow) {
  const auto b = asked("{ type: blend, of: { plain: 1, cost: 5 } }", "x");
  EXPECT_NEAR(b[0].quality, 0.4, 1e-12) << "cost says nothing of quality";
  EXPECT_NEAR(b[0].cost_micro, 110, 1e-9) << "and plain nothing of cost";
}

TEST(Blend, NestsAndStandsInLists) {
  EstimatorLab lab(config("[outer, plain]",
                          ", inner: { type: blend, of: { topical: 1, plain: 1 } }, outer: { type: "
                          "blend, of: { topical: 1, inner: 1 } }"));
  ASSERT_TRUE(lab.made());
  Prompt p("a question");
  p.request.metadata = {{"topic", "=code"}};
  EXPECT_NEAR(lab.believe(p.work)[0].quality, (0.8 + (0.8 + 0.4) / 2) / 2, 1e-12);
  EXPECT_NEAR(lab.believe(p.work)[1].quality, 0.6, 1e-12);
}

TEST(Blend, NeedsEstimatorsWithWeightsAboveZero) {
  const auto found = [](const std::string& of) {
    return findings(config("{ type: blend" + of + " }"), beliefs_registry());
  };
  EXPECT_NE(found("").find("blend: say of which estimators"), std::string::npos) << found("");
  EXPECT_NE(found(", of: { plain: 0 }").find("the weight of plain is not above 0"),
            std::string::npos);
  EXPECT_NE(found(", of: { plan: 1 }").find("unknown estimator 'plan'"), std::string::npos);
}

// One question must not become thousands, and compiling must end.
TEST(Blend, IsNotMadeOfItselfNorDeeperThanThree) {
  const auto found = [](const std::string& more, const std::string& of) {
    return findings(config("{ type: blend, of: { " + of + ": 1 } }", more), beliefs_registry());
  };
  const std::string loop =
      ", a: { type: blend, of: { b: 1 } }, b: { type: fallback, of: [plain, a] }";
  EXPECT_NE(found(loop, "a").find("estimator 'a' is made of itself: a, b, a"), std::string::npos)
      << found(loop, "a");
  std::string chain = ", e0: { type: blend, of: { plain: 1 } }";
  for (int i = 1; i <= 4; ++i)
    chain +=
        ", e" + std::to_string(i) + ": { type: blend, of: { e" + std::to_string(i - 1) + ": 1 } }";
  EXPECT_EQ(found(chain, "e2").find("deep"), std::string::npos);
  EXPECT_NE(found(chain, "e4").find("more than 3 deep: e4, e3, e2, e1, e0"), std::string::npos)
      << found(chain, "e4");
}

}  // namespace
}  // namespace swy::route::testing
