#include "moe/rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "moe/testing/golden.h"

namespace swy::moe {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(Largest, OrdersLikeASortWithTiesToTheLowerIndex) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(151, c, 0);
    std::vector<double> v(1 + rng.below(12));
    for (double& x : v) x = static_cast<double>(rng.below(5));  // many ties
    std::vector<std::int32_t> want(v.size());
    std::iota(want.begin(), want.end(), 0);
    std::stable_sort(want.begin(), want.end(), [&](std::int32_t a, std::int32_t b) {
      return v[static_cast<std::size_t>(a)] > v[static_cast<std::size_t>(b)];
    });
    std::vector<std::int32_t> got(v.size());
    ASSERT_EQ(largest(v, got), v.size());
    ASSERT_EQ(got, want) << "case " << c;
  }
}

TEST(Largest, NeverTakesWhatIsNotANumberOrMasked) {
  const std::vector<double> v = {std::nan(""), -kInfinite, 1, kInfinite};
  std::vector<std::int32_t> id(4);
  EXPECT_EQ(largest(v, id), 2U);
  EXPECT_EQ(id, (std::vector<std::int32_t>{3, 2, -1, -1}));
  const std::vector<double> none = {std::nan(""), -kInfinite};
  EXPECT_EQ(largest(none, id), 0U);
  EXPECT_EQ(largest(std::vector<double>{}, id), 0U);
  EXPECT_EQ(id, (std::vector<std::int32_t>{-1, -1, -1, -1}));
}

TEST(Softmax, MasksAndDoesNotOverflow) {
  std::vector<double> p(3);
  softmax(std::vector<double>{1000, -kInfinite, 1000}, p);
  testing::expect_near(p, {.5, 0, .5}, 1e-12);
  EXPECT_NEAR(log_sum_exp(std::vector<double>{1000, -kInfinite, 1000}), 1000 + std::log(2), 1e-9);
  EXPECT_EQ(log_sum_exp(std::vector<double>{-kInfinite, -kInfinite}), -kInfinite);
  EXPECT_EQ(sigmoid(-1e9), 0);
  EXPECT_EQ(sigmoid(1e9), 1);
}

TEST(Rows, ReadWithAStride) {
  std::vector<double> data = {1, 2, 9, 3, 4, 9};
  const Rows<double> t(data.data(), 2, 2, 3);
  EXPECT_EQ(t.at(1, 0), 3);
  EXPECT_EQ(t.part(1, 2).row(0)[1], 4);
  EXPECT_FALSE(Rows<double>().part(0, 0).wanted());
}

TEST(Random, NormalsAndGumbelsHaveTheirMoments) {
  double n1 = 0;
  double n2 = 0;
  double g1 = 0;
  base::Rng rng(152, 0, 0);
  const int n = 100'000;
  for (int i = 0; i < n; ++i) {
    const double x = normal(rng);
    n1 += x / n;
    n2 += x * x / n;
    g1 += gumbel(rng) / n;
  }
  EXPECT_NEAR(n1, 0, .01);
  EXPECT_NEAR(n2, 1, .02);
  EXPECT_NEAR(g1, .5772, .01);  // Euler's constant
}

}  // namespace
}  // namespace swy::moe
