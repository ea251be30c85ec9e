#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/t4_lab.h"

namespace swy::route::testing {
namespace {

// A configuration whose only feature is a constant, as in the known answers.
std::string one_feature(const std::string& options, const std::string& models) {
  return "models: [" + models +
         "]\n"
         "estimators: { learned: { type: linear_bandit, dims: 0, noise: 0.5" +
         options +
         " } }\n"
         "routes: { auto: [{ models: [a, b], estimator: learned, policy: { type: ucb, alpha: 2, "
         "cost: "
         "0 } }] }\n";
}
constexpr const char* kTwo = "{ name: a }, { name: b }";

// Serving and learning as the gateway does them: decisions by the plan, updates on a copy, the copy
// published as the next plan.
class Loop {
 public:
  explicit Loop(const std::string& yaml, const std::string& directory = ".")
      : registry_(beliefs_registry()), plan_(plan_from(yaml, registry_, directory)) {}

  const Choice& decide(Prompt& p, std::uint64_t seed = 0) {
    scratch_.begin(p.work, plan_->signals.size());
    const auto d =
        decide_now(*plan_, plan_->rule_sets[0], {}, base::Rng(seed, p.work.id, 0), scratch_);
    choice_ = std::get<Choice>(d);
    return choice_;
  }
  // What became of the last decision, or of another candidate's answer to it.
  void learn(std::size_t candidate, double quality) {
    const Estimator* old = plan_->learners.at(0).get();
    auto fresh = old->copy();
    const Question q{
        plan_->catalogue, scratch_.reading, plan_->rule_sets[0].rules[0].candidates, {}, scratch_};
    fresh->update(q, candidate, {.quality = quality});
    plan_ = with_estimator(*plan_, old, std::shared_ptr<const Estimator>(std::move(fresh)));
  }
  // The same without publishing a plan for every outcome.
  void learn_in_place(std::size_t candidate, double quality, Estimator& private_copy) {
    const Question q{
        plan_->catalogue, scratch_.reading, plan_->rule_sets[0].rules[0].candidates, {}, scratch_};
    private_copy.update(q, candidate, {.quality = quality});
  }
  void publish(const Estimator& private_copy) {
    plan_ = with_estimator(*plan_, plan_->learners.at(0).get(),
                           std::shared_ptr<const Estimator>(private_copy.copy()));
  }
  [[nodiscard]] const Scratch& scratch() const { return scratch_; }
  [[nodiscard]] const Plan& plan() const { return *plan_; }

