#include "gateway/sessions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace swy::gateway {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::optional<std::string> previous(Sessions& s, std::string_view session, std::int64_t now_us) {
  const auto memory = s.recall(session, now_us);
  return memory ? std::optional(memory->model) : std::nullopt;
}

TEST(Sessions, TellTheModelThatServedLast) {
  Sessions s;
  EXPECT_EQ(previous(s, "a", 0), std::nullopt);
  s.served("a", "small", "auto/a", kNaN, 10);
  s.served("b", "large", "auto/a", kNaN, 11);
  s.served("a", "large", "auto/a", kNaN, 12);
  EXPECT_EQ(previous(s, "a", 13), "large");
  EXPECT_EQ(previous(s, "b", 13), "large");
  EXPECT_EQ(previous(s, "c", 13), std::nullopt);
}

TEST(Sessions, CountTurnsAndSwitchesAndHowLongARuleHasHeld) {
  Sessions s;
  s.served("a", "small", "auto/chat", kNaN, 1'000'000);
  s.served("a", "small", "auto/chat", 0.25, 2'000'000);
  auto m = s.recall("a", 5'500'000).value();
  EXPECT_EQ(m.turns, 2U);
  EXPECT_EQ(m.switches, 0U);
  EXPECT_EQ(m.rule, "auto/chat");
  EXPECT_EQ(m.rule_turns, 2U);
  EXPECT_EQ(m.warmth, 0.25);
  EXPECT_EQ(m.idle_s, 3.5);
  s.served("a", "large", "auto/code", kNaN, 6'000'000);
  m = s.recall("a", 6'000'000).value();
  EXPECT_EQ(m.turns, 3U);
  EXPECT_EQ(m.switches, 1U);
  EXPECT_EQ(m.rule_turns, 1U);
  EXPECT_TRUE(std::isnan(m.warmth));
  EXPECT_EQ(s.recall("a", 5'000'000).value().idle_s, 0);  // a clock that was set back
}

TEST(Sessions, BeginAgainOnceForgotten) {
  Sessions s(100, 1000);
  s.served("a", "small", "auto/a", kNaN, 0);
  s.served("a", "large", "auto/a", kNaN, 1001);
  const auto m = s.recall("a", 1001).value();
  EXPECT_EQ(m.turns, 1U);
  EXPECT_EQ(m.switches, 0U);
}

TEST(Sessions, ForgetAfterTheirTimeToLiveUnlessServedAgain) {
  Sessions s(100, 1000);
  s.served("a", "small", "auto/a", kNaN, 0);
  EXPECT_EQ(previous(s, "a", 1000), "small");
  EXPECT_EQ(previous(s, "a", 1001), std::nullopt);
  s.served("a", "small", "auto/a", kNaN, 900);
  EXPECT_EQ(previous(s, "a", 1001), "small");
}

TEST(Sessions, KeepAtMostTheirCapacityAndForgetTheLeastRecentlyServedFirst) {
  constexpr std::size_t kCapacity = Sessions::kShards * 4;
  Sessions s(kCapacity, 1'000'000);
  for (int i = 0; i < 1000; ++i) {
    s.served("often", "small", "auto/a", kNaN, i);  // always recent: never the one to go
    s.served("s" + std::to_string(i), "large", "auto/a", kNaN, i);
  }
  std::size_t kept = 0;
  for (int i = 0; i < 1000; ++i)
    kept += previous(s, "s" + std::to_string(i), 1000).has_value() ? 1 : 0;
  EXPECT_EQ(kept, kCapacity - 1);
  EXPECT_EQ(previous(s, "often", 1000), "small");
  EXPECT_TRUE(previous(s, "s999", 1000));
  EXPECT_FALSE(previous(s, "s0", 1000));
}

TEST(Sessions, MayBeUsedFromManyThreads) {
  Sessions s(64, 1'000'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&s, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string name = std::to_string((i * 7 + t) % 200);
        s.served(name, "m" + name, "auto/a", kNaN, i);
        EXPECT_EQ(previous(s, name, i).value_or("m" + name), "m" + name);
      }
    });
  }
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace swy::gateway
