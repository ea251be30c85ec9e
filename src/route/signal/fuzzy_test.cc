#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return PluginLab::ask(*s, text);
}

TEST(FuzzySignal, AnExactPhraseHasSimilarityOne) {
  const Fact f =
      ask("{ type: fuzzy, any: [password reset, refund] }", "I need a password reset now");
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_FLOAT_EQ(static_cast<float>(f.value), 1);
  EXPECT_EQ(f.label.view(), "password reset");
}

TEST(FuzzySignal, ATypoLowersTheSimilarityAndTheThresholdDecides) {
  constexpr std::string_view kText = "please help with pasword reset";
  const Fact strict = ask("{ type: fuzzy, any: [password reset], threshold: 1 }", kText);
  EXPECT_EQ(strict.truth, Truth::kFalse);
  EXPECT_EQ(strict.label.view(), "password reset");
  EXPECT_GT(strict.value, 0.6);
  EXPECT_LT(strict.value, 1);
  EXPECT_EQ(ask("{ type: fuzzy, any: [password reset], threshold: 0.6 }", kText).truth,
            Truth::kTrue);
}

TEST(FuzzySignal, NothingAlikeIsFalseWithoutALabel) {
  const Fact f = ask("{ type: fuzzy, any: [password reset] }", "Zum Mond fliegen");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_EQ(f.value, 0);
  EXPECT_TRUE(f.label.empty());
}

TEST(FuzzySignal, NoTextIsUnknown) {
  EXPECT_EQ(ask("{ type: fuzzy, any: [password] }", "").truth, Truth::kUnknown);
  EXPECT_EQ(ask("{ type: fuzzy, any: [password], scope: system }", "password").truth,
            Truth::kUnknown);
}

TEST(FuzzySignal, HostileTextIsTotal) {
  constexpr std::string_view kYaml = "{ type: fuzzy, any: [password reset] }";
  EXPECT_EQ(ask(kYaml, std::string(60000, '\xFF')).truth, Truth::kFalse);
  EXPECT_EQ(ask(kYaml, std::string(60000, 'p')).truth, Truth::kFalse);
  EXPECT_EQ(ask(kYaml, "a").truth, Truth::kFalse);
}

TEST(FuzzySignal, RejectsWhatCannotWork) {
  PluginLab lab;
  const auto error = [&](std::string_view yaml) {
    EXPECT_FALSE(lab.make_signal(yaml)) << yaml;
    return lab.errors();
  };
  EXPECT_NE(error("{ type: fuzzy }").find("fuzzy needs phrases"), std::string::npos);
  EXPECT_NE(error("{ type: fuzzy, any: [''] }").find("empty text"), std::string::npos);
  EXPECT_NE(error("{ type: fuzzy, any: ['!?'] }").find("lab:1:21: error"), std::string::npos);
  EXPECT_NE(error("{ type: fuzzy, any: [word], n: 9 }").find("n must be 2 to 5, not 9"),
            std::string::npos);
  EXPECT_NE(
      error("{ type: fuzzy, any: [word], threshold: 1.5 }").find("threshold must be 0.1 to 1"),
      std::string::npos);
  EXPECT_NE(error("{ type: fuzzy, any: [word], treshold: 1 }").find("did you mean threshold"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
