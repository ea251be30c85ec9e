#include "embed/builtin.h"

#include <gtest/gtest.h>

#include <utility>

namespace swy::embed {
namespace {

TEST(Builtin, TheStaticEmbeddingIsThere) {
  const auto table = builtin_static();
  ASSERT_NE(table, nullptr);
  EXPECT_GE(table->dims(), 64U);
  EXPECT_GE(table->vocabulary(), 20'000U);
  EXPECT_EQ(builtin_static(), table) << "made once";
}

TEST(Builtin, TheHeadsFitTheStaticEmbedding) {
  const HeadInputs given{.static_hash = std::string(builtin_static()->content_hash()),
                         .encoder_hash = ""};
  for (const char* name : {"domain", "task"}) {
    const auto head = builtin_head(name, given);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_TRUE((*head)->has_cheap_stage());
    EXPECT_GE((*head)->labels().size(), 8U);
  }
  for (const auto& [name, labels] :
       {std::pair("facts", "facts none"), std::pair("difficulty", "easy hard")}) {
    const auto head = builtin_head(name, given);
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_EQ((*head)->labels().size(), 2U);
    EXPECT_EQ((*head)->labels()[0] + " " + (*head)->labels()[1], labels);
  }
  const auto none = builtin_head("mood", given);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("domain"), std::string::npos);
}

}  // namespace
}  // namespace swy::embed
