#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

constexpr std::string_view kTeam =
    "{ type: similarity, threshold: 0.5, examples: { refunds: [I want my money back], "
    "outages: [the website is down, nothing loads] } }";

TEST(SimilaritySignal, FindsTheGroupWhoseExampleMeansTheSame) {
  PluginLab lab;
  const auto s = lab.make_signal(kTeam);
  ASSERT_TRUE(s) << lab.errors();
  const Fact refund = lab.ask_encoded(*s, "please give me my money back");
  EXPECT_EQ(refund.truth, Truth::kTrue);
  EXPECT_EQ(refund.label.view(), "refunds");
  EXPECT_GT(refund.confidence, 0.5F);
  EXPECT_EQ(lab.ask_encoded(*s, "your website is down again").label.view(), "outages");
  const Fact other = lab.ask_encoded(*s, "a recipe for pancakes with apples");
  EXPECT_EQ(other.truth, Truth::kFalse);
  EXPECT_GT(other.confidence, 0.5F) << "of the false, too";
}

TEST(SimilaritySignal, AnExampleItselfIsOneAndIsQuotedWithoutGroups) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: similarity, examples: [where is my invoice] }");
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(*s, "where is my invoice");
  EXPECT_NEAR(f.value, 1, 1e-3);
  EXPECT_EQ(f.label.view(), "where is my invoice");
}

TEST(SimilaritySignal, AveragesTheNearestOfAGroup) {
  PluginLab lab;
  const auto one =
      lab.make_signal("{ type: similarity, examples: { g: [red apples, blue seas] } }");
  const auto two =
      lab.make_signal("{ type: similarity, top: 2, examples: { g: [red apples, blue seas] } }");
  ASSERT_TRUE(one && two);
  const double best = lab.ask_encoded(*one, "red apples").value;
  const double mean = lab.ask_encoded(*two, "red apples").value;
  EXPECT_NEAR(best, 1, 1e-3);
  EXPECT_LT(mean, best);
  const auto sea = lab.make_signal("{ type: similarity, examples: { g: [blue seas] } }");
  EXPECT_NEAR(mean, (best + lab.ask_encoded(*sea, "red apples").value) / 2, 1e-4);
}

TEST(SimilaritySignal, IsUnknownWithoutTextAndSaysWhyWithoutAnEncoding) {
  PluginLab lab;
  const auto s = lab.make_signal(kTeam);
  ASSERT_TRUE(s);
  EXPECT_EQ(lab.ask_encoded(*s, "").truth, Truth::kUnknown);
  Asked asked("where is my money");
  Scratch scratch;
  asked.begin(scratch);
  Reading* reading = &scratch.reading;
  Fact f;
  s->compute({&reading, 1}, {&f, 1});
  ASSERT_EQ(reading->wanted().size(), 1U);
  reading->provide(reading->wanted()[0], Encoding::State::kLate);
  s->compute({&reading, 1}, {&f, 1});
  EXPECT_EQ(f.truth, Truth::kUnknown);
  EXPECT_EQ(f.label.view(), "late");
}

TEST(SimilaritySignal, RefusesWhatCannotWork) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: similarity }"));
  EXPECT_NE(lab.errors().find("examples is missing"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: similarity, examples: [] }"));
  EXPECT_FALSE(lab.make_signal("{ type: similarity, examples: { a: [] } }"));
  EXPECT_FALSE(lab.make_signal("{ type: similarity, examples: [x], encoder: nobody }"));
  EXPECT_NE(lab.errors().find("unknown encoder 'nobody'"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
