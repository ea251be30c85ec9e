#include <gtest/gtest.h>

#include <numeric>

#include "moe/placement.h"
#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

struct Placed {
  std::vector<ExpertSlice> slices;
  std::vector<std::uint64_t> load;
  LlepPlan plan;
};

Placed place(const std::vector<std::uint64_t>& tokens, std::uint32_t devices,
             const LlepOptions& options) {
  Placed out;
  out.slices.resize(most_slices(tokens.size(), devices));
  out.load.resize(devices);
  std::vector<std::uint32_t> order(tokens.size());
  std::vector<std::uint64_t> pending(devices);
  out.plan = llep_plan(tokens, devices, options, {order, pending, out.load}, out.slices);
  out.slices.resize(out.plan.slices);
  return out;
}

PlanCost cost(const std::vector<ExpertSlice>& slices, std::size_t experts,
              const DeviceModel& model) {
  return plan_cost(slices, experts, model);
}

const std::vector<std::uint64_t> kSkewed = {900, 50, 30, 20, 0, 0, 0, 0};

TEST(Llep, SolvesTheWorkedExample) {
  const Placed p = place(kSkewed, 4, {.alpha = 1, .chunk = 100, .trigger = 0});
  EXPECT_EQ(p.plan.limit, 250U);
  EXPECT_EQ(p.slices, (std::vector<ExpertSlice>{{0, 0, 0, 200},
                                                {0, 2, 200, 450},
                                                {0, 3, 450, 700},
                                                {0, 1, 700, 900},
                                                {1, 0, 0, 50},
                                                {2, 1, 0, 30},
                                                {3, 1, 0, 20}}));
  EXPECT_EQ(p.load, (std::vector<std::uint64_t>{250, 250, 250, 250}));
  EXPECT_EQ(p.plan.transfers, 3U);
}

TEST(Llep, ForcesTheRestSomewhereWhenNoSliceIsWorthIt) {
  const Placed p = place(kSkewed, 4, {.alpha = 1, .chunk = 400, .trigger = 0});
  EXPECT_EQ(p.load, (std::vector<std::uint64_t>{250, 50, 700, 0}));
  EXPECT_EQ(p.plan.transfers, 1U);
}

TEST(Llep, LeavesBalancedLoadsAlone) {
  const Placed p = place({100, 110, 90, 105, 100, 95, 110, 90}, 4, {.chunk = 1});
  EXPECT_FALSE(p.plan.moved);
  EXPECT_EQ(p.plan.transfers, 0U);
  EXPECT_EQ(place({0, 0}, 2, {}).plan.slices, 0U);
  EXPECT_EQ(place({7}, 1, {.trigger = 0}).plan.transfers, 0U);
}

TEST(Llep, CoversEveryTokenOnceAndKeepsItsLimit) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(61, c, 0);
    const auto devices = static_cast<std::uint32_t>(1 + rng.below(6));
    const std::size_t each = 1 + rng.below(4);
    std::vector<std::uint64_t> tokens(devices * each);
    for (auto& n : tokens) n = rng.below(3) == 0 ? rng.below(1000) : rng.below(60);
    const LlepOptions options{
        .alpha = 1 + 0.3 * rng.uniform(), .chunk = 1 + rng.below(200) * rng.below(2), .trigger = 0};
    const Placed p = place(tokens, devices, options);
    std::vector<std::uint64_t> covered(tokens.size());
    std::vector<std::uint64_t> load(devices);
    for (const ExpertSlice& s : p.slices) {
      EXPECT_EQ(s.begin, covered[s.expert]);  // contiguous, in order
      EXPECT_GT(s.end, s.begin);
      covered[s.expert] = s.end;
      load[s.device] += s.end - s.begin;
    }
    EXPECT_EQ(covered, tokens);
    EXPECT_EQ(load, p.load);
    if (options.chunk == 1) {
      // Every slice fits then, up to what rounding the even share down leaves over.
      for (const std::uint64_t l : load)
        EXPECT_LE(l, std::max<std::uint64_t>(p.plan.limit + devices, 1));
    }
    EXPECT_EQ(place(tokens, devices, options).slices, p.slices);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

