#include "base/hash.h"
#include "route/estimator/weight_file.h"
#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

class Linear : public LearnedLab {
 protected:
  Linear() : LearnedLab("linear") {}
};

TEST_F(Linear, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Linear, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Linear, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

// ---- the weight file, which all of the kind share

TEST_F(Linear, RefusesWeightsOfAnotherType) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(config("table: two.jsonl"), registry, folder_.string());
  ASSERT_TRUE(plan->rule_sets[0].rules[0].estimator->export_weights(folder_ / "w.swy"));
  type_ = "mlp";
  EXPECT_NE(found("weights: w.swy").find("weights of linear, not of mlp"), std::string::npos)
      << found("weights: w.swy");
}

TEST_F(Linear, RefusesWeightsOfOtherFeaturesNamingBoth) {
  WeightFile w;
  w.type = "linear";
  w.features = "0123456789abcdef+counts1";
  w.models = {"small"};
  w.tensors["bias"] = {0.5F};
  ASSERT_TRUE(w.save(folder_ / "w.swy"));
  const std::string text = found("weights: w.swy");
  EXPECT_NE(text.find("0123456789abcdef+counts1"), std::string::npos) << text;
  EXPECT_NE(text.find("here they are"), std::string::npos) << text;
}

TEST_F(Linear, RefusesADamagedFileNamingBothHashes) {
  WeightFile w;
  w.type = "linear";
  w.models = {"small"};
  w.tensors["bias"] = {0.5F};
  const std::string path = (folder_ / "w.swy").string();
  ASSERT_TRUE(w.save(path));
  ASSERT_TRUE(WeightFile::load(path));
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-2, std::ios::end);
    file.put(1);
  }
  const auto damaged = WeightFile::load(path);
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("damaged"), std::string::npos) << damaged.error().message;
  EXPECT_NE(damaged.error().message.find(base::hex64(w.hash())), std::string::npos);
}

TEST_F(Linear, NamesAFileThatIsNotThereOrIsSomethingElse) {
  EXPECT_NE(found("weights: nowhere.swy").find("nowhere.swy"), std::string::npos);
  EXPECT_NE(found("weights: two.jsonl").find("two.jsonl"), std::string::npos);
  EXPECT_NE(found("weights: a, table: two.jsonl").find("not both"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
