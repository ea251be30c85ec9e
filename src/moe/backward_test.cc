// Gradients against central differences of the same rule computed in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using testing::Lab;

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

std::vector<double> scores_of(const Spec& spec, const std::vector<double>& z) {
  std::vector<double> s(z);
  const auto n = static_cast<double>(z.size());
  double sum = 0;
  double squares = 0;
  double positive = 0;
  const double top = *std::max_element(z.begin(), z.end());
  for (const double v : z) {
    sum += std::exp(v - top);
    squares += v * v;
    positive += v > 0 ? v * v : 0;
  }
  const auto eps = static_cast<double>(spec.norm_eps);
  for (double& v : s) {
    switch (spec.transform) {
      case Transform::kSoftmax:
        v = std::exp(v - top) / sum;
        break;
      case Transform::kSigmoid:
        v = sigmoid(v);
        break;
      case Transform::kSqrtSoftplus:
        v = std::sqrt(std::log1p(std::exp(v)));
        break;
      case Transform::kRelu:
        v = std::max(v, 0.0);
        break;
      case Transform::kReluRms:
        v = std::max(v, 0.0) / std::sqrt(positive / n + eps);
        break;
      case Transform::kL2Relu:
        v = std::max(v / (std::sqrt(squares) + eps), 0.0);
        break;
      default:
        break;
    }
  }
  return s;
}

// L = sum g w for a fixed set of experts.
double loss(const Spec& spec, const std::vector<double>& z, const std::vector<std::int32_t>& set,
            const std::vector<float>& g) {
  const auto s = scores_of(spec, z);
  double sum = 0;
  double exps = 0;
  for (const auto e : set) {
    sum += s[static_cast<std::size_t>(e)];
    exps += std::exp(s[static_cast<std::size_t>(e)]);
  }
  double total = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    double w = s[static_cast<std::size_t>(set[i])];
    if (spec.weigh == Weigh::kRenorm) w /= sum;
    if (spec.weigh == Weigh::kSoftmaxSelected) w = std::exp(w) / exps;
    if (spec.weigh == Weigh::kSigmoid) w = sigmoid(w);
    if (spec.weigh == Weigh::kOne) w = 1;
    total += static_cast<double>(g[i]) * w * static_cast<double>(spec.scale);
  }
  return total;
}

std::vector<float> gradient(Lab& lab, const std::vector<float>& g) {
  std::vector<float> dz(std::size_t{lab.rows} * lab.cols, 9);
  const Status s = backward(lab.spec, lab.input(), lab.ctx, lab.out, g, dz, lab.workspace);
  EXPECT_TRUE(s.ok()) << s.what;
  return dz;
}

class Backward : public ::testing::TestWithParam<std::pair<Transform, Weigh>> {};

