#include "math/fusion.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace swy::math {
namespace {

Matrix of(std::initializer_list<std::array<float, 2>> rows) {
  Matrix m(rows.size(), 2);
  std::size_t i = 0;
  for (const auto& r : rows) {
    m.row(i)[0] = r[0];
    m.row(i++)[1] = r[1];
  }
  return m;
}

// request-routing.md 4.9 f: with t = v the weights are a half each and f ~ t + t * t / 2.
TEST(Fusion, OfTheSameVectorTwiceIsThatAndHalfItsSquare) {
  const Matrix rows = of({{.6F, .8F}, {1, 0}});
  const Fusion f = fit_fusion(rows, rows);
  const std::array t = {.6F, .8F};
  std::array<float, 2> out{};
  f.fuse(t, t, out);
  const double a = .6 + .18, b = .8 + .32, length = std::sqrt(a * a + b * b);
  EXPECT_NEAR(out[0], a / length, 1e-6);
  EXPECT_NEAR(out[1], b / length, 1e-6);
}

TEST(Fusion, TrustsWhatLooksLikeWhatWasSeenBefore) {
  // Texts lie along the first axis, images along the second; all of norm 1, so that z is 0.
  const Fusion f = fit_fusion(of({{1, 0}, {1, 0}}), of({{0, 1}, {0, 1}}));
  const std::array usual = {1.0F, 0.0F};
  const std::array odd = {-1.0F, 0.0F};
  EXPECT_NEAR(f.text.confidence(usual), .75, 1e-9);
  EXPECT_NEAR(f.text.confidence(odd), .25, 1e-9);
  EXPECT_NEAR(f.image.confidence(usual), .5, 1e-9);
}

TEST(Fusion, ReadsTheNormAgainstTheRowsItWasFittedOn) {
  const Fusion f = fit_fusion(of({{1, 0}, {3, 0}}), of({{0, 1}, {0, 1}}));
  const std::array three = {3.0F, 0.0F};  // one deviation above the mean of 2
  EXPECT_NEAR(f.text.confidence(three), .5 + .5 / (1 + std::exp(-1.0)), 1e-6);
  // Asking moves nothing: the test batch has no statistics of its own (MMR-Bench's leak).
  std::array<float, 2> once{}, again{};
  const std::array v = {0.0F, 1.0F};
  f.fuse(three, v, once);
  const std::array far = {90.0F, -4.0F};
  f.fuse(far, v, again);
  f.fuse(three, v, again);
  EXPECT_EQ(once, again);
}

TEST(Fusion, OfOneModalityIsThatModality) {
  const Fusion f = fit_fusion(of({{1, 0}, {0, 1}}), of({{0, 0}, {0, 2}}));
  EXPECT_NEAR(f.image.mean[1], 2, 1e-9);  // the row without an image does not count
  const std::array t = {3.0F, 4.0F};
  const std::array none = {0.0F, 0.0F};
  std::array<float, 2> out{};
  f.fuse(t, none, out);
  EXPECT_NEAR(out[0], .6, 1e-6);
  f.fuse(none, t, out);
  EXPECT_NEAR(out[1], .8, 1e-6);
  f.fuse(none, none, out);
  EXPECT_EQ(out, none);
}

}  // namespace
}  // namespace swy::math
