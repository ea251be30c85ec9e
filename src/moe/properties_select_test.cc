// Part L of the specification for all of assign()'s choices: order (4), causality (17), gradients
// (15), plans under threads (14), halves (18), scale (3). The other numbers are in
// properties_test.cc and beside their rules. SWY_CASES sets how many cases each gets.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <thread>

#include "moe/testing/golden.h"
#include "moe/testing/lab.h"
#include "moe/testing/twice.h"

namespace swy::moe {
namespace {

using testing::expect_same;
using testing::floats;
using testing::Lab;
using testing::Table;
using testing::Twice;

// --- assign(): every transform with every selection and weight.
Spec any_spec(base::Rng& rng, std::size_t cols) {
  Spec s;
  s.transform = static_cast<Transform>(rng.below(7));  // kCosine reads no scores
  constexpr Select kSelects[] = {Select::kTopk, Select::kTopp, Select::kThreshold, Select::kDense};
  s.select = kSelects[rng.below(4)];
  s.weigh = static_cast<Weigh>(rng.below(5));
  s.k = static_cast<std::uint16_t>(1 + rng.below(cols));
  s.kmin = static_cast<std::uint16_t>(rng.below(2));
  s.top_p = static_cast<float>(.05 + .9 * rng.uniform());
  s.threshold = static_cast<float>(.3 * rng.uniform());
  s.past_top_p = rng.below(2) == 0;
  s.keep_crossing = rng.below(2) == 0;
  if (s.select == Select::kTopk && cols % 2 == 0 && rng.below(2) == 0) {
    s.groups = 2;
    s.groups_kept = 1;
    s.group_top = static_cast<std::uint16_t>(1 + rng.below(2));
    s.k = static_cast<std::uint16_t>(std::min<std::size_t>(s.k, cols / 2));
  }
  return s;
}

bool relu_norm(Transform t) { return t == Transform::kReluRms || t == Transform::kL2Relu; }

Lab lab_of(const Spec& spec, const Table<float>& x) {
  Lab lab(spec, {});
  lab.scores = x.data;
  lab.rows = static_cast<std::uint32_t>(x.rows);
  lab.cols = static_cast<std::uint32_t>(x.cols);
  return lab;
}

// Which experts with which weights, by expert.
std::vector<float> by_expert(const Lab& lab, std::size_t t) {
  std::vector<float> w(lab.cols, -1);
  for (std::size_t i = 0; i < lab.kmax; ++i)
    if (lab.experts(t)[i] >= 0) w[static_cast<std::size_t>(lab.experts(t)[i])] = lab.weights(t)[i];
  return w;
}

TEST(Properties, P4EverySelectionTurnsWithTokensAndExperts) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(412, c, 0);
    const std::size_t cols = 2 + rng.below(14);
    Twice two(413, c, 1 + rng.below(4), cols);
    const Spec spec = any_spec(rng, cols);
    // Groups are ranges of experts. Sums over another order differ in the last place, which may
    // carry a score over a threshold or a mass. Both: experts stay where they are.
    const bool sums = spec.transform == Transform::kSoftmax || relu_norm(spec.transform);
    const bool edge = spec.select == Select::kTopp || spec.select == Select::kThreshold;
    if (spec.groups > 1 || (sums && edge))
      std::iota(two.expert.begin(), two.expert.end(), std::size_t{0});
    // No ties: steps of 1/64 and a little for every expert; all above 0 where zeros
    // would be equal or sums of both signs small.
    const bool raw = spec.transform == Transform::kIdentity;
    const double lift =
        raw || spec.transform == Transform::kRelu || relu_norm(spec.transform) ? 8 : 0;
    for (double& v : two.a.data) v = std::round(v * 64) / 64 + lift;
    for (std::size_t t = 0; t < two.a.rows; ++t)
      for (std::size_t j = 0; j < cols; ++j) two.a.at(t, j) += 1e-4 * static_cast<double>(j);
    two.fill();
    Lab a = lab_of(spec, floats(two.a));
    Lab b = lab_of(spec, floats(two.b));
    ASSERT_TRUE(a.run().ok() && b.run().ok()) << "case " << c;
    for (std::size_t t = 0; t < two.a.rows; ++t)
      expect_same(two.turned(by_expert(a, t)), by_expert(b, two.token[t]), 2e-5, "assign");
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(Properties, P4LimitsThatRankByWeightTurnWithTheBatch) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(414, c, 0);
    const std::size_t cols = 2 + rng.below(4);
    Twice two(415, c, 2 + rng.below(6), cols);
    two.as_floats();
    Spec spec = testing::named(rng.below(2) == 0 ? "mixtral" : "expert-choice");
    spec.k = 1;
    if (spec.select == Select::kTopk)
      spec.cap = rng.below(2) == 0 ? Cap::kByWeight : Cap::kBatchPriority;
    Lab a = lab_of(spec, floats(two.a));
    Lab b = lab_of(spec, floats(two.b));
    // With k = 1 renormalised weights are all 1: rank by the probability.
    a.spec.weigh = b.spec.weigh = Weigh::kRaw;
    ASSERT_TRUE(a.run().ok() && b.run().ok());
    for (std::size_t t = 0; t < two.a.rows; ++t)
      expect_same(two.turned(by_expert(a, t)), by_expert(b, two.token[t]), 1e-5, "caps");
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(Properties, P17EverySelectionWithoutLimitsIsCausal) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(417, c, 0);
    const std::size_t cols = 2 + rng.below(14);
    const std::size_t rows = 2 + rng.below(5);
    Spec spec = any_spec(rng, cols);
    spec.noise = rng.below(2) == 0 ? .5F : 0.0F;
    std::vector<std::uint32_t> token(rows);
    for (auto& id : token) id = static_cast<std::uint32_t>(rng.below(1000));
    if (rng.below(8) == 0) spec.select = Select::kHash;
    Lab all = lab_of(spec, floats(testing::random_table(rng, rows, cols)));
    all.ctx.training = true;
    all.ctx.seed = c;
    all.ctx.token_id = token;
    Lab some = all;
    some.rows = static_cast<std::uint32_t>(1 + rng.below(rows - 1));
    ASSERT_TRUE(all.run().ok() && some.run().ok()) << "case " << c;
    all.expert.resize(some.expert.size());
    all.weight.resize(some.weight.size());
    ASSERT_EQ(all.expert, some.expert) << "case " << c;
    ASSERT_EQ(all.weight, some.weight) << "case " << c;
  }
}