 private:
  Registry registry_;
  std::shared_ptr<const Plan> plan_;
  Scratch scratch_;
  Choice choice_;
};

TEST(LinearBandit, IsLinUcbWithThePolicyUcb) {  // request-routing.md 3.8
  Loop loop(one_feature(", prior: 0", kTwo));
  Prompt p("x");
  loop.decide(p);
  loop.learn(0, 1);
  EXPECT_EQ(loop.decide(p).candidate, 0U);
  EXPECT_NEAR(loop.scratch().score[0], 1.207107, 1e-6);
  EXPECT_NEAR(loop.scratch().score[1], 1, 1e-12);
  loop.learn(0, 0);
  EXPECT_EQ(loop.decide(p).candidate, 1U);
  EXPECT_NEAR(loop.scratch().score[0], 0.910684, 1e-6);
}

TEST(LinearBandit, StartsFromAPriorAsPilotDoes) {  // 5.10: 1 + alpha against 0 + alpha
  Loop loop(one_feature(
      "", "{ name: a, quality: { default: 0 } }, { name: b, quality: { default: 1 } }"));
  Prompt p("x");
  EXPECT_EQ(loop.decide(p).candidate, 1U);
  EXPECT_NEAR(loop.scratch().score[0], 1, 1e-12);
  EXPECT_NEAR(loop.scratch().score[1], 2, 1e-12);
  loop.learn(1, 0);  // the prior counts as one outcome: (1 + 0) / 2
  loop.decide(p);
  EXPECT_NEAR(loop.scratch().beliefs[1].quality, 0.5, 1e-12);
}

TEST(LinearBandit, ForgetsByTheFactor) {  // 5.10: after r = 1 and a gap of two rounds A = 1 + .25
  Loop loop(one_feature(", prior: 0, forget: 0.5", kTwo));
  Prompt p("x");
  loop.decide(p);
  loop.learn(0, 1);
  loop.learn(1, 0);
  loop.learn(1, 0);
  loop.decide(p);
  EXPECT_NEAR(loop.scratch().beliefs[0].quality, 0.25 / 1.25, 1e-12);
  EXPECT_NEAR(loop.scratch().beliefs[0].quality_var, 0.25 / 1.25, 1e-12);
  EXPECT_NEAR(loop.scratch().beliefs[0].evidence, 0.25, 1e-12);
}

TEST(LinearBandit, LeavesWhatServesUntouchedAndNamesWhatItPublishes) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(one_feature(", prior: 0", kTwo), registry);
  const Estimator* old = plan->learners.at(0).get();
  auto fresh = old->copy();
  Scratch s;
  Prompt p("x");
  s.begin(p.work, 0);
  s.masked_by.assign(2, -1);
  const Question q{plan->catalogue, s.reading, plan->rule_sets[0].rules[0].candidates, {}, s};
  fresh->update(q, 0, {.quality = 1});
  std::vector<Belief> before(2);
  std::vector<Belief> after(2);
  old->estimate(q, before);
  fresh->estimate(q, after);
  EXPECT_EQ(before[0].quality, 0);
  EXPECT_EQ(after[0].quality, 0.5);
  const auto next = with_estimator(*plan, old, std::shared_ptr<const Estimator>(std::move(fresh)));
  EXPECT_NE(next->version, plan->version);
  EXPECT_EQ(plan->rule_sets[0].rules[0].policy, next->rule_sets[0].rules[0].policy);  // shared
}

TEST(LinearBandit, LearnsNothingFromScoresThatCannotBe) {
  Loop loop(one_feature(", prior: 0", kTwo));
  Prompt p("x");
  loop.decide(p);
  for (const double bad : {-0.1, 1.1, kUnknownNumber}) loop.learn(0, bad);
  loop.decide(p);
  EXPECT_EQ(loop.scratch().beliefs[0].evidence, 0);
}

// request-routing.md section 7: T4, questions drawn at random, one-hot features; quality regret per
// round below .05 over 2,000 rounds, for 20 seeds.
double t4_regret(const std::string& policy, std::uint64_t seed) {
  std::string yaml = "models: [{ name: S }, { name: M }, { name: L }]\nsignals:\n";
  for (int i = 0; i < 4; ++i)
    yaml += "  q" + std::to_string(i) + ": { type: counted, key: q" + std::to_string(i) + " }\n";
  yaml +=
      "estimators: { learned: { type: linear_bandit, dims: 0, bias: false, noise: 0.3, signals: "
      "[q0, q1, q2, q3] } }\n"
      "routes: { auto: [{ models: [S, M, L], estimator: learned, policy: " +
      policy + " }] }\n";
  Loop loop(yaml);
  auto learner = loop.plan().learners.at(0)->copy();
  base::Rng rng(seed, 0, 0);
  const std::array<const char*, 4> keys{"q0", "q1", "q2", "q3"};
  double regret = 0;
  constexpr int kRounds = 2'000;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t i = rng.below(4);
    Prompt p("x");
    p.request.metadata = {{keys[i], "true"}};
    p.work.id = static_cast<std::uint64_t>(round);
    const std::size_t chosen = loop.decide(p, seed).candidate;
    regret += 1 - kT4Right[i][chosen];  // every question has a model that is right
    loop.learn_in_place(chosen, kT4Right[i][chosen], *learner);
    if (round % 5 == 4) loop.publish(*learner);
  }
  return regret / kRounds;
}

TEST(LinearBandit, HasLittleRegretOnTheFixtureWithUcb) {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_LT(t4_regret("{ type: ucb, cost: 0 }", seed), 0.05) << seed;
}

TEST(LinearBandit, HasLittleRegretOnTheFixtureWithThompsonSampling) {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_LT(t4_regret("{ type: thompson, cost: 0 }", seed), 0.05) << seed;
}