// A layer of gpt-oss-120b's shape on eight devices (2,880 wide, 128 experts, bf16): a product rate
// of 4 million rows a second, 50 GB/s links.
DeviceModel eight_devices() {
  return {.devices = 8,
          .tokens_per_s = 4e6,
          .call_s = 10e-6,
          .link_bytes_per_s = 50e9,
          .expert_bytes = 3ULL * 2880 * 2880 * 2,
          .token_bytes = 2880 * 2};
}

TEST(Llep, WinsUnderSkewAndLosesWhenBalanced) {
  const DeviceModel model = eight_devices();
  base::Rng rng(62, 0, 0);
  std::vector<std::uint64_t> balanced(128);
  for (int i = 0; i < 131'072; ++i) ++balanced[rng.below(128)];
  std::vector<std::uint64_t> skewed(128, 51);
  skewed[3] = 131'072 - 127 * 51;
  const auto ordinary = [&](const std::vector<std::uint64_t>& tokens) {
    return cost(place(tokens, 8, {.trigger = 1e9}).slices, 128, model);
  };
  const auto least = [&](const std::vector<std::uint64_t>& tokens, double trigger) {
    return cost(place(tokens, 8, {.chunk = 64, .trigger = trigger}).slices, 128, model);
  };
  const PlanCost won = least(skewed, 0);
  EXPECT_GT(ordinary(skewed).makespan_s / won.makespan_s, 3);
  EXPECT_LT(won.peak_bytes, ordinary(skewed).peak_bytes);
  EXPECT_GT(won.weights_moved, 0U);
  const PlanCost lost = least(balanced, 0);
  EXPECT_LT(ordinary(balanced).makespan_s / lost.makespan_s, 1);
  EXPECT_EQ(least(balanced, 1.3).makespan_s, ordinary(balanced).makespan_s);
  const auto percent = [](double a, double b) { return static_cast<int>(100 * a / b); };
  RecordProperty("skewed_speedup_percent", percent(ordinary(skewed).makespan_s, won.makespan_s));
  RecordProperty("balanced_speedup_percent",
                 percent(ordinary(balanced).makespan_s, lost.makespan_s));
  RecordProperty("skewed_weights_mb", static_cast<int>(won.weights_moved / 1'000'000));
  RecordProperty("skewed_tokens_moved", static_cast<int>(won.tokens_moved));
  RecordProperty("skewed_peak_mb", static_cast<int>(won.peak_bytes / 1'000'000));
  RecordProperty("skewed_peak_mb_ordinary",
                 static_cast<int>(ordinary(skewed).peak_bytes / 1'000'000));
  RecordProperty("balanced_tokens_moved", static_cast<int>(lost.tokens_moved));
  RecordProperty("balanced_peak_mb", static_cast<int>(lost.peak_bytes / 1'000'000));
  RecordProperty("balanced_peak_mb_ordinary",
                 static_cast<int>(ordinary(balanced).peak_bytes / 1'000'000));
  RecordProperty("balanced_weights_mb", static_cast<int>(lost.weights_moved / 1'000'000));
}

TEST(Llep, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  for (const auto& [fixture, chunk] : {std::pair{"I_llep", 100U}, std::pair{"I_llep_m", 400U}}) {
    const Placed p = place(kSkewed, 4, {.alpha = 1, .chunk = chunk, .trigger = 0});
    std::vector<base::Json> out;
    golden.at(fixture, "out").each([&](const base::Json& v) { out.push_back(v); });
    ASSERT_EQ(out.size(), 4U);
    testing::expect_near(p.load, testing::numbers(out[1]));
    EXPECT_EQ(p.plan.transfers, out[2].size());
    std::size_t slices = 0;
    out[0].each_member([&](std::string_view expert, const base::Json& list) {
      for (const auto& want : testing::matrix(list)) {
        ++slices;
        const ExpertSlice s{static_cast<std::uint32_t>(std::stoul(std::string(expert))),
                            static_cast<std::uint32_t>(want[0]),
                            static_cast<std::uint64_t>(want[1]),
                            static_cast<std::uint64_t>(want[2])};
        EXPECT_NE(std::find(p.slices.begin(), p.slices.end(), s), p.slices.end());
      }
    });
    EXPECT_EQ(slices, p.slices.size());
  }
}

}  // namespace
}  // namespace swy::moe
