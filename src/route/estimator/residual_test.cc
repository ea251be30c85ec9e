#include <cmath>

#include "route/testing/learned_lab.h"

namespace swy::route::testing {
namespace {

// Serving and learning as the gateway does them: updates on a copy, which becomes the next plan.
class Residual : public LearnedLab {
 protected:
  Residual() : LearnedLab("residual") {}
  void make(const std::string& options, const std::string& base = "{ type: prior, evidence: 4 }") {
    plan_ = plan_from(
        "models:\n"
        "  - { name: small, quality: { default: 0.6 } }\n"
        "  - { name: large, quality: { default: 0.8 } }\n"
        "  - { name: new }\n"
        "estimators: { base: " +
            base +
            " }\n"
            "routes: { auto: [{ models: [small, large, new], estimator: { type: residual, of: "
            "base" +
            options + " } }] }\n",
        registry_, folder_.string());
    ASSERT_NE(plan_, nullptr);
    ASSERT_EQ(plan_->learners.size(), 1U);
  }
  std::vector<Belief> believe(const std::string& text = "a question") {
    Prompt p(text);
    begin(p);
    std::vector<Belief> out(3);
    believe_now(*plan_, *rule().estimator, question(), out);
    return out;
  }
  void learn(std::size_t candidate, double quality, const std::string& text = "a question") {
    Prompt p(text);
    begin(p);  // nothing of it is encoded
    const Estimator* old = plan_->learners.at(0).get();
    auto fresh = old->copy();
    fresh->update(question(), candidate, {.quality = quality});
    plan_ = with_estimator(*plan_, old, std::shared_ptr<const Estimator>(std::move(fresh)));
  }
  [[nodiscard]] std::uint64_t version() const { return rule().estimator->version(); }

 private:
  [[nodiscard]] const Rule& rule() const { return plan_->rule_sets[0].rules[0]; }
  void begin(const Prompt& p) {
    scratch_.begin(p.work, plan_->signals.size());
    scratch_.masked_by.assign(3, -1);
  }
  Question question() {
    return {plan_->catalogue, scratch_.reading, rule().candidates, {}, scratch_};
  }
  Registry registry_ = beliefs_registry();
  std::shared_ptr<const Plan> plan_;
  Scratch scratch_;
};

TEST_F(Residual, AddsTheMeanOfWhatWasOffDrawnToNothing) {
  make(", ridge: 2, noise: 0.5");
  const double prior_var = 0.6 * 0.4 / 5;
  EXPECT_NEAR(believe()[0].quality, 0.6, 1e-12);
  EXPECT_NEAR(believe()[0].quality_var, prior_var + 0.25 / 2, 1e-12);
  learn(0, 0);
  learn(0, 0);
  learn(0, 1);
  const auto b = believe();
  EXPECT_NEAR(b[0].quality, 0.6 + (-0.6 - 0.6 + 0.4) / (2 + 3), 1e-12);
  EXPECT_NEAR(b[0].quality_var, prior_var + 0.25 / 5, 1e-12);
  EXPECT_NEAR(b[0].evidence, 4 + 3, 1e-12);
  EXPECT_NEAR(b[1].quality, 0.8, 1e-12) << "nothing came of large";
  EXPECT_TRUE(std::isnan(b[2].quality));
  for (int i = 0; i < 50; ++i) learn(0, 1);
  EXPECT_LE(believe()[0].quality, 1);
}

TEST_F(Residual, FollowsAModelThatChanges) {
  make(", ridge: 1, forget: 0.9");
  for (int i = 0; i < 100; ++i) learn(0, 1);
  for (int i = 0; i < 40; ++i) learn(0, 0);
  EXPECT_LT(believe()[0].quality, 0.15);
  make(", ridge: 1");
  for (int i = 0; i < 100; ++i) learn(0, 1);
  for (int i = 0; i < 40; ++i) learn(0, 0);
  EXPECT_NEAR(believe()[0].quality, 100.0 / 140, 0.01);
}

TEST_F(Residual, TeachesNothingWithoutAQualityOrABelief) {
  make("");
  const std::uint64_t before = version();
  learn(0, kUnknownNumber);
  learn(0, 1.5);
  learn(2, 1);  // the base does not know it
  EXPECT_EQ(version(), before);
  learn(0, 1);
  EXPECT_NE(version(), before) << "another state has another version";
}

TEST_F(Residual, EncodesWhatItsBaseReadsWhenItLearns) {
  make(", ridge: 0.001", "{ type: linear, table: two.jsonl }");
  const std::string sum = "Compute the product of the primes seven forty";
  const double believed = believe(sum)[1].quality;
  ASSERT_GT(believed, 0.6);
  learn(1, 0, sum);
  EXPECT_NEAR(believe(sum)[1].quality, 0, 0.01) << "the residual is against what it said of a sum";
}

TEST_F(Residual, RefusesABaseThatLearnsByItself) {
  const std::string text = findings(
      "models: [{ name: small }]\n"
      "estimators: { base: { type: linear_bandit, dims: 3 } }\n"
      "routes: { auto: [{ models: [small], estimator: { type: residual, of: base } }] }\n",
      beliefs_registry(), folder_.string());
  EXPECT_NE(text.find("base learns from outcomes itself"), std::string::npos) << text;
  EXPECT_NE(findings("models: [{ name: small }]\nroutes: { auto: [{ models: [small], estimator: "
                     "residual }] }\n",
                     beliefs_registry(), folder_.string())
                .find("residual: say of which estimators"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
