#include "gateway/replies.h"

#include <gtest/gtest.h>

namespace swy::gateway {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Replies, AreOfOneModelAndOnePromptAndGrowOld) {
  Replies replies;
  replies.keep("small", "which route?", "code", 0);
  EXPECT_EQ(replies.find("small", "which route?", 10, 10 * kSecond), "code");
  EXPECT_EQ(replies.find("small", "which route?", 10, 11 * kSecond), std::nullopt);
  EXPECT_EQ(replies.find("large", "which route?", 10, 0), std::nullopt);
  EXPECT_EQ(replies.find("small", "which route", 10, 0), std::nullopt);
  EXPECT_EQ(replies.find("small", "which route?", 0, 1), std::nullopt);
  replies.keep("small", "which route?", "chat", 20 * kSecond);
  EXPECT_EQ(replies.find("small", "which route?", 10, 21 * kSecond), "chat");
  EXPECT_EQ(replies.size(), 1U);
}

TEST(Replies, AreBoundedAndTheLeastRecentlyUsedGoesFirst) {
  Replies replies(2);
  replies.keep("m", "a", "1", 0);
  replies.keep("m", "b", "2", 0);
  EXPECT_TRUE(replies.find("m", "a", 10, 0));
  replies.keep("m", "c", "3", 0);
  EXPECT_EQ(replies.size(), 2U);
  EXPECT_TRUE(replies.find("m", "a", 10, 0));
  EXPECT_FALSE(replies.find("m", "b", 10, 0));
  replies.keep("m", "d", std::string(Replies::kMostBytes + 1, 'x'), 0);
  EXPECT_FALSE(replies.find("m", "d", 10, 0));
}

}  // namespace
}  // namespace swy::gateway