TEST(LinearBandit, WithoutExploringOrLearningTheRegretIsLarge) {  // the test above can fail
  EXPECT_GT(t4_regret("first", 0), 0.5);
}

class WithTable : public T4Lab {
 protected:
  [[nodiscard]] std::string yaml(const std::string& options) const {
    return "models: [{ name: S }, { name: M }, { name: L }]\n"
           "routes: { auto: [{ models: [S, M, L], estimator: { type: linear_bandit, table: "
           "learn.jsonl" +
           options + " } }] }\n";
  }
};

TEST_F(WithTable, LearnsItsRowsAtTheirStrength) {
  Prompt p("gamma");
  const auto at = [&](const std::string& options) {
    return EstimatorLab(yaml(options), folder_.string()).believe(p.work);
  };
  const auto none = at(", strength: 0");
  EXPECT_NEAR(none[0].quality, 0.5, 1e-12);
  EXPECT_EQ(none[0].evidence, 0);
  const auto some = at(", strength: 2");
  EXPECT_NEAR(some[0].evidence, 2, 1e-9);  // four rows at a half
  const auto all = at("");
  EXPECT_NEAR(all[0].evidence, 4, 1e-9);
  EXPECT_LT(all[0].quality, some[0].quality);  // S is right on one of four
  EXPECT_GT(all[1].quality, all[0].quality);
}

TEST_F(WithTable, DoesNotLearnFromTheRowThatIsAsked) {
  // Without its own row q1 ("alpha"), S has only wrong ones.
  Prompt p("alpha");
  EstimatorLab lab(yaml(", ridge: 0.001, dims: 0"), folder_.string());
  EXPECT_NEAR(lab.believe(p.work)[0].quality, 0.25, 1e-3);
  p.work.exclude_row = "known-0";
  const auto left_out = lab.believe(p.work);
  EXPECT_NEAR(left_out[0].quality, 0, 1e-3);
  EXPECT_NEAR(left_out[0].evidence, 3, 1e-9);
}

TEST_F(WithTable, SaysWhatItCannotLearnFrom) {
  EXPECT_NE(findings("models: [{ name: a }]\nroutes: { auto: [{ models: [a], estimator: { type: "
                     "linear_bandit, dims: 0, bias: false } }] }\n",
                     beliefs_registry())
                .find("nothing to learn from"),
            std::string::npos);
  EXPECT_NE(findings("models: [{ name: a }]\nsignals: { s: { type: counted, key: s } }\n"
                     "routes: { auto: [{ models: [a], estimator: { type: linear_bandit, signals: "
                     "[s], table: t/ } }] }\n",
                     beliefs_registry())
                .find("tables do not say what signals would have said"),
            std::string::npos);
}

class WithState : public T4Lab {};

TEST_F(WithState, GoesOnFromWhatWasSaved) {
  const std::string yaml = one_feature(", prior: 0, state: learned.json", kTwo);
  EXPECT_NE(findings(yaml, beliefs_registry(), folder_.string()).find("it will be written"),
            std::string::npos);
  Loop loop(yaml, folder_.string());
  Prompt p("x");
  loop.decide(p);
  loop.learn(0, 1);
  ASSERT_TRUE(loop.plan().learners.at(0)->save());
  Loop again(yaml, folder_.string());
  again.decide(p);
  EXPECT_NEAR(again.scratch().beliefs[0].quality, 0.5, 1e-12);
  EXPECT_EQ(again.scratch().beliefs[0].evidence, 1);
  EXPECT_NE(findings(yaml, beliefs_registry(), folder_.string())
                .find("goes on from what was learned of 2 models"),
            std::string::npos);
}

TEST_F(WithState, RefusesWhatWasLearnedOverOtherFeaturesOrIsDamaged) {
  Loop loop(one_feature(", state: learned.json", kTwo), folder_.string());
  ASSERT_TRUE(loop.plan().learners.at(0)->save());
  const std::string wider =
      "models: [{ name: a }, { name: b }]\n"
      "routes: { auto: [{ models: [a, b], estimator: { type: linear_bandit, dims: 3, state: "
      "learned.json } }] }\n";
  EXPECT_NE(findings(wider, beliefs_registry(), folder_.string())
                .find("was learned over other features ("),
            std::string::npos);
  std::ofstream(folder_ / "learned.json") << R"({"kind":"linear_bandit","format":1})";
  EXPECT_NE(
      findings(one_feature(", state: learned.json", kTwo), beliefs_registry(), folder_.string())
          .find("was learned over other features"),
      std::string::npos);
  std::ofstream(folder_ / "learned.json") << "{";
  EXPECT_NE(
      findings(one_feature(", state: learned.json", kTwo), beliefs_registry(), folder_.string())
          .find("is no linear_bandit file"),
      std::string::npos);
}

