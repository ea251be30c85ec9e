#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class RouterRetriever : public LearnedLab {
 protected:
  RouterRetriever() : LearnedLab("router_retriever") {}
  using Tensors = std::map<std::string, std::vector<float>, std::less<>>;
  static constexpr const char* kSum = "Compute the product of the primes seven forty";
};

TEST_F(RouterRetriever, RanksTheModelsOfAPrompt) { expect_ranks("table: two.jsonl"); }

TEST_F(RouterRetriever, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(RouterRetriever, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

TEST_F(RouterRetriever, LearnsFromOneRowAndOneModel) { expect_one_row_of_one_model_is_enough(); }

TEST_F(RouterRetriever, SaysEqualOutcomesAsTheyAre) { expect_equal_outcomes_stay_equal(); }

TEST_F(RouterRetriever, KnowsNothingFromATableOfOtherModels) {
  expect_unknown_from_a_table_of_other_models();
}

// One pilot of each model, in one domain.
TEST_F(RouterRetriever, MeasuresTheAngleToThePilots) {
  const auto quality = [&](const std::vector<float>& small, const std::vector<float>& large) {
    auto k = with_weights([&](Tensors& t) {
      t["pilots"] = small;
      t["pilots"].insert(t["pilots"].end(), large.begin(), large.end());
      t["model"] = {0, 1};
    });
    Prompt p(kSum);
    const auto b = k.believe(p.work);
    return std::pair(b[0].quality, b[1].quality);
  };
  save_weights("table: two.jsonl");
  const auto pilots = WeightFile::load(folder_ / "w.swy")->tensors.at("pilots");
  const std::size_t dims = pilots.size() / 2;
  const std::vector<float> small(pilots.begin(), pilots.begin() + static_cast<long>(dims));
  const std::vector<float> large(pilots.begin() + static_cast<long>(dims), pilots.end());
  const auto [s, l] = quality(small, large);
  EXPECT_GT(l, s) << "a sum";
  EXPECT_EQ(quality(large, small), std::pair(l, s));
  EXPECT_EQ(quality(large, large), std::pair(l, l)) << "a tie: the policy's order decides";
  // Turned round the cosine changes its sign; at a right angle it is 0.
  std::vector<float> turned = large;
  for (float& v : turned) v = -v;
  EXPECT_NEAR(quality(turned, large).first, 1 - l, 1e-6);
  EXPECT_EQ(quality(std::vector<float>(dims, 0.0F), large).first, 0.5);
}

TEST_F(RouterRetriever, TakesTheNearestOfSeveralPilots) {  // request-routing.md 4.11 f
  save_weights("table: two.jsonl");
  const auto pilots = WeightFile::load(folder_ / "w.swy")->tensors.at("pilots");
  const std::size_t dims = pilots.size() / 2;
  const auto with = [&](const std::vector<float>& model) {
    auto k = with_weights([&](Tensors& t) {
      t["pilots"] = pilots;  // the second is that of large, near the prompt
      t["pilots"].insert(t["pilots"].end(), dims, 0.0F);
      t["model"] = model;
    });
    Prompt p(kSum);
    const auto b = k.believe(p.work);
    return std::pair(b[0].quality, b[1].quality);
  };
  EXPECT_GT(with({0, 0, 1}).first, with({0, 0, 1}).second) << "both near ones are small's";
  EXPECT_EQ(with({0, 0, 1}).second, 0.5) << "and the other lies at a right angle";
  EXPECT_EQ(with({0, 0, 0}).second, 0) << "a model without a pilot was never best";
}

TEST_F(RouterRetriever, LearnsNothingFromRowsOnWhichAllDidTheSame) {
  std::ofstream out(folder_ / "same.jsonl");
  base::Rng rng(16, 0, 0);
  for (int i = 0; i < 60; ++i) {
    const bool sum = i % 2 == 0;  // on poems both are right, on sums large
    out << R"({"id":"s)" << i << R"(","prompt":")" << prompt(sum, rng)
        << R"(","models":{"small":{"correct":)" << !sum << R"(},"large":{"correct":1}}})" << '\n';
  }
  out.close();
  auto k = lab("table: same.jsonl");
  Prompt poem("Write a poem about the autumn rain harbour");
  EXPECT_EQ(k.believe(poem.work)[0].quality, 0);
}

TEST_F(RouterRetriever, RefusesAPilotOfNoModel) {
  save_weights("table: two.jsonl");
  auto file = WeightFile::load(folder_ / "w.swy");
  file->tensors["model"] = {0, 2};
  ASSERT_TRUE(file->save(folder_ / "w.swy"));
  EXPECT_NE(found("weights: w.swy").find("a pilot of no model"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
