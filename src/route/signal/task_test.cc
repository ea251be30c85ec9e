#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

std::string task(std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: task, min_confidence: 0 }");
  if (s == nullptr) return lab.errors();
  return std::string(lab.ask_encoded(*s, text).label.view());
}

TEST(TaskSignal, KnowsWhatIsAskedFor) {
  EXPECT_EQ(task("Write a Python function that reverses a linked list and explain its complexity."),
            "code");
  EXPECT_EQ(task("Translate the following sentence into German: the weather is nice today."),
            "translation");
  EXPECT_EQ(task("Natalia sold 48 clips in April and half as many in May. How many clips did she "
                 "sell altogether?"),
            "math");
}

TEST(TaskSignal, IsUnknownWithoutText) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: task }");
  ASSERT_TRUE(s) << lab.errors();
  EXPECT_EQ(lab.ask_encoded(*s, "").truth, Truth::kUnknown);
}

}  // namespace
}  // namespace swy::route::testing
