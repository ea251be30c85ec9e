#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

struct WithTools : Asked {
  explicit WithTools(std::string_view text) : Asked(text) {
    tool("getCurrentWeather", "Current weather and temperature of a city");
    tool("convert_currency", "Convert an amount of money from one currency into another");
  }
};

TEST(ToolRelevanceSignal, FindsTheToolThatFits) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: tool_relevance }");
  ASSERT_TRUE(s) << lab.errors();
  WithTools weather("What is the temperature and weather in Paris?");
  const Fact f = lab.ask_encoded(*s, weather);
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_EQ(f.label.view(), "getCurrentWeather");
  WithTools money("convert 20 euros into another currency, how much money is that");
  EXPECT_EQ(lab.ask_encoded(*s, money).label.view(), "convert_currency");
}

TEST(ToolRelevanceSignal, IsFalseWithoutToolsAndForWhatNoToolDoes) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: tool_relevance, threshold: 0.5 }");
  ASSERT_TRUE(s) << lab.errors();
  Asked none("hello");
  EXPECT_EQ(lab.ask_encoded(*s, none).truth, Truth::kFalse);
  WithTools poem("write a poem about my grandmother's garden");
  EXPECT_EQ(lab.ask_encoded(*s, poem).truth, Truth::kFalse);
}

TEST(ToolRelevanceSignal, LooksOnlyAtTheToolsAskedFor) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: tool_relevance, any: [convert_currency] }");
  ASSERT_TRUE(s) << lab.errors();
  WithTools weather("What is the temperature and weather in Paris?");
  EXPECT_EQ(lab.ask_encoded(*s, weather).label.view(), "convert_currency");
}

}  // namespace
}  // namespace swy::route::testing
