#include <cmath>

#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

// Cards declare 0.9 on hard questions and 0.2 on easy ones; the table knows better.
class Calibrated : public LearnedLab {
 protected:
  Calibrated() : LearnedLab("calibrated") {
    std::ofstream out(folder_ / "past.jsonl");
    base::Rng rng(18, 0, 0);
    for (int i = 0; i < 400; ++i) {
      const bool sum = i % 2 == 0;  // of sums 3 in 4 are right, of poems 1 in 4
      out << R"({"id":"c)" << i << R"(","prompt":")" << prompt(sum, rng)
          << R"(","models":{"small":{"correct":)" << (i / 2 % 4 < (sum ? 3 : 1)) << "}";
      if (i < 20) out << R"(,"large":{"correct":)" << sum << "}";
      out << "}}\n";
    }
  }
  [[nodiscard]] static std::string with(const std::string& options) {
    return "models: [{ name: small }, { name: large }, { name: new }]\n"
           "estimators: { ranks: { type: router_dc, table: two.jsonl, hidden: 8 } }\n"
           "routes: { auto: [{ models: [small, large, new], estimator: { type: calibrated, " +
           options + " } }] }\n";
  }
  std::vector<Belief> asked(const std::string& options, bool sum) {
    EstimatorLab k(with(options), folder_.string());
    EXPECT_TRUE(k.made());
    Prompt p(sum ? "Compute the product of the primes seven forty"
                 : "Write a poem about the autumn rain harbour");
    return k.believe(p.work);
  }
};

// On the table that the ranks come from small is better on poems; on this one it is worse. A rank
// that points the wrong way is worth nothing: the mean.
TEST_F(Calibrated, SaysTheShareThatWentWithARank) {
  EXPECT_NEAR(asked("of: ranks, table: past.jsonl", true)[0].quality, 0.5, 0.01);
  std::ofstream out(folder_ / "same.jsonl");
  base::Rng rng(19, 0, 0);
  for (int i = 0; i < 400; ++i) {
    const bool sum = i % 2 == 0;
    out << R"({"id":"s)" << i << R"(","prompt":")" << prompt(sum, rng)
        << R"(","models":{"small":{"correct":)" << (i / 2 % 4 < (sum ? 1 : 3)) << "}}}\n";
  }
  out.close();
  const auto sum = asked("of: ranks, table: same.jsonl", true);
  const auto poem = asked("of: ranks, table: same.jsonl", false);
  EXPECT_NEAR(sum[0].quality, 0.25, 0.06);
  EXPECT_NEAR(poem[0].quality, 0.75, 0.06);
  EXPECT_NEAR(poem[0].quality_var, poem[0].quality * (1 - poem[0].quality) / (1 + poem[0].evidence),
              1e-12);
  EXPECT_TRUE(std::isnan(poem[2].quality)) << "what nobody knows stays unknown";
}

TEST_F(Calibrated, GivesAModelWithFewOutcomesTheCurveOfAll) {
  // large has ten outcomes, all as its rank says; by itself it would be surer.
  const double common = asked("of: ranks, table: past.jsonl, least: 50", true)[1].quality;
  const double own = asked("of: ranks, table: past.jsonl, least: 10", true)[1].quality;
  EXPECT_LT(common, 0.65);
  EXPECT_GT(own, 0.75);
}

TEST_F(Calibrated, StaysUnknownUntilOutcomesExist) {
  EXPECT_TRUE(std::isnan(asked("of: ranks, table: nowhere/", true)[0].quality));
}

TEST_F(Calibrated, NeedsAnEstimator) {
  const std::string text =
      findings(with("table: past.jsonl"), beliefs_registry(), folder_.string());
  EXPECT_NE(text.find("calibrated: say of which estimators"), std::string::npos) << text;
}

}  // namespace
}  // namespace swy::route::testing
