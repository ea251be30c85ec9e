#include "eval/experiments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

namespace swy::eval {
namespace {

// 100 questions: large is right on 80, small on 60 of these; the last ten got no answer of small.
Pool hundred() {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const std::string missing = i >= 90 ? R"(,"missing":true)" : "";
    text += R"({"id":"q)" + std::to_string(i) + R"(","prompt":"question )" + std::to_string(i) +
            R"(","models":{"large":{"score":)" + (i < 80 ? "1" : "0") +
            R"(,"cost":0.01},"small":{"score":)" + (i < 60 ? "1" : "0") + R"(,"cost":0.001)" +
            missing + "}}}\n";
  }
  PoolOptions options;
  options.validation_share = 0;
  return make_pool(record::parse_outcomes("t", text).value(), options).value();
}

constexpr const char* kRules =
    "models: [{ name: large }, { name: small }]\n"
    "routes:\n"
    "  auto: [{ models: [large], policy: first }]\n"
    "  same: [{ models: [large, small], policy: first }]\n"
    "  next: [{ models: [small], policy: first }]\n"
    "  mixed: [{ models: [large, small], policy: { type: weighted, weights: { large: 1, small: 3 "
    "} } }]\n";

TrialOptions with(const std::string& experiment) {
  static int files = 0;
  TrialOptions o;
  o.config = testing::TempDir() + "experiments_" + std::to_string(files++) + ".yaml";
  std::ofstream(o.config) << kRules << "experiments:\n  trial: { rules: auto, " << experiment
                          << " }\n";
  return o;
}

TrialReport report_of(const TrialOptions& options) {
  auto reports = evaluate_trials(hundred(), options, route::builtin_registry());
  EXPECT_TRUE(reports) << reports.error().message;
  return reports ? std::move(reports->front()) : TrialReport{};
}

TEST(Trials, ValuesOfArmsAreExactAndTheSequentialTestTakesAsLongAsDocumented) {
  const TrialReport r = report_of(
      with("kind: canary, min_observations: 5, arms: { now: { share: 0.5 }, next: { rules: next, "
           "share: 0.5 } }"));
  ASSERT_EQ(r.arms.size(), 2U);
  EXPECT_EQ(r.questions, 100U);
  EXPECT_NEAR(r.arms[0].value.value, 0.8, 1e-12);
  EXPECT_NEAR(r.arms[1].value.value, 0.6, 1e-12);
  EXPECT_NEAR(r.arms[1].difference.value, -0.2, 1e-12);
  EXPECT_LT(r.arms[1].difference.hi, -0.1);
  EXPECT_TRUE(std::isnan(r.arms[0].difference.value));
  EXPECT_GE(r.states.at("rolled back"), 199U);
  EXPECT_EQ(r.arms[1].out, r.states.at("rolled back"));
  // docs/reference/experiments.md: from 0.8 to 0.6 after 161 observations of the worse arm.
  EXPECT_NEAR(r.arms[1].until.mean, 161, 25);
  EXPECT_NEAR(r.until.mean, 2 * r.arms[1].until.mean, 40);
  EXPECT_LE(r.until.p10, r.until.median);
  EXPECT_LE(r.until.median, r.until.p90);
  // Every other request cost 0.2.
  EXPECT_NEAR(r.loss_each, 0.1, 0.01);
  EXPECT_NEAR(r.loss, r.loss_each * r.until.mean, 0.1);
}

TEST(Trials, WhatIsWithinTheMarginIsPromotedAndEqualArmsAreSeldomCalledDifferent) {
  const TrialReport fit = report_of(
      with("kind: canary, margin: 0.4, arms: { now: { share: 0.5 }, next: { rules: next, share: "
           "0.5 } }"));
  EXPECT_GE(fit.states.at("promoted"), 195U);
  EXPECT_LE(fit.arms[1].out, 10U);
  TrialOptions options = with("kind: ab, arms: { a: {}, b: { rules: same } }");
  options.requests = 1000;
  const TrialReport equal = report_of(options);
  EXPECT_EQ(equal.arms[1].difference.value, 0);
  EXPECT_LE(equal.arms[1].out + equal.arms[1].won, 10U);  // 5 % of 200
  EXPECT_GE(equal.states.at("running"), 190U);
  EXPECT_EQ(equal.loss, 0);
  const TrialReport best =
      report_of(with("kind: best_arm, arms: { a: {}, b: { rules: next }, c: { rules: mixed } }"));
  EXPECT_GE(best.arms[0].won, 190U);  // alpha 0.05
  EXPECT_NEAR(best.arms[2].value.value, 0.25 * 0.8 + 0.75 * 0.6, 1e-6);
}

TEST(Trials, MetricsAreThoseOfTheGateway) {
  const std::string arms = "arms: { now: { share: 0.5 }, next: { rules: next, share: 0.5 } }";
  const TrialReport cost = report_of(with("metric: cost, cap: 0.02, " + arms));
  EXPECT_NEAR(cost.arms[0].value.value, 0.01, 1e-8);
  EXPECT_NEAR(cost.arms[1].difference.value, -0.009, 1e-8);
  EXPECT_EQ(cost.states.at("promoted"), 200U);  // less is better
  EXPECT_LT(cost.loss, 0);
  const TrialReport success = report_of(with("metric: success, " + arms));
  EXPECT_NEAR(success.arms[0].value.value, 1, 1e-12);
  EXPECT_NEAR(success.arms[1].value.value, 0.9, 1e-6);
  const TrialReport shadow =
      report_of(with("kind: shadow, arms: { now: {}, other: { rules: mixed } }"));
  EXPECT_NEAR(shadow.arms[1].compared, 0.25, 1e-6);
  EXPECT_NE(to_table(shadow, false).find("a shadow decides nothing"), std::string::npos);
}

TEST(Trials, TheSameSeedGivesTheSameReport) {
  TrialOptions options = with("arms: { now: { share: 0.9 }, next: { rules: next, share: 0.1 } }");
  options.runs = 20;
  const std::string first = to_json({report_of(options)});
  EXPECT_EQ(to_json({report_of(options)}), first);
  EXPECT_NE(first.find(R"("states":{"rolled back":)"), std::string::npos) << first;
  options.pool.seed = 1;
  EXPECT_NE(to_json({report_of(options)}), first);
}

TEST(Trials, WhatCannotBeEvaluatedIsSaid) {
  const auto says = [](const TrialOptions& options, const std::string& what) {
    const auto r = evaluate_trials(hundred(), options, route::builtin_registry());
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find(what), std::string::npos) << r.error().message;
  };
  const std::string arms = "arms: { now: { share: 0.5 }, next: { rules: next, share: 0.5 } }";
  says(with("metric: latency, cap: 1000, " + arms), "the data has no latency");
  says(with("arms: { now: { share: 0.5 }, next: { rules: nxt, share: 0.5 } }"),
       "did you mean next");
  TrialOptions named = with(arms);
  named.experiment = "trail";
  says(named, "did you mean trial");
  TrialOptions none;
  none.config = testing::TempDir() + "none.yaml";
  std::ofstream(none.config) << kRules;
  says(none, "declares no experiments");
}

}  // namespace
}  // namespace swy::eval
