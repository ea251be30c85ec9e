#include <cstring>

#include "route/estimator/weight_file.h"
#include "route/testing/graph_weights.h"
#include "route/testing/learned_lab.h"
#include "route/testing/no_allocation.h"

namespace swy::route::testing {
namespace {

// Training is the business of apps/switchyard-train; its test says that what it learns is right.
class GraphRouter : public LearnedLab {
 protected:
  GraphRouter() : LearnedLab("graph_router") {
    const Status saved =
        save_untrained(config("table: two.jsonl, hidden: 4"), folder_.string(), folder_ / "w.swy");
    EXPECT_TRUE(saved) << saved.error().message;
  }
  // A table of the prompts of two.jsonl in which `new` did what `small` did.
  void write_probes() {
    std::ifstream in(folder_ / "two.jsonl");
    std::ofstream out(folder_ / "probes.jsonl");
    for (std::string line; std::getline(in, line);) {
      const std::size_t at = line.find("\"small\"");
      line.replace(at, 7, "\"new\"");
      out << line << '\n';
    }
  }
};

TEST_F(GraphRouter, ServesItsWeightFileAndStaysUnknownOfOtherModels) {
  auto k = lab("weights: w.swy");
  ASSERT_TRUE(k.made());
  Prompt p("Compose a lullaby for seven");
  const auto b = k.believe(p.work, {.tokens = 100});
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_TRUE(b[m].quality > 0 && b[m].quality < 1) << b[m].quality;
    EXPECT_GT(b[m].evidence, 0);
    EXPECT_GT(b[m].cost_micro, 0);
  }
  EXPECT_NE(b[0].quality, b[1].quality);
  EXPECT_TRUE(std::isnan(b[2].quality));
}

TEST_F(GraphRouter, KnowsANewModelByItsProbesAndTheOthersAsBefore) {
  write_probes();
  auto without = lab("weights: w.swy");
  auto with = lab("weights: w.swy, table: probes.jsonl");
  ASSERT_TRUE(with.made());
  base::Rng rng(3, 0, 0);
  for (int i = 0; i < 10; ++i) {
    Prompt p(prompt(i % 2 == 0, rng));
    const auto a = without.believe(p.work);
    const auto b = with.believe(p.work);
    for (std::size_t m = 0; m < 2; ++m)
      EXPECT_EQ(std::memcmp(&a[m], &b[m], sizeof(Belief)), 0) << i << ", model " << m;
    EXPECT_NEAR(b[2].quality, a[0].quality, 1e-6);  // the same outcomes, the same model
    EXPECT_EQ(b[2].evidence, a[0].evidence);
  }
}

TEST_F(GraphRouter, FindsANewModelByTheNameItHasInTheTable) {
  auto k = lab("weights: w.swy, table: two.jsonl, names: [new=small]");
  // A model that the weights know is theirs.
  ASSERT_TRUE(k.made());
  Prompt p("Tell a story of a lonely harbour");
  EXPECT_EQ(k.believe(p.work)[2].quality, k.believe(p.work)[0].quality);
  write_probes();
  EXPECT_EQ(found("weights: w.swy, table: probes.jsonl, names: [new=new]").find("error"),
            std::string::npos);
  EXPECT_NE(found("weights: w.swy, table: probes.jsonl, names: [new=nobody]").find("nobody"),
            std::string::npos);
}

TEST_F(GraphRouter, DoesNotAllocateAfterWarmUp) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(config("weights: w.swy"), registry, folder_.string());
  ASSERT_NE(plan, nullptr);
  Prompt poem("Write a poem about the autumn rain");
  Prompt sum("How many divisors has forty");
  expect_no_allocation_after_warm_up(*plan, poem, sum);
}

TEST_F(GraphRouter, SaysWhoTrainsItWithoutWeights) {
  EXPECT_NE(found("table: two.jsonl").find("switchyard-train router"), std::string::npos);
}

TEST_F(GraphRouter, RefusesWeightsThatAreNotAGraph) {
  auto w = WeightFile::load(folder_ / "w.swy");
  ASSERT_TRUE(w);
  const auto refused = [&](const char* name, std::vector<float> values) {
    WeightFile other = *w;
    other.tensors[name] = std::move(values);
    EXPECT_TRUE(other.save(folder_ / "bad.swy"));
    return found("weights: bad.swy");
  };
  EXPECT_NE(refused("shape", {4}).find("'shape' should have 2"), std::string::npos);
  EXPECT_NE(refused("shape", {0, 1}).find("without a graph"), std::string::npos);
  EXPECT_NE(refused("shape", {4, 1e9F}).find("without a graph"), std::string::npos);
  EXPECT_NE(refused("shape", {std::nanf(""), 1}).find("shape"), std::string::npos);
  EXPECT_NE(refused("states", {1, 2}).find("'states' should have"), std::string::npos);
  EXPECT_NE(refused("conv2", {}).find("'conv2' should have"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
