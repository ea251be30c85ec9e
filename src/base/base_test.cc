#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/inline_text.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "base/small_vec.h"
#include "base/task.h"
#include "base/terminal.h"

namespace swy::base {
namespace {

TEST(Rng, IsAFunctionOfItsKey) {
  Rng a(1, 2, 3);
  Rng b(1, 2, 3);
  Rng c(1, 2, 4);
  const auto x = a.next();
  EXPECT_EQ(x, b.next());
  EXPECT_NE(x, c.next());
  double sum = 0;
  for (int i = 0; i < 10000; ++i) sum += a.uniform();
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex64(0x1234), "0000000000001234");
  EXPECT_TRUE(equal_constant_time("ab", "ab"));
  EXPECT_FALSE(equal_constant_time("ab", "ac"));
}

TEST(Hash, OfPiecesIsTheHashOfTheWhole) {
  Sha256 hash;
  for (const std::string_view piece : {"a", "", "bc"}) hash.update(piece);
  EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

TEST(InlineText, CutsAtItsCapacity) {
  InlineText<8> t("abc");
  t.append_number(1.25, 2);
  EXPECT_EQ(t.view(), "abc1.25");
  t.append("defgh");
  EXPECT_EQ(t.view(), "abc1.25d");
}

TEST(SmallVec, SpillsBeyondItsInlinePart) {
  SmallVec<int, 2> v;
  for (int i = 0; i < 5; ++i) v.push_back(i);
  ASSERT_EQ(v.size(), 5U);
  EXPECT_EQ(v[4], 4);
  EXPECT_EQ(v[0], 0);
}

Task<int> inner() { co_return 20; }
Task<int> outer() {
  const int a = co_await inner();
  const int b = co_await inner();
  co_return a + b + 2;
}

TEST(Task, RunsAChainAndReturnsItsValue) {
  auto t = outer();
  EXPECT_FALSE(t.done());
  t.start();
  ASSERT_TRUE(t.done());
  EXPECT_EQ(t.result(), 42);
}

struct Never {
  bool* dropped;
  ~Never() { *dropped = true; }
};
Task<void> waits(bool* dropped) {
  const Never n{dropped};
  co_await std::suspend_always{};
}

TEST(Task, DestroyingAnUnfinishedTaskRunsItsDestructors) {
  bool dropped = false;
  {
    auto t = waits(&dropped);
    t.start();
    EXPECT_FALSE(dropped);
  }
  EXPECT_TRUE(dropped);
}

TEST(Metrics, WritesPrometheusText) {
  Metrics m;
  m.counter("requests_total", "Requests.", {{"model", "a\"b"}}).add(3);
  EXPECT_EQ(&m.counter("x", "h"), &m.counter("x", "h"));
  auto& h = m.histogram("latency_seconds", "Latency.");
  h.observe_us(1);
  h.observe_us(3);
  const std::string page = m.prometheus();
  EXPECT_NE(page.find("requests_total{model=\"a\\\"b\"} 3\n"), std::string::npos);
  EXPECT_NE(page.find("latency_seconds_bucket{le=\"1e-06\"} 1\n"), std::string::npos);
  EXPECT_NE(page.find("latency_seconds_bucket{le=\"4e-06\"} 2\n"), std::string::npos);
  EXPECT_NE(page.find("latency_seconds_count 2\n"), std::string::npos);
}

TEST(Terminal, CutsByColumnsAndKeepsWholeCharacters) {
  EXPECT_EQ(fit_columns("abcdef", 4), "abc…");
  EXPECT_EQ(fit_columns("äöü", 3), "äöü");
  EXPECT_EQ(fit_columns("a\nb", 5), "a b");
}

}  // namespace
}  // namespace swy::base