TEST(Properties, P3CosinesIgnoreTheScaleOfTokensAndCentroids) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(403, c, 1);
    const std::size_t experts = 2 + rng.below(6);
    const std::size_t dims = 1 + rng.below(5);
    Spec spec;
    spec.transform = Transform::kCosine;
    spec.weigh = Weigh::kRaw;
    spec.k = 2;
    spec.temperature = 3;
    const auto x = floats(testing::random_table(rng, 2, dims));
    const auto m = floats(testing::random_table(rng, experts, dims));
    auto larger = x;
    auto smaller = m;
    for (float& v : larger.data) v *= 4;
    for (float& v : smaller.data) v /= 8;
    Lab a = lab_of(spec, Table<float>(2, experts));
    Lab b = a;
    a.ctx.hidden = Scores::f32(x.data, 2, static_cast<std::uint32_t>(dims));
    b.ctx.hidden = Scores::f32(larger.data, 2, static_cast<std::uint32_t>(dims));
    a.centroid = m.data;
    b.centroid = smaller.data;
    ASSERT_TRUE(a.run().ok() && b.run().ok());
    ASSERT_EQ(a.expert, b.expert) << "case " << c;
    for (std::size_t i = 0; i < a.weight.size(); ++i) {
      ASSERT_NEAR(a.weight[i], b.weight[i], 1e-5) << "case " << c;
      ASSERT_LE(std::fabs(a.weight[i]), 3.0001F) << "case " << c;
    }
  }
}

TEST(Properties, P15SoftmaxGradientsSumToZeroAndLeaveOutWhatWasDropped) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(415, c, 1);
    const std::size_t cols = 2 + rng.below(8);
    const std::size_t rows = 1 + rng.below(4);
    constexpr const char* kForms[] = {"mixtral", "olmoe", "gpt-oss"};
    const std::size_t form = rng.below(3);
    Spec spec = testing::named(kForms[form]);
    spec.k = static_cast<std::uint16_t>(1 + rng.below(cols));
    if (rng.below(2) == 0) spec.cap = Cap::kArrival;
    spec.capacity_factor = .6F;
    Lab lab = lab_of(spec, floats(testing::random_table(rng, rows, cols)));
    ASSERT_TRUE(lab.run().ok());
    std::vector<float> dw(lab.weight.size()), dz(rows * cols);
    for (float& g : dw) g = static_cast<float>(normal(rng));
    ASSERT_TRUE(backward(spec, lab.input(), lab.ctx, lab.out, dw, dz, lab.workspace).ok());
    for (std::size_t t = 0; t < rows; ++t) {
      const auto kept = by_expert(lab, t);
      double sum = 0;
      for (std::size_t j = 0; j < cols; ++j) {
        sum += static_cast<double>(dz[t * cols + j]);
        if (kept[j] < 0 && form != 1) {
          ASSERT_EQ(dz[t * cols + j], 0) << "case " << c;
        }
      }
      const bool whole = spec.cap == Cap::kNone;  // a dropped weight's share has no opposite
      if (whole || form == 1) {
        ASSERT_NEAR(sum, 0, 1e-5) << "case " << c;
      }
    }
  }
}

