#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, Asked& asked) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  EXPECT_TRUE(signal) << lab.errors();
  return PluginLab::ask(*signal, asked);
}

[[maybe_unused]] Fact ask(std::string_view yaml, std::string_view text) {
  Asked asked(text);
  return ask(yaml, asked);
}

[[maybe_unused]] std::string error(std::string_view yaml) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal(yaml)) << yaml;
  return lab.errors();
}

double quality(std::string_view text) { return ask("{ type: language_quality }", text).value; }

TEST(LanguageQualitySignal, ProseAndCodeAreGood) {
  EXPECT_GT(quality("Could you please explain how a heat pump works in winter?"), 0.9);
  EXPECT_GT(quality("Könnten Sie mir bitte erklären, wie eine Wärmepumpe funktioniert?"), 0.9);
  EXPECT_GT(quality("for (int i = 0; i < n; ++i) { sum += values[i]; }"), 0.6);
}

TEST(LanguageQualitySignal, NoiseIsPoor) {
  EXPECT_LT(quality("asdfgh jklqwrt zxcvbnm qwrtplk sdfghjk"), 0.4);
  EXPECT_LT(quality("aaaaaaaaaaaaaaa hhhhhhhhhhhhhh noooooooooooo"), 0.4);
  EXPECT_LT(quality("why why why why why why why why"), 0.4);
  EXPECT_EQ(quality(std::string(5000, char(0xFE))), 0);
  const Fact f = ask("{ type: language_quality }", "asdfgh jklqwrt zxcvbnm qwrtplk sdfghjk");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_EQ(f.label.view(), "poor");
}

TEST(LanguageQualitySignal, TooLittleTextIsUnknown) {
  EXPECT_EQ(ask("{ type: language_quality }", "hi").truth, Truth::kUnknown);
  EXPECT_NE(error("{ type: language_quality, least: 3 }").find("least"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
