// Every kernel version against the scalar truth, bit for bit, on rows that try to make them differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/rng.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using testing::cases;
using testing::Lab;
constexpr float kInf = std::numeric_limits<float>::infinity();

float strange(base::Rng& rng) {
  switch (rng.below(12)) {
    case 0:
      return kInf;
    case 1:
      return -kInf;
    case 2:
      return std::numeric_limits<float>::quiet_NaN();
    case 3:
      return 0.0F;
    case 4:
      return -0.0F;
    case 5:
      return 1e-45F;
    case 6:
      return std::numeric_limits<float>::max();
    case 7:
      return std::bit_cast<float>(static_cast<std::uint32_t>(rng.next()));
    default:
      return static_cast<float>(rng.below(3));
  }
}

// Rows of one kind: random, few values (ties), rising (everything enters), strange, values that
// differ in their last bits alone.
std::vector<float> row_of(base::Rng& rng, std::size_t n) {
  std::vector<float> v(n);
  const auto kind = rng.below(6);
  for (std::size_t j = 0; j < n; ++j) {
    const auto x = static_cast<float>(8 * rng.uniform() - 4);
    if (kind == 0) v[j] = static_cast<float>(rng.below(4));
    if (kind == 1) v[j] = static_cast<float>(j);
    if (kind == 2) v[j] = strange(rng);
    if (kind == 3) v[j] = 30 * x;
    if (kind == 4) v[j] = x;
    if (kind == 5)
      v[j] = std::bit_cast<float>(0xBF800000U + static_cast<std::uint32_t>(rng.below(40)));
  }
  return v;
}

Spec spec_of(base::Rng& rng, std::size_t cols) {
  Spec s;
  constexpr Transform kTransforms[] = {Transform::kSoftmax, Transform::kSigmoid,
                                       Transform::kIdentity, Transform::kSoftmax};
  constexpr Weigh kWeighs[] = {Weigh::kRenorm, Weigh::kRaw, Weigh::kSoftmaxSelected,
                               Weigh::kSigmoid};
  s.transform = kTransforms[rng.below(4)];
  s.weigh = kWeighs[rng.below(4)];
  s.k = static_cast<std::uint16_t>(1 + rng.below(rng.below(4) == 0 ? 40 : 12));
  s.scale = 2.5F;
  if (cols % 4 == 0 && rng.below(3) == 0) {
    s.groups = 4;
    s.groups_kept = static_cast<std::uint16_t>(1 + rng.below(4));
    s.mask_with_zero = rng.below(2) == 0;
  }
  return s;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Kernels, GiveTheSameBitsAsTheScalarTruth) {
  ASSERT_EQ(name_of(*runnable_kernels().back()), "scalar");
  for (std::uint64_t c = 0; c < cases(); ++c) {
    base::Rng rng(11, c, 0);
    const auto cols = 1 + rng.below(rng.below(8) == 0 ? 900 : 140);
    // Few rows are done one by one, more in blocks of sixteen.
    const auto rows = 1 + rng.below(rng.below(4) == 0 ? 40 : 3);
    const Spec spec = spec_of(rng, cols);
    Lab lab(spec, {});
    lab.cols = static_cast<std::uint32_t>(cols);
    lab.rows = static_cast<std::uint32_t>(rows);
    for (std::uint32_t t = 0; t < lab.rows; ++t) {
      const auto row = row_of(rng, cols);
      lab.scores.insert(lab.scores.end(), row.begin(), row.end());
    }
    if (rng.below(3) == 0) lab.bias = row_of(rng, cols);
    std::vector<std::uint8_t> live(rows, 1);
    if (rng.below(4) == 0) {
      live[rng.below(rows)] = 0;
      lab.ctx.token_live = live;
    }
    lab.ctx.kernels = find_kernels("scalar");
    ASSERT_TRUE(lab.run().ok());
    const auto expert = lab.expert;
    const auto weight = lab.weight;
    const auto nans = lab.out.nan_scores;
    for (const Kernels* k : runnable_kernels()) {
      lab.ctx.kernels = k;
      ASSERT_TRUE(lab.run().ok());
      ASSERT_EQ(lab.expert, expert) << name_of(*k) << " case " << c;
      ASSERT_TRUE(same_bits(lab.weight, weight)) << name_of(*k) << " case " << c;
      ASSERT_EQ(lab.out.nan_scores, nans) << name_of(*k) << " case " << c;
    }
  }
}

