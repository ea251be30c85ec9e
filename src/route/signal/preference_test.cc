#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

constexpr std::string_view kRoutes =
    "routes: { coding: 'writing, explaining or repairing program code', travel: 'flights, hotels "
    "and holiday plans', cooking: 'recipes, meals and ingredients' }";

TEST(PreferenceSignal, FindsTheRouteWhoseDescriptionFits) {
  PluginLab lab;
  const auto s = lab.make_signal(fmt::format("{{ type: preference, {} }}", kRoutes));
  ASSERT_TRUE(s) << lab.errors();
  EXPECT_EQ(lab.ask_encoded(*s, "book me a flight and a hotel in Lisbon").label.view(), "travel");
  EXPECT_EQ(lab.ask_encoded(*s, "explain this program code to me").label.view(), "coding");
  const Fact meal = lab.ask_encoded(*s, "what meals can I cook with these ingredients?");
  EXPECT_EQ(meal.label.view(), "cooking");
  EXPECT_NEAR(meal.confidence, 1 / (1 + std::exp(-12 * (meal.value - 0.5))), 1e-5);
}

TEST(PreferenceSignal, IsOtherWhenNoDescriptionIsNear) {
  PluginLab lab;
  const auto s =
      lab.make_signal(fmt::format("{{ type: preference, threshold: 0.9, {} }}", kRoutes));
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(*s, "who won the football match yesterday?");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_EQ(f.label.view(), "other");
  EXPECT_NEAR(f.confidence, 1 - 1 / (1 + std::exp(-12 * (f.value - 0.9))), 1e-5)
      << "surer the further away it is";
}

TEST(PreferenceSignal, IsTrueForTheRoutesAskedFor) {
  PluginLab lab;
  const auto s = lab.make_signal(fmt::format("{{ type: preference, any: [coding], {} }}", kRoutes));
  ASSERT_TRUE(s) << lab.errors();
  const Fact other = lab.ask_encoded(*s, "flights and hotels for a holiday");
  EXPECT_EQ(other.truth, Truth::kFalse);
  EXPECT_GT(other.confidence, 0.9F) << "hardly a share of it is coding";
  EXPECT_EQ(lab.ask_encoded(*s, "repair my program code").truth, Truth::kTrue);
}

TEST(PreferenceSignal, RefusesUnknownRoutesWithTheNearestName) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal(fmt::format("{{ type: preference, any: [codin], {} }}", kRoutes)));
  EXPECT_NE(lab.errors().find("coding"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: preference, routes: [a, b] }"));
  EXPECT_FALSE(lab.make_signal("{ type: preference }"));
}

}  // namespace
}  // namespace swy::route::testing