// plan() is one serial counting sort (interface 0.2 gives it no threads). What callers may rely on:
// any number of them at once read one assignment and get the same plan.
TEST(Properties, P14PlansAreTheSameFromAnyNumberOfThreads) {
  constexpr std::uint64_t kBatch = 500;
  for (std::uint64_t from = 0; from < testing::cases(); from += kBatch) {
    struct Job {
      Lab lab;
      std::vector<std::uint32_t> order, bins;
    };
    std::vector<Job> jobs;
    for (std::uint64_t c = from; c < std::min(from + kBatch, testing::cases()); ++c) {
      base::Rng rng(418, c, 0);
      const std::size_t cols = 1 + rng.below(9);
      Lab lab = lab_of(testing::named("gpt-oss"),
                       floats(testing::random_table(rng, rng.below(12), cols)));
      lab.spec.k = static_cast<std::uint16_t>(1 + rng.below(cols));
      jobs.push_back({std::move(lab), {}, {}});
      ASSERT_TRUE(jobs.back().lab.run().ok());
    }
    const auto planned = [&](std::size_t i) {
      const Lab& lab = jobs[i].lab;
      std::vector<std::uint32_t> order(lab.expert.size()), bins(lab.cols);
      Plan p{order, bins, {}, {}, {}};
      const Assignment read{lab.kmax, std::span(const_cast<Lab&>(lab).expert), {}, {}, {}, {}};
      EXPECT_TRUE(plan(read, {lab.rows, lab.cols, lab.kmax}, 0, p).ok());
      order.insert(order.end(), bins.begin(), bins.end());
      return order;
    };
    std::vector<std::vector<std::uint32_t>> want(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) want[i] = planned(i);
    std::vector<std::thread> all;
    for (int n = 0; n < 3; ++n)
      all.emplace_back([&] {
        for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(planned(i), want[i]);
      });
    for (std::thread& one : all) one.join();
  }
}

// Up to 8 experts and beyond 1,024 plan() counts in other ways.
TEST(Properties, P14PlansAreStablePermutationsForAnyNumberOfExperts) {
  for (std::uint64_t c = 0; c < testing::cases() / 50; ++c) {
    base::Rng rng(420, c, 0);
    const bool few = rng.below(2) == 0;  // and more entries than a byte counts
    const Shape shape{static_cast<std::uint32_t>(rng.below(few ? 700 : 50)),
                      static_cast<std::uint32_t>(few ? 1 + rng.below(10) : 1000 + rng.below(50)),
                      static_cast<std::uint16_t>(1 + rng.below(3))};
    std::vector<std::int32_t> expert(std::size_t{shape.tokens} * shape.kmax);
    std::vector<std::uint32_t> kept(shape.experts), order(expert.size()), bins(shape.experts);
    std::vector<std::uint32_t> want;
    for (std::int32_t& e : expert) {
      e = static_cast<std::int32_t>(rng.below(shape.experts + 1)) - 1;
      if (rng.below(2) == 0) e = std::min(e, 3);  // some are met often
      if (e >= 0) ++kept[static_cast<std::size_t>(e)];
    }
    for (std::uint32_t i = 0; i < expert.size(); ++i)
      if (expert[i] >= 0) want.push_back(i);
    std::stable_sort(want.begin(), want.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return expert[a] < expert[b]; });
    Plan p{order, bins, {}, {}, {}};
    const Assignment read{shape.kmax, expert, {}, {}, {}, kept};
    ASSERT_TRUE(plan(read, shape, 0, p).ok());
    ASSERT_EQ(p.entries, want.size());
    order.resize(p.entries);
    ASSERT_EQ(order, want) << "case " << c;
    // Counts that are not those of the entries change nothing.
    std::vector<std::uint32_t> ends(kept.size());
    std::partial_sum(kept.begin(), kept.end(), ends.begin());
    ASSERT_EQ(bins, ends) << "case " << c;
    std::rotate(kept.begin(), kept.begin() + 1, kept.end());
    Plan again{order, bins, {}, {}, {}};
    ASSERT_TRUE(plan(read, shape, 0, again).ok());
    ASSERT_EQ(order, want) << "case " << c;
    ASSERT_EQ(bins, ends) << "case " << c;
  }
}

TEST(Properties, P18HalvesHaveExactlyTheTiesOfTheirRoundedValues) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng rng(419, c, 0);
    const std::size_t cols = 2 + rng.below(130);
    const std::size_t k = 1 + rng.below(std::min<std::size_t>(cols, 10));
    std::vector<std::uint16_t> half(cols);
    std::vector<float> wide(cols);
    for (std::size_t j = 0; j < cols; ++j) {
      // Few bits of mantissa: many ties.
      const auto v = static_cast<float>(normal(rng));
      half[j] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16U & 0xFFE0U);
      wide[j] = std::bit_cast<float>(static_cast<std::uint32_t>(half[j]) << 16U);
    }
    std::vector<std::int32_t> want(k);
    largest(wide, want);
    Spec spec = testing::named("mixtral");
    spec.k = static_cast<std::uint16_t>(k);
    Lab lab(spec, {});
    lab.rows = 1;
    lab.cols = static_cast<std::uint32_t>(cols);
    ASSERT_TRUE(lab.run(Scores::bf16(half, 1, lab.cols)).ok());
    ASSERT_EQ(lab.experts(0), want) << "case " << c;
  }
}

}  // namespace
}  // namespace swy::moe
