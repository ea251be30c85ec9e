#include "math/deferral.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace swy::math {
namespace {

using enum DeferralRule;
constexpr std::array kRules = {kChow, kDiff, kOpt, kTokenV1, kTokenV2, kTokenV3};

std::vector<double> drawn(base::Rng& rng, std::size_t n) {
  std::vector<double> p(n);
  for (double& x : p) x = std::pow(rng.uniform(), 3) + 1e-6;
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}
double most(const std::vector<double>& p) { return *std::max_element(p.begin(), p.end()); }

// request-routing.md 5.12: q = (.6, .4), p = (.9, .1): TV .3.
TEST(Deferral, WeighsTheLeadAgainstTheDistance) {
  const std::array q = {.6, .4};
  const std::array p = {.9, .1};
  EXPECT_NEAR(total_variation(p, q), .3, 1e-12);
  EXPECT_TRUE(defers(kOpt, .5, q, p, 0));    // .6 < .75
  EXPECT_FALSE(defers(kOpt, 1.2, q, p, 0));  // .6 >= .54
  EXPECT_TRUE(defers(kChow, .3, q, p, 0));   // .6 < .7
  EXPECT_FALSE(defers(kChow, .4, q, p, 0));  // .6 is not below .6
  EXPECT_TRUE(defers(kDiff, .2, q, p, 0));   // .6 < .7
  EXPECT_FALSE(defers(kDiff, .3, q, p, 0));
  // Of the second entry alone.
  EXPECT_TRUE(defers(kTokenV1, .4, q, p, 1));  // .4 < .5
  EXPECT_FALSE(defers(kTokenV1, .4, q, p, 0));
  EXPECT_TRUE(defers(kTokenV2, .7, q, p, 1));   // .1 < .2
  EXPECT_FALSE(defers(kTokenV2, .8, q, p, 1));  // .1 is not below .1
  EXPECT_TRUE(defers(kTokenV3, .8, q, p, 1));   // .1 < .18
  EXPECT_FALSE(defers(kTokenV3, .9, q, p, 1));
}

TEST(Deferral, KeepsWhatStandsAndSaysTheRestAsTheStrongModelDoes) {
  const std::array q = {.6, .4};
  const std::array p = {.9, .1};
  std::array<double, 2> out{};
  deferred_target(kTokenV3, .8, q, p, out);  // the second entry is refused
  EXPECT_NEAR(out[0], .6 + .4 * .9, 1e-12);
  EXPECT_NEAR(out[1], .4 * .1, 1e-12);
  EXPECT_NEAR(1 - total_variation(q, out), .64, 1e-12);  // drafts that sampling keeps
  deferred_target(kOpt, .5, q, p, out);
  EXPECT_EQ(out, p);
  deferred_target(kOpt, 1.2, q, p, out);
  EXPECT_EQ(out, q);
}

TEST(Deferral, CountsWhatNeitherNamesAsDistance) {
  const std::array q = {.6, .0};
  const std::array p = {.0, .9};
  EXPECT_NEAR(total_variation(q, p), .9, 1e-12);
}

TEST(Deferral, OfOptIsTheLesserOfTheTwoLosses) {
  base::Rng rng(5, 1, 0);
  for (int i = 0; i < 2'000; ++i) {
    const auto q = drawn(rng, 5);
    const auto p = drawn(rng, 5);
    const double alpha = 2 * rng.uniform();
    const double keep = 1 - most(q);
    const double defer = 1 - most(p) + alpha * total_variation(p, q);
    if (std::abs(keep - defer) < 1e-9) continue;
    EXPECT_EQ(defers(kOpt, alpha, q, p, 0), defer < keep);
  }
}

TEST(Deferral, IsMonotoneInAlphaAndNeverPromisedWhereItCannotBe) {
  base::Rng rng(5, 2, 0);
  for (int i = 0; i < 2'000; ++i) {
    const auto q = drawn(rng, 4);
    const auto p = drawn(rng, 4);
    for (const DeferralRule rule : kRules) {
      bool before = true;
      for (double alpha = 0; alpha <= 2; alpha += .125) {
        for (std::size_t v = 0; v < q.size(); ++v) {
          if (defers(rule, alpha, q, p, v)) {
            EXPECT_TRUE(may_defer(rule, alpha, q, v)) << static_cast<int>(rule) << " " << alpha;
            EXPECT_TRUE(may_defer(rule, alpha, q, v, most(p))) << static_cast<int>(rule);
          }
        }
        const bool now = defers(rule, alpha, q, p, 1);
        EXPECT_TRUE(before || !now) << static_cast<int>(rule) << " " << alpha;
        before = now;
      }
    }
  }
}

TEST(Deferral, SaysADistributionWhateverTheRule) {
  base::Rng rng(5, 3, 0);
  std::vector<double> out(6);
  for (int i = 0; i < 500; ++i) {
    const auto q = drawn(rng, 6);
    const auto p = drawn(rng, 6);
    for (const DeferralRule rule : kRules) {
      deferred_target(rule, rng.uniform(), q, p, out);
      EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0), 1, 1e-9);
    }
  }
}

}  // namespace
}  // namespace swy::math
