#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/t4_lab.h"

namespace swy::route::testing {
namespace {

TEST(Conformal, TrustsTheCheapestWhoseOnlyLabelIsPass) {
  PolicyLab lab("{ type: conformal, quantile: 0.3 }");
  EXPECT_EQ(lab.weigh({belief(0.6, 1), belief(0.75, 4), belief(0.9, 20)}).only(), 1);
  const Weighed none = lab.weigh({belief(0.6, 1), belief(0.69, 4), belief(0.2, 20)});
  EXPECT_EQ(none.only(), 1);
  EXPECT_EQ(none.why, "m1 is the best, none is trusted: quality 0.690, quantile 0.300");
}

TEST(Conformal, DoesNotTrustWhereBothLabelsArePossible) {
  PolicyLab lab("{ type: conformal, quantile: 0.8 }");
  EXPECT_EQ(lab.weigh({belief(0.75, 1), belief(0.85, 4)}).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.75, 1), belief(0.79, 4)}).only(), 1);  // none: the best
  EXPECT_EQ(lab.weigh({belief(0.81, 1), belief(0.85, 4)}).only(), 0);
}

// Four outcomes whose scores are .2, .35, .5 and .8: the known answers of request-routing.md 5.12.
class ConformalQuantile : public T4Lab {
 protected:
  ConformalQuantile() {
    const double believed[] = {0.8, 0.65, 0.5, 0.2};  // all pass
    std::ofstream learn(folder_ / "beliefs.jsonl");
    std::ofstream ask(folder_ / "passed.jsonl");
    for (std::size_t i = 0; i < 4; ++i) {
      learn << R"({"id":"k)" << i << R"(","prompt":")" << kT4Prompt[i]
            << R"(","models":{"S":{"score":)" << believed[i] << "}}}\n";
      ask << R"({"id":"a)" << i << R"(","prompt":")" << kT4Prompt[i]
          << R"(","models":{"S":{"score":1}}})" << "\n";
    }
  }
  [[nodiscard]] std::string note(double alpha) const {
    return findings(
        "models: [{ name: S }, { name: M }]\n"
        "estimators: { past: { type: knn, table: beliefs.jsonl, neighbours: 1, shrink: 0 } }\n"
        "routes: { auto: [{ models: [S, M], estimator: [past, prior], policy: { type: conformal, "
        "calibrate: [passed.jsonl], alpha: " +
            std::to_string(alpha) + " } }] }\n",
        beliefs_registry(), folder_.string());
  }
};

TEST_F(ConformalQuantile, IsTheScoreOfTheRightRank) {
  EXPECT_NE(note(0.4).find("S is trusted from quality 0.5000 on (4 outcomes)"), std::string::npos)
      << note(0.4);
  EXPECT_NE(note(0.2).find("S is trusted from quality 0.8000 on (4 outcomes)"), std::string::npos)
      << note(0.2);
}

TEST_F(ConformalQuantile, IsInfiniteWhenTheOutcomesAreTooFew) {
  EXPECT_NE(note(0.1).find("S is never trusted: 4 outcomes are too few for alpha 0.1"),
            std::string::npos)
      << note(0.1);
  EXPECT_NE(note(0.1).find("M is never trusted: 0 outcomes"), std::string::npos);
}

TEST_F(ConformalQuantile, NeedsPromptsOrAQuantile) {
  EXPECT_NE(PolicyLab::findings("conformal").find("give calibrate"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
