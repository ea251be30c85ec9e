#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class RouteProfile : public LearnedLab {
 protected:
  RouteProfile() : LearnedLab("route_profile") {}

  // Twelve outcomes of a model that solves sums.
  void probe(const std::string& file) {
    std::ofstream out(folder_ / file, std::ios::app);
    base::Rng rng(11, 0, 0);
    for (int i = 0; i < 12; ++i) {
      out << R"({"id":"p)" << i << R"(","prompt":")" << prompt(i % 2 == 0, rng)
          << R"(","models":{"new":{"correct":)" << (i % 2 == 0) << "}}}\n";
    }
  }
  void expect_new_solves_sums(EstimatorLab& k) {
    base::Rng rng(12, 0, 0);
    Prompt sum(prompt(true, rng));
    const double on_sums = k.believe(sum.work)[2].quality;
    Prompt poem(prompt(false, rng));
    EXPECT_GT(on_sums, k.believe(poem.work)[2].quality + 0.2);
  }
};

TEST_F(RouteProfile, LearnsWhoSolvesWhatFromIncompleteObservations) {
  for (const char* options : {"table: two.jsonl", "table: two.jsonl, groups: 4",
                              "table: two.jsonl, groups: 2, hops: 2"}) {
    SCOPED_TRACE(options);
    auto k = lab(options);
    ASSERT_TRUE(k.made());
    expect_knows_who_solves_what(k);
  }
}

TEST_F(RouteProfile, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(RouteProfile, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(RouteProfile, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(RouteProfile, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(RouteProfile, KnowsANewModelFromAFewProbes) {
  probe("two.jsonl");
  auto k = lab("table: two.jsonl, groups: 2, shrink: 1");
  ASSERT_TRUE(k.made());
  expect_new_solves_sums(k);
}

TEST_F(RouteProfile, LetsANewModelJoinWeightsByItsProbes) {
  save_weights("table: two.jsonl, groups: 2, shrink: 1");
  probe("probes.jsonl");
  auto k = lab("weights: w.swy, table: probes.jsonl");
  ASSERT_TRUE(k.made());
  expect_new_solves_sums(k);
}

TEST_F(RouteProfile, RefusesWeightsWithoutDomains) {
  save_weights("table: two.jsonl");
  auto file = WeightFile::load(folder_ / "w.swy");
  ASSERT_TRUE(file);
  file->tensors.erase("centres");
  ASSERT_TRUE(file->save(folder_ / "w.swy"));
  EXPECT_NE(found("weights: w.swy").find("weights without domains"), std::string::npos);
}

TEST_F(RouteProfile, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(found("table: two.jsonl, hops: 0").find("hops"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
