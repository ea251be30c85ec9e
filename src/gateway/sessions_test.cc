#include "gateway/sessions.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace swy::gateway {
namespace {

TEST(Sessions, TellTheModelThatServedLast) {
  Sessions s;
  EXPECT_EQ(s.previous("a", 0), std::nullopt);
  s.served("a", "small", 10);
  s.served("b", "large", 11);
  s.served("a", "large", 12);
  EXPECT_EQ(s.previous("a", 13), "large");
  EXPECT_EQ(s.previous("b", 13), "large");
  EXPECT_EQ(s.previous("c", 13), std::nullopt);
}

TEST(Sessions, ForgetAfterTheirTimeToLiveUnlessServedAgain) {
  Sessions s(100, 1000);
  s.served("a", "small", 0);
  EXPECT_EQ(s.previous("a", 1000), "small");
  EXPECT_EQ(s.previous("a", 1001), std::nullopt);
  s.served("a", "small", 900);
  EXPECT_EQ(s.previous("a", 1001), "small");
}

TEST(Sessions, KeepAtMostTheirCapacityAndForgetTheLeastRecentlyServedFirst) {
  constexpr std::size_t kCapacity = Sessions::kShards * 4;
  Sessions s(kCapacity, 1'000'000);
  for (int i = 0; i < 1000; ++i) {
    s.served("often", "small", i);  // always recent: never the one to go
    s.served("s" + std::to_string(i), "large", i);
  }
  std::size_t kept = 0;
  for (int i = 0; i < 1000; ++i)
    kept += s.previous("s" + std::to_string(i), 1000).has_value() ? 1 : 0;
  EXPECT_EQ(kept, kCapacity - 1);
  EXPECT_EQ(s.previous("often", 1000), "small");
  EXPECT_TRUE(s.previous("s999", 1000));
  EXPECT_FALSE(s.previous("s0", 1000));
}

TEST(Sessions, MayBeUsedFromManyThreads) {
  Sessions s(64, 1'000'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&s, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string name = std::to_string((i * 7 + t) % 200);
        s.served(name, "m" + name, i);
        EXPECT_EQ(s.previous(name, i).value_or("m" + name), "m" + name);
      }
    });
  }
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace swy::gateway
