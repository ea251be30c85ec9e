#include <gtest/gtest.h>

#include "moe/routing_metrics.h"
#include "moe/testing/golden.h"

namespace swy::moe {
namespace {

using Trace = testing::Table<std::int32_t>;

Trace trace(const std::vector<std::int32_t>& ids) {
  Trace t(ids.size(), 1);
  t.data = ids;
  return t;
}

SegmentPerformance performance(const Trace& t, std::size_t experts, std::size_t window) {
  std::vector<std::uint32_t> count(experts);
  std::vector<std::uint64_t> histogram(window + 1);
  EXPECT_TRUE(count_windows(t.view(), window, count, histogram).ok());
  return segment_performance(histogram);
}

double oracle(const Trace& t, std::size_t experts, std::size_t size, std::size_t window) {
  std::vector<std::uint32_t> count(experts);
  std::vector<std::int64_t> last(experts);
  return segment_cache_hits(t.view(), size, window, count, last);
}

double hits(const Trace& t, std::size_t experts, std::size_t size, CachePolicy policy) {
  std::vector<std::int64_t> held(experts);
  std::vector<std::int64_t> used(experts);
  std::vector<std::int64_t> next(t.data.size());
  return cache_hits(t.view(), size, policy, {held, used, next});
}

TEST(SegmentPerformance, SolvesTheWorkedExamples) {
  const SegmentPerformance burst = performance(trace({0, 0, 0, 0, -1, -1, -1, -1}), 1, 4);
  EXPECT_NEAR(burst.f1, .81818, 5e-6);
  EXPECT_EQ(burst.threshold, 2U);
  EXPECT_NEAR(burst.cache, 1.2, 1e-12);
  const SegmentPerformance turns = performance(trace({0, 1, 0, 1, 0, 1, 0, 1}), 2, 4);
  EXPECT_NEAR(turns.f1, .66667, 5e-6);
  EXPECT_EQ(turns.threshold, 1U);  // t <= 2 are equal: the lowest
  EXPECT_NEAR(turns.cache, 2, 1e-12);
}

TEST(SegmentPerformance, IsOneForAnUnchangingRouterAndAlwaysAtMostOne) {
  EXPECT_EQ(performance(trace({2, 2, 2, 2, 2}), 4, 2).f1, 1);
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(121, c, 0);
    Trace t(20, 1);
    for (auto& e : t.data) e = static_cast<std::int32_t>(rng.below(5));
    const SegmentPerformance p = performance(t, 5, 1 + rng.below(6));
    ASSERT_GT(p.f1, 0);
    ASSERT_LE(p.f1, 1);
  }
}

TEST(Caches, SolveTheWorkedExample) {
  const Trace t = trace({0, 1, 0, 2, 0, 1, 3, 0});
  EXPECT_DOUBLE_EQ(hits(t, 4, 2, CachePolicy::kLru), .25);
  EXPECT_DOUBLE_EQ(hits(t, 4, 2, CachePolicy::kBelady), .375);
  EXPECT_DOUBLE_EQ(oracle(t, 4, 1, 4), .5);
}

TEST(Caches, BeladyIsNeverBeaten) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(122, c, 0);
    Trace t(10 + rng.below(30), 1 + rng.below(2));
    for (std::size_t r = 0; r < t.rows; ++r)
      for (std::size_t i = 0; i < t.cols; ++i)
        t.at(r, i) = static_cast<std::int32_t>(2 * rng.below(3) + i);
    for (std::size_t size = 1; size <= 6; ++size) {
      const double best = hits(t, 6, size, CachePolicy::kBelady);
      ASSERT_GE(best, hits(t, 6, size, CachePolicy::kLru)) << "case " << c;
      ASSERT_GE(best, hits(t, 6, size, CachePolicy::kLfu)) << "case " << c;
    }
    ASSERT_DOUBLE_EQ(oracle(t, 6, 6, 4), 1);
    ASSERT_LE(oracle(t, 6, 1, 4), oracle(t, 6, 3, 4));
  }
}

TEST(Specialisation, SolvesTheWorkedExample) {
  testing::Table<std::uint32_t> counts(testing::Matrix{{8, 2}, {1, 9}, {5, 5}});
  EXPECT_NEAR(context_independence(counts.view()), .7333, 5e-5);
}

TEST(Drops, AreCountedWhereTheyHappen) {
  Trace before(8, 1);
  Trace after(8, 1);
  after.data = {0, 0, 0, -1, 0, 0, -1, -1};
  std::vector<std::uint64_t> demanded(2);
  std::vector<std::uint64_t> dropped(2);
  EXPECT_TRUE(drops_by_position(before.view(), after.view(), std::vector<std::uint32_t>{0, 4, 8},
                                demanded, dropped)
                  .ok());
  EXPECT_EQ(demanded, (std::vector<std::uint64_t>{4, 4}));
  EXPECT_EQ(dropped, (std::vector<std::uint64_t>{0, 3}));
}

TEST(Agreement, ComparesTwoRuns) {
  Trace a(2, 2);
  Trace b(2, 2);
  a.data = {0, 1, 2, 3};
  b.data = {1, 0, 2, 5};
  const RoutingAgreement r = routing_agreement(a.view(), b.view());
  EXPECT_DOUBLE_EQ(r.jaccard, (1 + 1.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(r.first, .5);
  EXPECT_DOUBLE_EQ(r.churn, .25);
  const RoutingAgreement same = routing_agreement(a.view(), a.view());
  EXPECT_EQ(same.jaccard + same.first + same.churn, 2);
}

}  // namespace
}  // namespace swy::moe