// Identity scores of both infinities have no sum: in every kernel the weights say so alike.
TEST(Kernels, AgreeOnWeightsThatHaveNoSum) {
  Spec spec;
  spec.transform = Transform::kIdentity;
  spec.weigh = Weigh::kRenorm;
  spec.k = 8;
  Lab lab(spec, {});
  lab.cols = 8;
  lab.rows = 33;
  lab.bias.assign(8, kInf);  // the order is that of the indices, so the two lowest meet first
  for (std::uint32_t t = 0; t < lab.rows; ++t) {
    const float lowest = std::numeric_limits<float>::lowest();
    for (const float z : {0.0F, kInf, lowest, -lowest, kInf, kInf, lowest, kInf})
      lab.scores.push_back(z);
  }
  lab.ctx.kernels = find_kernels("scalar");
  ASSERT_TRUE(lab.run().ok());
  const auto weight = lab.weight;
  EXPECT_TRUE(std::isnan(weight[0]));  // of 0: the sum is no number
  for (const Kernels* k : runnable_kernels()) {
    lab.ctx.kernels = k;
    ASSERT_TRUE(lab.run().ok());
    EXPECT_TRUE(same_bits(lab.weight, weight)) << name_of(*k);
  }
}

TEST(Kernels, ReadHalvesAsTheScalarTruthDoes) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    base::Rng rng(12, c, 0);
    const auto cols = static_cast<std::uint32_t>(1 + rng.below(100));
    Lab lab(testing::named("mixtral"), {});
    lab.spec.k = 4;
    lab.rows = static_cast<std::uint32_t>(1 + rng.below(20));
    lab.cols = cols;
    const std::size_t ld = cols + rng.below(3);
    std::vector<std::uint16_t> half((lab.rows - 1) * ld + cols);
    for (auto& h : half) h = static_cast<std::uint16_t>(rng.next());
    for (const Scores& in :
         {Scores::bf16(half, lab.rows, cols, ld), Scores::f16(half, lab.rows, cols, ld)}) {
      lab.ctx.kernels = find_kernels("scalar");
      ASSERT_TRUE(lab.run(in).ok());
      const auto expert = lab.expert;
      const auto weight = lab.weight;
      for (const Kernels* k : runnable_kernels()) {
        lab.ctx.kernels = k;
        ASSERT_TRUE(lab.run(in).ok());
        ASSERT_EQ(lab.expert, expert) << name_of(*k) << " case " << c;
        ASSERT_TRUE(same_bits(lab.weight, weight)) << name_of(*k) << " case " << c;
      }
    }
  }
}

// Long columns take another way through selection than short ones; here both ways are compared.
TEST(Kernels, LongColumnsGetTheirExactOrderStatistic) {
  for (std::uint64_t c = 0; c < cases() / 500; ++c) {
    base::Rng rng(13, c, 0);
    Spec spec = testing::named("gpt-oss");
    spec.k = static_cast<std::uint16_t>(1 + rng.below(4));
    spec.transform = Transform::kIdentity;
    spec.update = Update::kColumnQuantile;
    Lab lab(spec, {});
    lab.cols = 5;
    lab.rows = static_cast<std::uint32_t>(1024 + rng.below(1500));
    const auto kind = rng.below(3);
    for (std::size_t i = 0; i < std::size_t{lab.rows} * 5; ++i) {
      double v = rng.uniform();
      if (kind == 1) v = static_cast<double>(rng.below(3));
      if (kind == 2) v = static_cast<double>(i % 1000 < 256 ? i : i / 7);  // misleads a sample
      lab.scores.push_back(static_cast<float>(v));
    }
    for (const Kernels* k : runnable_kernels()) {
      lab.ctx.kernels = k;
      lab.bias.assign(5, 0);
      lab.tokens_seen = 0;
      ASSERT_TRUE(lab.learn().ok());
      const double share = std::nearbyint(static_cast<double>(lab.rows) * spec.k / 5);
      for (std::size_t j = 0; j < 5; ++j) {
        std::vector<float> column;
        for (std::size_t t = 0; t < lab.rows; ++t) column.push_back(lab.scores[t * 5 + j]);
        std::sort(column.rbegin(), column.rend());
        ASSERT_EQ(-lab.bias[j], column[static_cast<std::size_t>(share)])
            << name_of(*k) << " case " << c;
      }
    }
  }
}

TEST(Kernels, AreFoundByName) {
  EXPECT_EQ(find_kernels("sse9"), nullptr);
  for (const Kernels* k : runnable_kernels()) EXPECT_EQ(find_kernels(name_of(*k)), k);
}

}  // namespace
}  // namespace swy::moe
