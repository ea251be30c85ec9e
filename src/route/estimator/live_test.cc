#include <cmath>

#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

constexpr const char* kConfig =
    "models: [{ name: a, price: { input: 1, output: 1 } }, { name: b, price: { input: 1, output: 1 "
    "} }]\n"
    "routes: { auto: [{ models: [a, b], estimator: { type: live, output_tokens: 50, min_calls: 3 } "
    "}] }\n";

TEST(Live, AddsFirstTokenAndTheTokensThatFollow) {
  EstimatorLab lab(kConfig);
  EXPECT_TRUE(lab.rule().reads_live);
  Prompt p("hello");
  std::vector<fleet::LiveStats> stats(2);
  stats[1] = {.ttft_ms = 200, .ms_per_token = 10, .fail_share = 0.125, .calls = 3, .in_flight = 0};
  const auto b = lab.believe(p.work, {.tokens = 10, .live = stats});
  EXPECT_DOUBLE_EQ(b[1].latency_ms, 700);
  EXPECT_DOUBLE_EQ(b[1].p_fail, 0.125);
  EXPECT_TRUE(std::isnan(b[1].latency_p95_ms));
  EXPECT_TRUE(std::isnan(b[1].quality));
}

TEST(Live, BelievesNothingOnFewCallsOrWithoutAView) {
  EstimatorLab lab(kConfig);
  Prompt p("hello");
  std::vector<fleet::LiveStats> stats(2);
  stats[0] = {.ttft_ms = 200, .ms_per_token = 10, .fail_share = 0, .calls = 2.9, .in_flight = 0};
  EXPECT_TRUE(std::isnan(lab.believe(p.work, {.tokens = 10, .live = stats})[0].latency_ms));
  EXPECT_TRUE(std::isnan(lab.believe(p.work, {.tokens = 10, .live = stats})[0].p_fail));
  EXPECT_TRUE(std::isnan(lab.believe(p.work, {.tokens = 10})[0].latency_ms));
}

TEST(Live, LeavesLatencyUnknownWhenAPartWasNeverSeen) {
  EstimatorLab lab(kConfig);
  Prompt p("hello");
  std::vector<fleet::LiveStats> stats(2);
  stats[0].calls = 9;
  stats[0].ttft_ms = 100;
  stats[0].fail_share = 0.5;
  const auto b = lab.believe(p.work, {.tokens = 10, .live = stats});
  EXPECT_TRUE(std::isnan(b[0].latency_ms));
  EXPECT_DOUBLE_EQ(b[0].p_fail, 0.5);
}

}  // namespace
}  // namespace swy::route::testing
