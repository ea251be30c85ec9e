#include "math/packed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::math {
namespace {

TEST(Packed, a_row_of_bytes_is_within_half_a_step_of_the_numbers) {
  base::Rng rng(1, 2, 3);
  std::vector<float> x(100);
  for (float& v : x) v = static_cast<float>(rng.uniform() - 0.5);
  std::vector<std::int8_t> q(100);
  const float scale = quantize_row(x, q.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(scale * static_cast<float>(q[i]), x[i], scale * 0.5001F);
  }
  std::fill(x.begin(), x.end(), 0.0F);
  EXPECT_EQ(quantize_row(x, q.data()), 0);
}

TEST(Packed, panels_hold_every_weight_once_and_zeros_elsewhere) {
  const std::vector<float> w = {1, 2, 3, 4, 5, 6};  // 2 outputs of 3
  const PackedF32 p = PackedF32::pack(w, 2, 3);
  const GemmF32 g = p.gemm();
  EXPECT_EQ(p.bytes(), 3 * kPanel * sizeof(float));
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(g.b[k * kPanel], w[k]);
    EXPECT_EQ(g.b[k * kPanel + 1], w[3 + k]);
    for (std::size_t j = 2; j < kPanel; ++j) EXPECT_EQ(g.b[k * kPanel + j], 0);
  }
  const PackedI8 b = PackedI8::pack(w, 2, 3);
  const GemmI8 i = b.gemm();
  EXPECT_EQ(i.b[2], 127);      // 3 is the largest of its row
  EXPECT_EQ(i.b[3], 0);        // the group of four is filled up
  EXPECT_EQ(i.b[4 + 2], 127);  // 6
  EXPECT_EQ(i.b_sum[0], i.b[0] + i.b[1] + i.b[2]);
  EXPECT_FLOAT_EQ(i.b_scale[1], 6.0F / 127);
}

TEST(Packed, kept_inputs_are_floats_and_leave_their_scale_to_the_rest) {
  const std::vector<float> w = {100, 1, 2, 50, 3, 4};
  const std::vector<std::uint32_t> keep = {0};
  const PackedI8 p = PackedI8::pack(w, 2, 3, keep);
  const GemmI8 g = p.gemm();
  EXPECT_EQ(g.kept, 1);
  EXPECT_EQ(g.kept_b[0], 100);
  EXPECT_EQ(g.kept_b[1], 50);
  EXPECT_EQ(g.b[0], 0);
  EXPECT_FLOAT_EQ(g.b_scale[0], 2.0F / 127);
}

TEST(Buffer, grows_and_stays_aligned) {
  Buffer<float> b;
  EXPECT_EQ(b.size(), 0);
  const float* first = b.need(10);
  EXPECT_EQ(b.need(5), first);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.need(1000)) % 64, 0);
  EXPECT_EQ(b.all().size(), 1000);
}

}  // namespace
}  // namespace swy::math
