// Arms (a model asked n times, the best answer taken) as models of a pool: where the cheap model's
// best of three beats the dear model's one answer, a router that knows arms says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "eval/evaluate.h"
#include "eval/testing/file_lab.h"
#include "flow/builtin.h"

namespace swy::eval {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Poems: an answer of `small` is right with .7, so the best of three with .973, for 3. Sums: never.
// `large` is right with .9 on both, for 20.
class Arms : public testing::FileLab {
 protected:
  Arms() : FileLab("swy_arms") {}
  void SetUp() override {
    std::ofstream rows(table());
    base::Rng rng(5, 0, 0);
    for (int i = 0; i < 1200; ++i) {
      const bool poem = i % 2 == 0;
      rows << R"({"id":"q)" << i << R"(","prompt":")"
           << (poem ? "write a tender poem about the moon and river " : "add up the numbers 17 + ")
           << rng.below(1000) << R"(","models":{"small":{"samples":[)";
      for (int s = 0; s < 5; ++s)
        rows << (s > 0 ? "," : "") << (poem && rng.uniform() < .7 ? 1 : 0);
      rows << R"(],"tokens_in":10,"tokens_out":10,"cost":1},"large":{"samples":[)"
           << (rng.uniform() < .9 ? 1 : 0) << R"(],"tokens_in":10,"tokens_out":10,"cost":20}}})"
           << '\n';
    }
    rows.close();
  }
  // The best quality for at most 12 a question; poems to small*3 and sums to large cost 11.5.
  double for_twelve(const std::string& router) {
    double best = 0;
    for (const PointReport& p : line(router).points)
      if (p.cost <= 12) best = std::max(best, p.quality.value);
    return best;
  }
};

TEST_F(Arms, LetTheCheapModelBeatTheDearOne) {
  const double without = for_twelve("linear+utility");
  EXPECT_NEAR(without, .8, .04);
  options_.pool.answers = {3};
  EXPECT_NEAR(for_twelve("linear+utility"), .937, .03);
  EXPECT_THAT(report_.models, ::testing::ElementsAre("small", "small*3", "large"));
  EXPECT_GT(report_.lines.size(), 3U);
}

TEST_F(Arms, HaveAHeadEachOfTheChanceToDoAsWellAsTheReference) {
  options_.pool.answers = {2, 3};
  const LineReport& l = line("hybrid_llm:label=prob,reference=large+cheapest_passing:quality=0.9");
  ASSERT_EQ(l.points.size(), 1U);
  EXPECT_NEAR(l.points[0].quality.value, .937, .03);
  EXPECT_NEAR(l.points[0].cost, 11.5, 1);
}

TEST_F(Arms, AreAskedByTheStrategyAtTheirPrice) {
  options_.pool.answers = {3};
  const LineReport& l = line("best_route:quality=0.85,hit=1,reference=large+linear");
  ASSERT_EQ(l.points.size(), 1U);
  EXPECT_NEAR(l.points[0].quality.value, .937, .03);
  EXPECT_NEAR(l.points[0].cost, 11.5, 1);
  EXPECT_THAT(report_.notes, Contains(AnyOf(HasSubstr(": 1.9"), HasSubstr(": 2.0"))))
      << "three calls a poem, one a sum";
  EXPECT_THAT(report_.notes, Not(Contains(HasSubstr("do not record"))));
}

// A configuration learns its arms from the answers of the table itself.
TEST_F(Arms, AreLearnedFromATableThatListsAnswers) {
  std::ofstream(directory_ + "/c.yaml")
      << "models:\n"
         "  - { name: small, price: { input: 50000, output: 50000 } }\n"
         "  - { name: three, upstream_model: small, answers: 3, price: { input: 50000, output: "
         "50000 } }\n"
         "  - { name: large, price: { input: 1000000, output: 1000000 } }\n"
         "routes:\n  auto:\n    - { models: [small, three, large], estimator: { type: linear, "
         "table: t.jsonl }, flow: { type: best_route, quality: 0.85, hit: 1 } }\n";
  options_.pool.answers = {3};
  const LineReport& l = line(directory_ + "/c.yaml:auto");
  ASSERT_EQ(l.points.size(), 1U);
  EXPECT_NEAR(l.points[0].quality.value, .937, .03);
  EXPECT_NEAR(l.points[0].cost, 11.5, 1);
}

}  // namespace
}  // namespace swy::eval
