#include "math/argmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::math {
namespace {

std::vector<double> chances(const std::vector<Normal>& x) {
  std::vector<double> p(x.size());
  argmax_probabilities(x, p);
  return p;
}

TEST(ArgmaxProbabilities, AgreeWithTheClosedFormForTwo) {
  base::Rng rng(1, 0, 0);
  for (int i = 0; i < 500; ++i) {
    const Normal a{rng.uniform(), 0.001 + rng.uniform()};
    const Normal b{rng.uniform(), 0.001 + 0.3 * rng.uniform() * rng.uniform()};
    const double z = (a.mean - b.mean) / std::sqrt(a.sd * a.sd + b.sd * b.sd);
    EXPECT_NEAR(chances({a, b})[0], 0.5 * std::erfc(-z / std::sqrt(2.0)), 1e-6)
        << a.sd << " " << b.sd;
  }
}

TEST(ArgmaxProbabilities, ShareAmongEquals) {
  for (std::size_t n = 1; n <= 30; ++n) {
    for (const double sd : {0.0, 1e-4, 0.2}) {
      const auto p = chances(std::vector<Normal>(n, Normal{0.5, sd}));
      for (const double one : p) EXPECT_NEAR(one, 1.0 / static_cast<double>(n), 1e-9) << n;
    }
  }
}

TEST(ArgmaxProbabilities, GiveEverythingToACertainLeader) {
  const auto p = chances({{0.5, 0}, {0.6, 0}, {0.1, 0.01}});
  EXPECT_EQ(p[0], 0);
  EXPECT_EQ(p[1], 1);
  EXPECT_EQ(p[2], 0);
}

TEST(ArgmaxProbabilities, DoNotMindWhereTheLineBegins) {
  const auto near = chances({{0.6, 0.03}, {0.65, 0.04}});
  const auto far = chances({{-1e7 + 0.6, 0.03}, {-1e7 + 0.65, 0.04}});
  EXPECT_NEAR(near[0], far[0], 1e-6);
}

TEST(ArgmaxProbabilities, SumToOneAndAgreeWithSampling) {
  base::Rng rng(2, 0, 0);
  const std::vector<Normal> x{{0.5, 0.1}, {0.55, 0.02}, {0.4, 0.3}, {0.54, 0}};
  const auto p = chances(x);
  std::vector<double> hits(x.size());
  constexpr int kDraws = 200'000;
  for (int d = 0; d < kDraws; ++d) {
    std::size_t best = 0;
    double highest = -1e9;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double normal =
          std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(6.283185307179586 * rng.uniform());
      const double v = x[i].mean + x[i].sd * normal;
      if (v <= highest) continue;
      highest = v;
      best = i;
    }
    hits[best] += 1.0 / kDraws;
  }
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(p[i], hits[i], 0.006) << i;  // five standard errors of a half
    sum += p[i];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

}  // namespace
}  // namespace swy::math
