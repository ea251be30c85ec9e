#include <fmt/format.h>
#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

constexpr const char* kHead = SWY_SOURCE_DIR "/models/heads/domain.head";

TEST(ClassifierSignal, AnswersWithALabelOfItsHead) {
  PluginLab lab;
  const auto s =
      lab.make_signal(fmt::format("{{ type: classifier, min_confidence: 0, head: '{}' }}", kHead));
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(*s, "What is the integral of the cosine function from 0 to pi?");
  EXPECT_EQ(f.label.view(), "math");
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_NEAR(f.value, f.confidence, 1e-6);
}

TEST(ClassifierSignal, ALessCertainAnswerIsUnknown) {
  PluginLab lab;
  const auto s =
      lab.make_signal(fmt::format("{{ type: classifier, min_confidence: 1, head: '{}' }}", kHead));
  ASSERT_TRUE(s) << lab.errors();
  EXPECT_EQ(lab.ask_encoded(*s, "hm").truth, Truth::kUnknown);
}

TEST(ClassifierSignal, RefusesAMissingOrForeignFileAndSaysWhich) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: classifier }"));
  EXPECT_NE(lab.errors().find("train signal"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: classifier, head: no-such.head }"));
  EXPECT_NE(lab.errors().find("no-such.head"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: classifier, head: README.md }"));
  EXPECT_FALSE(
      lab.make_signal(fmt::format("{{ type: classifier, head: '{}', when_late: later }}", kHead)));
}

}  // namespace
}  // namespace swy::route::testing
