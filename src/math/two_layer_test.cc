#include "math/two_layer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace swy::math {
namespace {

TwoLayer net(std::size_t dims, std::size_t hidden, std::size_t outputs, HiddenUnit unit) {
  TwoLayer n;
  n.dims = dims;
  n.hidden = hidden;
  n.outputs = outputs;
  n.unit = unit;
  n.in.assign(hidden * dims, 0.0F);
  n.in_bias.assign(hidden, 0.0F);
  n.out.assign(outputs * hidden, 0.0F);
  n.out_bias.assign(outputs, 0.0F);
  return n;
}

double logit(double p) { return std::log(p / (1 - p)); }

// The specification's known answer for RouteLLM's mf: P = identity, W1 = identity, q = (.2, .8);
// the large model wins with sigma(.8 - .2).
TEST(TwoLayer, BilinearFormGivesTheKnownWinRate) {
  TwoLayer n = net(2, 2, 2, HiddenUnit::kIdentity);
  n.in = {1, 0, 0, 1};
  n.out = {1, 0, 0, 1};
  std::vector<double> p(2);
  n.predict(std::vector<float>{0.2F, 0.8F}, p);
  EXPECT_NEAR(1 / (1 + std::exp(-(logit(p[1]) - logit(p[0])))), 0.645656, 1e-6);
}

// IRT: theta = (1, -.5), a = (.8, .4), b = .2: logit .4, probability .598688.
TEST(TwoLayer, ItemResponseGivesTheKnownProbability) {
  TwoLayer n = net(1, 2, 1, HiddenUnit::kSoftplus);
  const auto inverse = [](double a) { return static_cast<float>(std::log(std::expm1(a))); };
  n.in_bias = {inverse(0.8), inverse(0.4)};
  n.out = {1, -0.5F};
  n.has_shared = true;
  n.shared = {0, 0.2F};
  std::vector<double> p(1);
  n.predict(std::vector<float>{5}, p);
  EXPECT_NEAR(p[0], 0.598688, 1e-6);
}

TEST(TwoLayer, HarderItemsAreSolvedLess) {
  TwoLayer n = net(1, 1, 1, HiddenUnit::kSoftplus);
  n.out = {1};
  n.has_shared = true;
  n.shared = {1, 0};  // difficulty = x
  std::vector<double> easy(1), hard(1);
  n.predict(std::vector<float>{-1}, easy);
  n.predict(std::vector<float>{1}, hard);
  EXPECT_GT(easy[0], hard[0]);
}

class Learns : public ::testing::TestWithParam<HiddenUnit> {
 protected:
  // Model 0 solves x0 > 0, model 1 the others, model 2 two thirds of all.
  Learns() : x_(600, 2), y_(3, std::vector<float>(600)) {
    base::Rng rng(1, 1, 1);
    for (std::size_t i = 0; i < 600; ++i) {
      for (float& v : x_.row(i)) v = static_cast<float>(rng.uniform() * 2 - 1);
      y_[0][i] = x_.row(i)[0] > 0 ? 1 : 0;
      y_[1][i] = 1 - y_[0][i];
      y_[2][i] = rng.below(3) != 0 ? 1 : 0;
      if (i % 5 == 0) y_[1][i] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  TwoLayerOptions options() const {
    return {.hidden = 8, .unit = GetParam(), .shared = GetParam() == HiddenUnit::kSoftplus};
  }
  Matrix x_;
  std::vector<std::vector<float>> y_;
};

TEST_P(Learns, WhoSolvesWhatFromIncompleteObservations) {
  const TwoLayer n = fit_two_layer(x_, y_, options());
  std::vector<double> p(3);
  n.predict(std::vector<float>{0.7F, 0}, p);
  EXPECT_GT(p[0], 0.8);
  EXPECT_LT(p[1], 0.2);
  EXPECT_NEAR(p[2], 0.67, 0.12);
  n.predict(std::vector<float>{-0.7F, 0}, p);
  EXPECT_LT(p[0], 0.2);
  EXPECT_GT(p[1], 0.8);
}

TEST_P(Learns, TheSameFromTheSameSeed) {
  const TwoLayer a = fit_two_layer(x_, y_, options());
  const TwoLayer b = fit_two_layer(x_, y_, options());
  EXPECT_EQ(a.in, b.in);
  EXPECT_EQ(a.out, b.out);
}

TEST_P(Learns, NothingOfAnOutputThatWasNeverObserved) {
  y_[1].assign(600, std::numeric_limits<float>::quiet_NaN());
  TwoLayerOptions o = options();
  o.shared = false;
  const TwoLayer n = fit_two_layer(x_, y_, o);
  std::vector<double> p(3);
  n.predict(std::vector<float>{0.9F, -0.9F}, p);
  EXPECT_NEAR(p[1], 0.5, 1e-6);
}

TEST_P(Learns, NoRowFromItself) {
  TwoLayerOptions o = options();
  o.epochs = 3;
  const Matrix before = fit_two_layer_held_out(x_, y_, o).held_out;
  y_[0][4] = 1 - y_[0][4];
  const Matrix after = fit_two_layer_held_out(x_, y_, o).held_out;
  EXPECT_EQ(before.row(4)[0], after.row(4)[0]);
  EXPECT_NE(before.row(14)[0], after.row(14)[0]);
}

INSTANTIATE_TEST_SUITE_P(Units, Learns,
                         ::testing::Values(HiddenUnit::kIdentity, HiddenUnit::kRelu,
                                           HiddenUnit::kSoftplus));

}  // namespace
}  // namespace swy::math
