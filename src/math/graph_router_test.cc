#include "math/graph_router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Matrix random_rows(std::size_t rows, std::size_t dims, std::uint64_t seed) {
  Matrix x(rows, dims);
  base::Rng rng(seed, 0, 0);
  for (float& v : x.all()) v = static_cast<float>(rng.uniform() * 2 - 1);
  return x;
}

GraphRouter random_graph(const Matrix& x) {
  const std::vector<std::string_view> names = {"a", "b", "c"};
  std::vector<std::string_view> task_of;
  for (std::size_t i = 0; i < x.rows(); ++i) task_of.push_back(names[i % 3]);
  std::vector<std::vector<float>> cost(1);
  for (std::size_t i = 0; i < x.rows(); ++i) cost[0].push_back(0.001F * static_cast<float>(i + 1));
  GraphRouter g = place_graph(x, task_of, {{}, cost}, 4);
  start_graph(g, 3);
  base::Rng rng(4, 0, 0);
  for (float& v : g.read) v = static_cast<float>(rng.uniform() * 2 - 1);
  return g;
}

std::vector<double> predicted(const GraphRouter& g, std::span<const float> x) {
  std::vector<double> value(g.outputs), scale(g.outputs);
  g.predict(x, value, scale);
  return value;
}

// request-routing.md 4.7 (f).
TEST(EdgeScore, IsTheKnownAnswer) {
  const std::vector<float> query = {1, -1};
  EXPECT_NEAR(edge_score(query, query), 0.731059, 1e-5);
  EXPECT_NEAR(edge_score(query, std::vector<float>{0.5F, 0.5F}), 0.5, 1e-6);
}

// By hand: one dimension, one task at the origin, so u = (x, 0); all else picks single numbers.
TEST(GraphRouter, IsWhatAFewEdgesSayByHand) {
  GraphRouter g;
  g.dims = 1;
  g.half = 1;
  g.tasks = 1;
  g.centres = {0};
  g.query = {1, 0};
  g.task = {0, 0};
  g.edge = {1, 0, 0, 0, 0, 0, 0, 0, 0};                           // eps_0 = relu(2 value - 1)
  g.conv1 = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};                 // relu(x + eps_0), 0
  g.conv2 = {0, 0, 0, 0, 0, 1, 0, 0.5F, 0, 0, 0, 0, 0, 0, 0, 0};  // relu(h1_0 + 0.5), 0
  g.pseudo = {0, 0, 0, 0, 0, 0};                                  // nothing, weight 1
  g.read = {1, 0, 0, 0, 1, 0, 0, 0, 0.25F, 0, 0, 0};
  Matrix x(3, 1);
  x.row(0)[0] = 2;
  x.row(1)[0] = -5;
  x.row(2)[0] = 9;
  const std::vector<float> value = {1, 0, kNaN};
  const std::vector<float> cost = {kNaN, kNaN, kNaN};
  g.join(x, value, cost);
  // Messages 2 + 1 and relu(-5) = 0: h1 = 3 / 3 = 1. Second: two times 1.5, / 3, + 1 = 2.
  ASSERT_EQ(g.states.size(), 4U);
  EXPECT_FLOAT_EQ(g.states[0], 2);
  EXPECT_FLOAT_EQ(g.states[1], 0);
  EXPECT_FLOAT_EQ(g.states[2], 0.25F);
  std::vector<double> v(1), scale(1);
  g.predict(x.row(0), v, scale);
  EXPECT_NEAR(v[0], 1 / (1 + std::exp(-2.0)), 1e-6);  // mean of 2 * 2 and 0
  EXPECT_NEAR(scale[0], std::exp(0.25), 1e-6);
}

TEST(GraphRouter, DoesNotDependOnTheOrderOfTheRows) {
  const Matrix x = random_rows(60, 5, 1);
  GraphRouter g = random_graph(x);
  std::vector<std::size_t> order(x.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::reverse(order.begin(), order.end());
  std::vector<float> value, cost, back_value, back_cost;
  base::Rng rng(2, 0, 0);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    value.push_back(rng.below(4) == 0 ? kNaN : static_cast<float>(rng.below(2)));
    cost.push_back(0.01F * static_cast<float>(rng.below(9)));
  }
  Matrix back(x.rows(), 5);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    std::copy_n(x.row(order[i]).begin(), 5, back.row(i).begin());
    back_value.push_back(value[order[i]]);
    back_cost.push_back(cost[order[i]]);
  }
  g.join(x, value, cost);
  g.join(back, back_value, back_cost);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const auto v = predicted(g, x.row(i));
    EXPECT_NEAR(v[0], v[1], 1e-6);
  }
}

// A mean, not a sum: twice the same edges count twice against the pseudo-message and no more.
TEST(GraphRouter, SaysTheSameOfTwiceTheSameManyEdges) {
  const Matrix x = random_rows(2000, 5, 4);
  GraphRouter g = random_graph(x);
  Matrix twice(4000, 5);
  std::vector<float> value, cost(4000, 0.01F);
  for (std::size_t i = 0; i < 4000; ++i) {
    std::copy_n(x.row(i % 2000).begin(), 5, twice.row(i).begin());
    value.push_back(static_cast<float>(i % 2));
  }
  g.join(x, std::span(value).first(2000), std::span(cost).first(2000));
  g.join(twice, value, cost);
  const auto v = predicted(g, x.row(7));
  EXPECT_NEAR(v[0], v[1], 1e-3);
}

// request-routing.md section 7: a new arm changes nothing for the others.
TEST(GraphRouter, TakesANewOutputWithoutChangingTheOthers) {
  const Matrix x = random_rows(30, 5, 5);
  GraphRouter g = random_graph(x);
  const std::vector<float> ones(30, 1), none(30, kNaN);
  g.join(x, ones, none);
  const auto before = predicted(g, x.row(3));
  g.join(x, none, none);
  const auto after = predicted(g, x.row(3));
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_TRUE(after[1] > 0 && after[1] < 1);
}

TEST(GraphRouter, PlacesTasksAndSharesThemByDistance) {
  Matrix x(40, 2);
  std::vector<std::string_view> task_of;
  for (std::size_t i = 0; i < 40; ++i) {
    x.row(i)[i % 2] = 1;
    task_of.push_back(i % 2 == 0 ? "east" : "north");
  }
  const GraphRouter g = place_graph(x, task_of, {{}, {}}, 2);
  ASSERT_EQ(g.tasks, 2U);
  std::vector<float> share(2);
  g.shares(x.row(1), share);
  EXPECT_GT(share[1], 0.99F);
  EXPECT_EQ(g.cost_attribute(0.5F), 0);  // no costs
  EXPECT_EQ(place_graph(x, task_of, {{}, {}}, 2, 1).tasks, 1U);
}

TEST(GraphRouter, TellsEdgesOfCostsThatAreKnown) {
  const Matrix x = random_rows(40, 5, 6);
  const GraphRouter g = random_graph(x);
  EXPECT_EQ(g.cost_attribute(kNaN), 0);
  EXPECT_EQ(g.cost_attribute(0), 0);
  EXPECT_EQ(g.cost_attribute(-1), 0);
  EXPECT_LT(g.cost_attribute(0.002F), g.cost_attribute(0.02F));
  EXPECT_EQ(g.cost_attribute(1e30F), 3);
}

}  // namespace
}  // namespace swy::math