TEST_P(Backward, AgreesWithCentralDifferences) {
  base::Rng rng(5, static_cast<std::uint64_t>(GetParam().first),
                static_cast<std::uint64_t>(GetParam().second));
  const Ctx normal;
  double worst = 0;
  for (std::uint64_t c = 0; c < 300; ++c) {
    Spec spec;
    std::tie(spec.transform, spec.weigh) = GetParam();
    const auto cols = 3 + rng.below(10);
    spec.k = static_cast<std::uint16_t>(1 + rng.below(cols - 1));
    spec.scale = 2.5F;
    std::vector<float> z(cols);
    for (std::size_t j = 0; j < cols; ++j) z[j] = 1.5F * detail::normal_at(normal, c, j + 1);
    // Kinks have no derivative, and sums of nearly nothing no central difference.
    z[0] = 1 + std::fabs(z[0]);
    for (float& v : z) v = std::fabs(v) < 0.01F ? 0.02F : v;
    Lab lab(spec, {z});
    ASSERT_TRUE(lab.run().ok());
    std::vector<float> g(spec.k);
    for (float& v : g) v = static_cast<float>(2 * rng.uniform() - 1);
    const auto got = gradient(lab, g);
    std::vector<double> x(z.begin(), z.end());
    for (std::size_t j = 0; j < cols; ++j) {
      constexpr double kStep = 1e-5;
      auto up = x;
      auto down = x;
      up[j] += kStep;
      down[j] -= kStep;
      const double want =
          (loss(spec, up, lab.experts(0), g) - loss(spec, down, lab.experts(0), g)) / (2 * kStep);
      worst = std::max(worst, std::abs(static_cast<double>(got[j]) - want));
    }
  }
  EXPECT_LT(worst, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Rules, Backward,
                         ::testing::Values(std::pair{Transform::kSoftmax, Weigh::kRenorm},
                                           std::pair{Transform::kSoftmax, Weigh::kRaw},
                                           std::pair{Transform::kSigmoid, Weigh::kRenorm},
                                           std::pair{Transform::kSigmoid, Weigh::kRaw},
                                           std::pair{Transform::kIdentity, Weigh::kSoftmaxSelected},
                                           std::pair{Transform::kIdentity, Weigh::kSigmoid},
                                           std::pair{Transform::kSqrtSoftplus, Weigh::kRenorm},
                                           std::pair{Transform::kRelu, Weigh::kRaw},
                                           std::pair{Transform::kReluRms, Weigh::kRaw},
                                           std::pair{Transform::kL2Relu, Weigh::kRaw},
                                           std::pair{Transform::kSoftmax, Weigh::kSoftmaxSelected},
                                           std::pair{Transform::kSoftmax, Weigh::kOne}));

TEST(BackwardRules, SoftmaxFormsSumToZeroAndDroppedExpertsGetNothing) {
  Spec spec = testing::named("mixtral");
  spec.cap = Cap::kArrival;
  Lab lab(spec, testing::f1());
  const std::vector<std::uint32_t> caps{4, 2, 1};
  lab.ctx.capacity = caps;
  ASSERT_TRUE(lab.run().ok());
  ASSERT_EQ(lab.experts(3)[1], -1);
  const auto dz = gradient(lab, {1, -1, 0.5F, 2, 0, 1, 3, 4});
  for (std::size_t t = 0; t < 3; ++t)
    EXPECT_NEAR(dz[t * 3] + dz[t * 3 + 1] + dz[t * 3 + 2], 0, 1e-6);
  EXPECT_EQ(dz[0 * 3 + 2], 0) << "not selected";
  EXPECT_EQ(dz[3 * 3 + 1], 0) << "dropped";
  // w = 0.5 of a pair of which one was dropped: dw/dz = w (1 - w).
  EXPECT_NEAR(dz[3 * 3], 3 * 0.5 * 0.5, 1e-6);
}

TEST(BackwardRules, PaddingAndMaskedExpertsHaveNoGradient) {
  Lab lab(testing::named("olmoe"), testing::f1());
  lab.spec.k = 2;
  const std::vector<std::uint8_t> live{1, 0, 1, 1};
  const std::vector<std::uint64_t> experts{0b101};
  lab.ctx.token_live = live;
  lab.ctx.expert_live = experts;
  ASSERT_TRUE(lab.run().ok());
  const auto dz = gradient(lab, {1, -1, 1, 1, 1, 0, 0, 1});
  for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(dz[3 + j], 0);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(dz[t * 3 + 1], 0);
  EXPECT_NE(dz[0], 0);
}

TEST(BackwardRules, NamesTheSpanThatIsTooShort) {
  Lab lab(testing::named("mixtral"), testing::f1());
  ASSERT_TRUE(lab.run().ok());
  std::vector<float> g(8);
  std::vector<float> dz(12);
  const auto call = [&](std::size_t n_g, std::size_t n_z) {
    return backward(lab.spec, lab.input(), lab.ctx, lab.out, std::span(g).first(n_g),
                    std::span(dz).first(n_z), lab.workspace);
  };
  EXPECT_STREQ(call(7, 12).what, "dw");
  EXPECT_STREQ(call(8, 11).what, "dz");
  EXPECT_TRUE(call(8, 12).ok());
  lab.spec.transform = Transform::kCosine;
  EXPECT_EQ(call(8, 12).code, Code::kUnsupported);
}

}  // namespace
}  // namespace swy::moe
