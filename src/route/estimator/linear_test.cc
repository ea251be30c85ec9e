#include "base/hash.h"
#include "math/ridge.h"
#include "record/outcome.h"
#include "route/estimator/prompt_features.h"
#include "route/estimator/weight_file.h"
#include "route/testing/learned_lab.h"
#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

class Linear : public LearnedLab {
 protected:
  Linear() : LearnedLab("linear") {}
};

TEST_F(Linear, LearnsWhoSolvesWhatFromIncompleteObservations) { expect_learns(); }

TEST_F(Linear, SaysTheSameFromItsWeightFile) { expect_the_same_from_its_file(); }

TEST_F(Linear, SaysTheSameFromItsWeightFileAsASupportVectorMachine) {
  save_weights("table: two.jsonl, loss: hinge");
  auto fitted = lab("table: two.jsonl, loss: hinge");
  auto loaded = lab("weights: w.swy");
  ASSERT_TRUE(loaded.made());
  Prompt p("Compose a lullaby for seven");
  EXPECT_EQ(fitted.believe(p.work)[0].quality, loaded.believe(p.work)[0].quality);
}

TEST_F(Linear, FitsWhatAMatrixOfAllRowsWouldGive) {
  PluginLab plugins;
  auto features = PromptFeatures::make("static_embedding", {}, plugins);
  const auto table = record::load_outcomes((folder_ / "two.jsonl").string());
  ASSERT_TRUE(features && table);
  std::vector<std::string> prompts;
  std::vector<std::vector<float>> y(2);
  for (std::size_t i = 0; i < table->rows(); ++i) {
    prompts.emplace_back(table->row(i).prompt);
    for (std::size_t m = 0; m < 2; ++m) y[m].push_back(table->cell(i, m).quality);
  }
  const auto x = features->fit(plugins.encoder(features->encoder()), prompts,
                               std::vector<std::uint32_t>(prompts.size(), 0));
  ASSERT_TRUE(x);
  const math::RidgeModel expected = math::fit_ridge(*x, y);
  save_weights("table: two.jsonl");
  const auto file = WeightFile::load((folder_ / "w.swy").string());
  ASSERT_TRUE(file);
  const std::vector<float>& weights = file->tensors.at("weights");
  ASSERT_EQ(weights.size(), expected.weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    ASSERT_NEAR(weights[i], expected.weights[i], 1e-6) << i;
  for (std::size_t m = 0; m < 2; ++m)
    EXPECT_NEAR(file->tensors.at("bias")[m], expected.bias[m], 1e-6);
}

TEST_F(Linear, LearnsFromSomeRowsOfALargeTable) {
  save_weights("table: two.jsonl, rows: 60");
  const auto file = WeightFile::load((folder_ / "w.swy").string());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->tensors.at("calls")[3], 60) << "outcomes of small";
  save_weights("table: two.jsonl, rows: 1000");
  EXPECT_EQ(WeightFile::load((folder_ / "w.swy").string())->tensors.at("calls")[3], 240);
}

TEST_F(Linear, StaysUnknownUntilOutcomesExist) { expect_unknown_without_outcomes(); }

// ---- loss: hinge

TEST_F(Linear, LearnsWhoSolvesWhatAsASupportVectorMachine) {
  auto k = lab("table: two.jsonl, loss: hinge");
  ASSERT_TRUE(k.made());
  expect_knows_who_solves_what(k);
}

TEST_F(Linear, TurnsMarginsIntoProbabilities) {
  auto k = with_weights([](auto& tensors) {
    tensors["weights"].assign(tensors["weights"].size(), 0.0F);
    tensors["bias"] = {1.2F, 0.3F};
    tensors["logistic"] = {1};
  });
  ASSERT_TRUE(k.made());
  Prompt p("anything");
  EXPECT_NEAR(k.believe(p.work)[0].quality, 0.768525, 1e-6);
  EXPECT_NEAR(k.believe(p.work)[1].quality, 0.574443, 1e-6);
}

TEST_F(Linear, SaysThreeQuartersWhereThreeInFourAreRight) {  // a margin alone would say -1 or 1
  std::ofstream out(folder_ / "noisy.jsonl");
  base::Rng rng(14, 0, 0);
  for (int i = 0; i < 400; ++i) {
    out << R"({"id":"n)" << i << R"(","prompt":")" << prompt(i % 2 == 0, rng)
        << R"(","models":{"small":{"correct":)" << (i / 2 % 4 != 0) << "}}}\n";
  }
  out.close();
  auto k = lab("table: noisy.jsonl, loss: hinge");
  double sum = 0;
  for (int i = 0; i < 40; ++i) {
    Prompt p(prompt(i % 2 == 0, rng));
    sum += k.believe(p.work)[0].quality;
  }
  EXPECT_NEAR(sum / 40, 0.75, 0.05);
}

TEST_F(Linear, SaysWhichLossesThereAre) {
  EXPECT_NE(found("table: two.jsonl, loss: log").find("'log' should be squared or hinge"),
            std::string::npos);
}

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