// ---- hidden: features of a network

class NeuralBandit : public T4Lab {
 protected:
  NeuralBandit() {
    // small is right where exactly one of two things holds: no linear function of them says that.
    std::ofstream out(folder_ / "either.jsonl");
    for (int i = 0; i < 400; ++i) {
      out << R"({"id":"e)" << i << R"(","prompt":")" << question(i)
          << R"(","models":{"S":{"score":)" << either(i) << R"(},"M":{"score":)" << !either(i)
          << "}}}\n";
    }
  }
  static bool either(int i) { return (i % 2 == 0) != (i / 2 % 2 == 0); }
  static std::string question(int i) {
    constexpr std::array kFill = {"seven", "willow", "forty", "lantern", "bridge"};
    std::string text = i % 2 == 0 ? "Compute the integral of the polynomial function "
                                  : "Write a poem about the autumn rain ";
    text += i / 2 % 2 == 0 ? "in a python program with tests " : "for my grandmother in Lisbon ";
    return text + kFill[static_cast<std::size_t>(i / 4) % 5] + " " +
           kFill[static_cast<std::size_t>(i / 20) % 5];
  }
  static std::string neural(const std::string& options) {
    return "models: [{ name: S }, { name: M }]\n"
           "routes: { auto: [{ models: [S, M], estimator: { type: linear_bandit, noise: 0.2, " +
           options + " }, policy: { type: ucb, cost: 0 } }] }\n";
  }
  // Of 40 questions the share whose right model is believed better.
  double right(const std::string& options) {
    EstimatorLab lab(neural(options), folder_.string());
    EXPECT_TRUE(lab.made());
    double n = 0;
    for (int i = 0; i < 40; ++i) {
      Prompt p(question(i + 4000));
      const auto b = lab.believe(p.work);
      n += (b[0].quality > b[1].quality) == either(i) ? 1 : 0;
    }
    return n / 40;
  }
};

TEST_F(NeuralBandit, LearnsWhatNoLinearFunctionSays) {
  const std::string table = "table: either.jsonl, strength: 1000000, dims: 64";
  EXPECT_LT(right(table), 0.8);
  EXPECT_GT(right(table + ", hidden: 32"), 0.9);
}

TEST_F(NeuralBandit, GoesOnLearningFromOutcomes) {
  Loop loop(neural("table: either.jsonl, strength: 1, hidden: 16"), folder_.string());
  Prompt p(question(0));
  loop.decide(p);
  const double before = loop.scratch().beliefs[0].quality;
  for (int i = 0; i < 50; ++i) {
    loop.decide(p);
    loop.learn(0, 1);
  }
  loop.decide(p);
  EXPECT_GT(loop.scratch().beliefs[0].quality, before + 0.1)
      << "the right answer was " << either(0);
  EXPECT_LT(loop.scratch().beliefs[0].quality_var, 0.2 * 0.2 / 40);
}

TEST_F(NeuralBandit, IsOfOtherFeaturesThanWithoutTheNetwork) {
  Loop loop(neural("table: either.jsonl, state: kept.json"), folder_.string());
  Prompt p(question(0));
  loop.decide(p);
  ASSERT_TRUE(loop.plan().learners.at(0)->save());
  const std::string text = findings(neural("table: either.jsonl, hidden: 8, state: kept.json"),
                                    beliefs_registry(), folder_.string());
  EXPECT_NE(text.find("was learned over other features"), std::string::npos) << text;
}

TEST_F(NeuralBandit, NeedsATableForItsNetwork) {
  EXPECT_NE(findings(neural("hidden: 8"), beliefs_registry()).find("hidden needs a table"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
