#include "math/route_profile.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// Queries of two domains, around (1, 0) and (0, 1); model 0 solves the first, model 1 the second,
// model 2 both by half.
struct Two {
  Matrix x{200, 2};
  std::vector<std::uint32_t> domain;
  std::vector<std::vector<float>> y{3};
  Two() {
    base::Rng rng(3, 1, 1);
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const std::size_t d = i % 2;
      x.row(i)[d] = 1;
      for (float& v : x.row(i)) v += static_cast<float>(rng.uniform() - 0.5) * 0.4F;
      domain.push_back(static_cast<std::uint32_t>(d));
      y[0].push_back(d == 0 ? 1 : 0);
      y[1].push_back(d == 1 ? 1 : 0);
      y[2].push_back(rng.uniform() < 0.5 ? 1 : 0);
    }
  }
};

// request-routing.md 4.8: tasks (1,0) and (0,1), scores 90, 50, 70 scaled to 1, 0, .5.
TEST(RouteProfile, GivesTheKnownProfilesOfOneHop) {
  Matrix tasks(2, 2);
  tasks.row(0)[0] = 1;
  tasks.row(1)[1] = 1;
  const std::array<GraphEdge, 3> edges{{{0, 0, 1}, {1, 0, 0}, {1, 1, 0.5F}}};
  const Matrix models = graph_hop(tasks, edges, 2);
  EXPECT_NEAR(models.row(0)[0], 0.707107, 1e-6);
  EXPECT_EQ(models.row(0)[1], 0);
  EXPECT_EQ(models.row(1)[0], 0);
  EXPECT_NEAR(models.row(1)[1], 0.353553, 1e-6);
}

TEST(RouteProfile, LearnsWhoSolvesWhatWithAndWithoutDomains) {
  const Two two;
  const std::vector<std::uint32_t> one(two.x.rows(), 0);
  for (const auto& domain : {two.domain, one}) {
    const RouteProfile p = fit_route_profile(two.x, domain, two.y);
    std::array<double, 3> q{};
    p.predict(std::array<float, 2>{1, 0}, q);
    EXPECT_GT(q[0], 0.8);
    EXPECT_LT(q[1], 0.2);
    EXPECT_NEAR(q[2], 0.5, 0.2);
  }
}

// What joins with the outcomes that it would have been fitted with says nearly the same; its
// domains are told, not known.
TEST(RouteProfile, LetsAModelJoinWithoutATraining) {
  const Two two;
  RouteProfile all = fit_route_profile(two.x, two.domain, two.y);
  all.join(two.x, two.y[1]);
  ASSERT_EQ(all.outputs, 4U);
  std::array<double, 4> q{};
  for (const std::array<float, 2>& x : {std::array<float, 2>{1, 0}, {0, 1}, {0.5F, 0.5F}}) {
    all.predict(x, q);
    EXPECT_NEAR(q[1], q[3], 0.05);
  }
}

TEST(RouteProfile, DrawsAModelOfFewProbesToAllModelsTogether) {
  const Two two;
  ProfileOptions strong{.shrink = 1e6};
  RouteProfile p = fit_route_profile(two.x, two.domain, two.y, strong);
  std::vector<float> y(two.x.rows(), kNone);
  y[0] = 1;
  y[1] = 0;
  p.join(two.x, y);
  const float* profile = p.profiles.data() + 3 * p.stride();
  EXPECT_NEAR(profile[0], p.common_mean, 1e-4);
  for (std::size_t d = 0; d < p.domains; ++d) EXPECT_NEAR(profile[1 + d], p.common[d], 1e-4);
  for (std::size_t d = 0; d < p.dims; ++d) {
    const float spread =
        p.spread[2 * d] * p.common[p.domains] + p.spread[2 * d + 1] * p.common[p.domains + 1];
    EXPECT_NEAR(profile[1 + p.domains + d], spread, 1e-3);
  }
}

TEST(RouteProfile, SaysEqualOutcomesAsTheyAre) {
  Two two;
  for (auto& column : two.y) column.assign(two.x.rows(), 1);
  std::array<double, 3> q{};
  fit_route_profile(two.x, two.domain, two.y).predict(std::array<float, 2>{0.3F, 2}, q);
  for (const double v : q) EXPECT_NEAR(v, 1, 1e-6);
}

}  // namespace
}  // namespace swy::math
