#include "moe/pipeline_plan.h"

#include <gtest/gtest.h>

#include <vector>

#include "moe/testing/golden.h"

namespace swy::moe {
namespace {

TEST(Pipeline, OverlapsItsStages) {
  // Exchange 4, products 4, exchange 4, no fixed cost: in r parts 12 / r + (r - 1) * 4 / r.
  const PipelineStage even[] = {{4, 0}, {4, 0}, {4, 0}};
  EXPECT_DOUBLE_EQ(pipeline_seconds(even, 1), 12);
  EXPECT_DOUBLE_EQ(pipeline_seconds(even, 4), 6);
  EXPECT_EQ(best_parts(even, 16), 16U);
  const PipelineStage fixed[] = {{4, 1}, {4, 1}, {4, 1}};
  EXPECT_EQ(best_parts(fixed, 16), 3U);  // (r + 2) (4 / r + 1): 15, 12, 11.67, 12
}

TEST(Pipeline, FindsTheLeastOfAllNumbersOfParts) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(71, c, 0);
    std::vector<PipelineStage> stages(1 + rng.below(4));
    for (PipelineStage& s : stages) s = {rng.uniform(), 0.2 * rng.uniform()};
    const std::uint32_t best = best_parts(stages, 12);
    for (std::uint32_t r = 1; r <= 12; ++r)
      ASSERT_LE(pipeline_seconds(stages, best), pipeline_seconds(stages, r));
    // One part is the plain sum; no number of parts beats the slowest stage.
    double sum = 0;
    double slowest = 0;
    for (const PipelineStage& s : stages) {
      sum += s.work_s + s.fixed_s;
      slowest = std::max(slowest, s.work_s);
    }
    ASSERT_NEAR(pipeline_seconds(stages, 1), sum, 1e-12);
    ASSERT_GE(pipeline_seconds(stages, best), slowest - 1e-12);
  }
}

TEST(AllToAll, TwoLevelsWinOnManyDevicesAndSmallMessages) {
  const Network big{.nodes = 64,
                    .per_node = 8,
                    .message_s = 5e-6,
                    .inter_bytes_per_s = 25e9,
                    .intra_bytes_per_s = 300e9};
  EXPECT_LT(all_to_all_seconds(big, 1e6, true), all_to_all_seconds(big, 1e6, false));
  const Network node{.nodes = 1,
                     .per_node = 8,
                     .message_s = 5e-6,
                     .inter_bytes_per_s = 25e9,
                     .intra_bytes_per_s = 300e9};
  EXPECT_NEAR(all_to_all_seconds(node, 1e9, true), all_to_all_seconds(node, 1e9, false), 1e-9);
}

DeviceModel device(std::uint32_t devices) {
  return {.devices = devices,
          .tokens_per_s = 4e6,
          .call_s = 10e-6,
          .link_bytes_per_s = 25e9,
          .expert_bytes = 8'000'000,
          .token_bytes = 4096};
}

TEST(Tutel, MovesTokensWhenTheyAreFewAndWeightsWhenTokensAreMany) {
  const Network net{.nodes = 2,
                    .per_node = 4,
                    .message_s = 5e-6,
                    .inter_bytes_per_s = 25e9,
                    .intra_bytes_per_s = 300e9};
  const TutelPlan few = tutel_plan({1000, 1000, 8}, device(8), net);
  EXPECT_FALSE(few.move_weights);
  EXPECT_EQ(few.cost.weights_moved, 0U);
  EXPECT_EQ(few.cost.tokens_moved, 7000U);
  const TutelPlan many = tutel_plan({200'000, 400'000, 8}, device(8), net);
  EXPECT_TRUE(many.move_weights);
  EXPECT_EQ(many.cost.tokens_moved, 0U);
  EXPECT_GT(many.cost.weights_moved, 0U);
}

TEST(Tutel, IsNeverSlowerThanAnyFixedChoice) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(72, c, 0);
    const Network net{.nodes = static_cast<std::uint32_t>(1 + rng.below(8)),
                      .per_node = static_cast<std::uint32_t>(1 + rng.below(8)),
                      .message_s = 1e-6 * static_cast<double>(1 + rng.below(20)),
                      .inter_bytes_per_s = 1e9 * static_cast<double>(1 + rng.below(50)),
                      .intra_bytes_per_s = 1e9 * static_cast<double>(50 + rng.below(500))};
    const std::uint32_t devices = net.nodes * net.per_node;
    const std::uint64_t tokens = 1 + rng.below(100'000);
    const LayerLoad load{tokens, tokens + rng.below(tokens + 1), devices * 2};
    const TutelPlan plan = tutel_plan(load, device(devices), net);
    const double exchange =
        all_to_all_seconds(net, static_cast<double>(tokens * device(devices).token_bytes), false);
    const double plain = 2 * exchange + 2 * device(devices).call_s +
                         static_cast<double>(load.rows_per_device) / device(devices).tokens_per_s;
    ASSERT_LE(plan.cost.makespan_s, plain + 1e-12) << "case " << c;
  }
}

TEST(Fsmoe, IsNeverSlowerForMorePartsToChooseFrom) {
  const Network net{.nodes = 4,
                    .per_node = 8,
                    .message_s = 5e-6,
                    .inter_bytes_per_s = 25e9,
                    .intra_bytes_per_s = 300e9};
  const LayerLoad load{16'384, 20'480, 32};
  const FsmoePlan plan = fsmoe_plan(load, device(32), net, 2, 16);
  EXPECT_GT(plan.forward_parts, 1U);
  EXPECT_GT(plan.backward_parts, 1U);
  for (std::uint32_t most = 2; most <= 16; ++most)
    EXPECT_LE(fsmoe_plan(load, device(32), net, 2, most).cost.makespan_s,
              fsmoe_plan(load, device(32), net, 2, most - 1).cost.makespan_s);
  const FsmoePlan serial = fsmoe_plan(load, device(32), net, 2, 1);
  EXPECT_LT(plan.cost.makespan_s, serial.cost.makespan_s);
  RecordProperty("speedup_percent",
                 static_cast<int>(100 * serial.cost.makespan_s / plan.cost.makespan_s));
}

}  // namespace
}  // namespace swy::moe
