#include "math/tree_hop.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "base/rng.h"

namespace swy::math {
namespace {

constexpr double kExact = 1e-5;

// request-routing.md 4.14 f: one head, identity weights, no MLP.
TEST(TreeHop, MakesTheNextQueryOfQueryAndPassage) {
  const std::array q = {1.0F, 0.0F};
  const std::array c = {.6F, .8F};
  std::array<float, 2> h{};
  next_query(TreeHopWeights::identity(2), q, c, h);
  EXPECT_NEAR(h[0], .762702, kExact);
  EXPECT_NEAR(h[1], -.483603, kExact);
}

TEST(TreeHop, KeepsTheBestOfALayerAndNotItsArgsort) {
  const std::array scores = {.9F, .2F, .7F, .4F};
  EXPECT_EQ(prune_layer(scores, 2), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(prune_layer(scores, 9).size(), 4U);
  const std::array same = {.5F, .5F, .5F};
  EXPECT_EQ(prune_layer(same, 1), (std::vector<std::size_t>{0}));
}

// By hand: two heads of width 1 that see one coordinate each, a block behind the first.
TEST(TreeHop, JoinsItsHeadsAndTheBlocksBehindThem) {
  TreeHopWeights w;
  w.dims = 2;
  TreeHopHead first;
  first.q = first.k = first.v = {2, 1, {1, 0}, {}};
  first.v.bias = {1};
  // widen to 2, one residual layer, narrow to 1.
  first.widen = {1, 2, {1, -1}, {}};
  first.layers.push_back({{1, 1}, {0, 0}, {2, 2, {1, 0, 0, 1}, {}}});
  first.narrow = {2, 1, {1, 1}, {.5F}};
  TreeHopHead second;
  second.q = second.k = second.v = {2, 1, {0, 1}, {}};
  w.heads = {first, second};
  w.out = {2, 2, {1, 0, 0, 2}, {}};
  const std::array q = {1.0F, 0.0F};
  const std::array c = {.6F, .8F};
  std::array<float, 2> h{};
  next_query(w, q, c, h);
  // Of one number the softmax is 1: a = .6 + 1. widen (1.6, -1.6), normed (1, -1), so 1.6 + 1 and
  // -1.6; narrow 1 + .5 = 1.5: A = 3.1. The second head: .8.
  EXPECT_NEAR(h[0], 1 - .6 + 3.1, 1e-4);
  EXPECT_NEAR(h[1], 0 - .8 + 2 * .8, 1e-4);
}

Matrix unit_rows(base::Rng& rng, std::size_t n, std::size_t dims) {
  Matrix m(n, dims);
  for (std::size_t i = 0; i < n; ++i) {
    float sum = 0;
    for (float& x : m.row(i)) {
      x = static_cast<float>(rng.uniform() - .5);
      sum += x * x;
    }
    for (float& x : m.row(i)) x /= std::sqrt(sum);
  }
  return m;
}

TEST(TreeHop, IsBoundedTakesNothingTwiceAndNamesWhereItCameFrom) {
  base::Rng rng(3, 1, 4);
  const Matrix passages = unit_rows(rng, 60, 6);
  const TreeHopWeights w = TreeHopWeights::identity(6);
  for (std::size_t hops = 1; hops <= 4; ++hops) {
    const auto hits = tree_hop(w, passages, unit_rows(rng, 1, 6).row(0), {hops, 3, -1});
    EXPECT_LE(hits.size(), hops * 3);
    std::set<std::size_t> once;
    for (std::size_t i = 0; i < hits.size(); ++i) {
      EXPECT_TRUE(once.insert(hits[i].passage).second);
      if (hits[i].hop > 0) {
        EXPECT_EQ(hits[hits[i].from].hop + 1, hits[i].hop);
      }
    }
  }
}

TEST(TreeHop, EndsWhenNothingSurvives) {
  Matrix one(1, 2);
  one.row(0)[0] = 1;
  const std::array q = {1.0F, 0.0F};
  const TreeHopWeights w = TreeHopWeights::identity(2);
  EXPECT_EQ(tree_hop(w, one, q, {5, 3, -1}).size(), 1U);  // it was seen
  EXPECT_EQ(tree_hop(w, one, q, {5, 3, 1.1F}).size(), 0U);
  EXPECT_EQ(tree_hop(w, Matrix(0, 2), q, {5, 3, -1}).size(), 0U);
}

// Axes: author, city, river, noise. The question holds author and river; the first passage says
// author and city, the second city and river. The second is nearer to what the first left open.
TEST(TreeHop, FindsInTheSecondHopWhatTheFirstLeftOpen) {
  const float s = std::sqrt(.5F);
  Matrix passages(3, 4);
  passages.row(0)[0] = passages.row(0)[1] = s;
  passages.row(1)[1] = passages.row(1)[2] = s;
  passages.row(2)[0] = .8F;
  passages.row(2)[3] = .6F;
  const std::array q = {.9F, 0.0F, .435889894F, 0.0F};
  const TreeHopWeights w = TreeHopWeights::identity(4);
  const auto plain = tree_hop(w, passages, q, {1, 1, -1});
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].passage, 2U);  // the distractor of one hop
  const auto hits = tree_hop(w, passages, q, {2, 2, -1});
  ASSERT_GE(hits.size(), 3U);
  EXPECT_EQ(hits[2].passage, 1U);
  EXPECT_EQ(hits[2].hop, 1U);
}

}  // namespace
}  // namespace swy::math
