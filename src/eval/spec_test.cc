#include "eval/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/builtin.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;
using Kind = RouterSpec::Kind;

RouterSpec parsed(std::string_view text) {
  const auto spec = parse_router(text, flow::builtin_registry());
  EXPECT_TRUE(spec) << (spec ? "" : spec.error().message);
  return spec.value_or(RouterSpec{});
}

TEST(Spec, ReadsEstimatorPolicyAndTheirOptions) {
  const RouterSpec s = parsed("knn:neighbours=60,weights=uniform+cheapest_passing:quality=0.7");
  EXPECT_EQ(s.kind, Kind::kPlugin);
  EXPECT_EQ(s.name, "knn");
  EXPECT_EQ(s.options, (RouterSpec::Options{{"neighbours", "60"}, {"weights", "uniform"}}));
  EXPECT_EQ(s.policy, "cheapest_passing");
  EXPECT_TRUE(s.policy_states("quality"));
  EXPECT_FALSE(s.policy_states("margin"));
}

TEST(Spec, ReadsAStrategyWithTheEstimatorItStartsFrom) {
  const RouterSpec s = parsed("cascade:keep=.99,beliefs=true+knn:neighbours=30");
  EXPECT_EQ(s.kind, Kind::kStrategy);
  EXPECT_EQ(s.name, "cascade");
  EXPECT_TRUE(s.states("keep"));
  EXPECT_EQ(s.estimator, "knn");
  EXPECT_EQ(s.estimator_options, (RouterSpec::Options{{"neighbours", "30"}}));
  EXPECT_EQ(parsed("agreement").estimator, "");
  const auto unknown = parse_router("agreement+kn", flow::builtin_registry());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean knn"));
}

TEST(Spec, CommasAndPlusesInsideBracketsBelongToTheValue) {
  const RouterSpec s = parsed("knn:names=[a=b+c,d=e]");
  EXPECT_EQ(s.options, (RouterSpec::Options{{"names", "[a=b+c,d=e]"}}));
  EXPECT_EQ(s.policy, "");
}

TEST(Spec, ModelNamesAreTakenWhole) {
  const RouterSpec s = parsed("always:org/model:7b+x");
  EXPECT_EQ(s.kind, Kind::kAlways);
  EXPECT_EQ(s.name, "org/model:7b+x");
}

TEST(Spec, AConfigurationNamesItsRuleSet) {
  const RouterSpec s = parsed("dir/switchyard.yaml:auto");
  EXPECT_EQ(s.kind, Kind::kConfig);
  EXPECT_EQ(s.name, "dir/switchyard.yaml");
  EXPECT_EQ(s.rule_set, "auto");
}

TEST(Spec, MistakesAreNamedWithTheNearestNames) {
  const auto fails = [](std::string_view text) {
    const auto spec = parse_router(text, flow::builtin_registry());
    EXPECT_FALSE(spec) << text;
    return spec ? "" : spec.error().message;
  };
  EXPECT_THAT(fails("kn"), HasSubstr("knn"));
  EXPECT_THAT(fails("knn+utilty"), HasSubstr("utility"));
  EXPECT_THAT(fails("knn:60"), HasSubstr("key=value"));
  EXPECT_THAT(fails("always:"), HasSubstr("names no model"));
  EXPECT_THAT(fails("a.yaml"), HasSubstr("rule set"));
}

}  // namespace
}  // namespace swy::eval
