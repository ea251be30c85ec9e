#include "math/online_ridge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace swy::math {
namespace {

TEST(OnlineRidge, KnowsTheScoresOfLinUcb) {  // request-routing.md 3.8, d = 1, x = 1, alpha = 1
  OnlineRidge arm(1, 1);
  const std::vector<double> x{1};
  const auto score = [&] {
    const auto said = arm.predict(x);
    return said.mean + std::sqrt(said.leverage);
  };
  EXPECT_NEAR(score(), 1, 1e-12);
  arm.learn(x, 1);
  EXPECT_NEAR(score(), 1.207107, 1e-6);
  arm.learn(x, 0);
  EXPECT_NEAR(score(), 0.910684, 1e-6);
}

TEST(OnlineRidge, ForgetsWhatItLearnedButNotTheRidge) {  // 5.10: A = 1 + .25 two rounds later
  OnlineRidge arm(1, 1);
  const std::vector<double> x{1};
  arm.learn(x, 1);
  arm.forget(0.5);
  arm.forget(0.5);
  EXPECT_NEAR(1 / arm.predict(x).leverage, 1.25, 1e-12);
  EXPECT_NEAR(arm.examples(), 0.25, 1e-12);
}

struct Example {
  std::vector<double> x;
  double y = 0;
};
std::vector<Example> examples(std::size_t n, std::size_t d) {
  base::Rng rng(5, 0, 0);
  std::vector<Example> out(n);
  for (Example& e : out) {
    for (std::size_t i = 0; i < d; ++i) e.x.push_back(rng.uniform() - 0.5);
    e.y = rng.uniform();
  }
  return out;
}

TEST(OnlineRidge, AgreesWithTheClosedFormAfterThousandsOfSteps) {
  const auto data = examples(5'000, 9);
  OnlineRidge stepwise(9, 0.7);
  for (const Example& e : data) stepwise.learn(e.x, e.y, 0.5);
  OnlineRidge closed(9, 0.7);  // by Cholesky
  ASSERT_TRUE(closed.restore(stepwise.gram(), stepwise.moment(), stepwise.examples()));
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(stepwise.theta()[i], closed.theta()[i], 1e-10);
  EXPECT_NEAR(stepwise.predict(data[0].x).leverage, closed.predict(data[0].x).leverage, 1e-12);
  // A theta = b, by hand.
  for (std::size_t i = 0; i < 9; ++i) {
    double left = 0.7 * closed.theta()[i];
    for (std::size_t j = 0; j < 9; ++j) left += closed.gram()[i * 9 + j] * closed.theta()[j];
    EXPECT_NEAR(left, closed.moment()[i], 1e-9);
  }
}

TEST(OnlineRidge, LeavesAnExampleOutAsIfItHadNotBeenLearned) {
  const auto data = examples(30, 4);
  OnlineRidge all(4, 1);
  for (const Example& e : data) all.learn(e.x, e.y, 0.8);
  for (std::size_t out = 0; out < data.size(); ++out) {
    OnlineRidge rest(4, 1);
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (i != out) rest.learn(data[i].x, data[i].y, 0.8);
    }
    const auto left = OnlineRidge::without(all.predict(data[out].x), data[out].y, 0.8);
    EXPECT_NEAR(left.mean, rest.predict(data[out].x).mean, 1e-10);
    EXPECT_NEAR(left.leverage, rest.predict(data[out].x).leverage, 1e-10);
  }
}

TEST(OnlineRidge, SettledItSaysWhatOneWithItsNumbersSaysToTheLastBit) {
  const auto data = examples(200, 4);
  OnlineRidge a(4, 1);
  for (const Example& e : data) a.learn(e.x, e.y, 0.8);
  OnlineRidge b(4, 1);
  ASSERT_TRUE(b.restore(a.gram(), a.moment(), a.examples()));
  const double before = a.predict(data[0].x).mean;
  a.settle();
  EXPECT_NEAR(a.predict(data[0].x).mean, before, 1e-12);
  for (const Example& e : data) {
    EXPECT_EQ(a.predict(e.x).mean, b.predict(e.x).mean);
    EXPECT_EQ(a.predict(e.x).leverage, b.predict(e.x).leverage);
  }
}

TEST(OnlineRidge, RefusesNumbersThatCannotBe) {
  OnlineRidge arm(2, 1);
  const std::vector<double> moment{0, 0};
  EXPECT_FALSE(arm.restore(std::vector<double>{1, 0, 0}, moment, 1));
  EXPECT_FALSE(arm.restore(std::vector<double>{-9, 0, 0, 1}, moment, 1));
  EXPECT_FALSE(arm.restore(std::vector<double>{NAN, 0, 0, 1}, moment, 1));
  EXPECT_TRUE(arm.restore(std::vector<double>{1, 0, 0, 1}, moment, 1));
}

}  // namespace
}  // namespace swy::math
