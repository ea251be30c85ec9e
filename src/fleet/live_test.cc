#include "fleet/live.h"

#include <gtest/gtest.h>

#include <cmath>

namespace swy::fleet {
namespace {

TEST(LiveTable, StartsUnknownAndFollowsObservations) {
  LiveTable t(2, 0.5);
  std::vector<LiveStats> v;
  t.view(v);
  EXPECT_TRUE(std::isnan(v[0].ttft_ms));
  t.started(0);
  t.finished(0, {.failed = false, .ttft_ms = 100, .total_ms = 300, .tokens_out = 11});
  t.started(0);
  t.finished(0, {.failed = false, .ttft_ms = 200, .total_ms = 400, .tokens_out = 11});
  t.view(v);
  EXPECT_DOUBLE_EQ(v[0].ttft_ms, 150);
  EXPECT_DOUBLE_EQ(v[0].ms_per_token, 20);
  EXPECT_DOUBLE_EQ(v[0].fail_share, 0);
  EXPECT_DOUBLE_EQ(v[0].calls, 1.5);
  EXPECT_TRUE(std::isnan(v[1].fail_share));
}

TEST(LiveTable, AFailureMovesOnlyTheFailureShareAndAnAbandonedCallNothing) {
  LiveTable t(1, 0.5);
  std::vector<LiveStats> v;
  t.started(0);
  t.finished(0, {.failed = true});
  t.started(0);
  t.view(v);
  EXPECT_EQ(v[0].in_flight, 1);
  t.abandoned(0);
  t.view(v);
  EXPECT_DOUBLE_EQ(v[0].fail_share, 1);
  EXPECT_TRUE(std::isnan(v[0].ttft_ms));
  EXPECT_EQ(v[0].in_flight, 0);
}

}  // namespace
}  // namespace swy::fleet
