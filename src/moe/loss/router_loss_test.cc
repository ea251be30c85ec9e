#include "moe/router_loss.h"

#include <gtest/gtest.h>

#include "moe/locality_loss.h"
#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

TEST(Entropy, SolvesTheWorkedExamples) {
  const Table<double> f1(testing::kF1);
  const double want[] = {.8324, .9687, 1.0227, .7906};
  std::vector<double> p(3);
  for (std::size_t t = 0; t < 4; ++t) {
    softmax(f1.view().row(t), std::span<double>(p));
    EXPECT_NEAR(entropy(p), want[t], 5e-5);
  }
  // DynMoLE's with q = 1.1.
  EXPECT_NEAR(most_entropy(4, 1.1), 1.2945, 5e-5);
  EXPECT_NEAR(most_entropy(8, 1.1), 1.8775, 5e-5);
  EXPECT_NEAR(entropy(std::vector<double>(8, .125), 1.1), 1.8775, 5e-5);
  EXPECT_NEAR(entropy(std::vector<double>{.7, .2, .05, .05}, 1.1), .8015, 5e-5);
  EXPECT_NEAR(entropy(std::vector<double>{.5, .3, .15, .05}, 1.1), 1.0638, 5e-5);
  EXPECT_NEAR(entropy(std::vector<double>{.9, .05, .03, .02}, 1.1), .3772, 5e-5);
}

TEST(Entropy, OfTsallisApproachesShannons) {
  const std::vector<double> p = {.7, .2, .05, .05};
  EXPECT_NEAR(entropy(p, 1 + 1.5e-6), entropy(p, 1), 1e-5);
  EXPECT_NEAR(entropy(p, 1 - 1.5e-6), entropy(p, 1), 1e-5);
}

TEST(RouterLosses, SolveTheWorkedExamples) {
  const Table<double> m(testing::Matrix{{3, 1, 2}, {0, 2, 1}, {4, 1, 2}});
  EXPECT_NEAR(erc_loss(m.view(), 1, 1, {}), .333333333, 1e-8);
  EXPECT_NEAR(erc_loss(m.view(), .5, 1, {}), .777777778, 1e-8);
  const Table<double> near(testing::Matrix{{1, 0}, {.4, .6}});
  const std::vector<double> w = {std::exp(-.5), std::exp(-2.0)};
  EXPECT_NEAR(manifold_loss(std::vector<double>{.5, .5}, near.view(), w, 1, {}), .412435749, 1e-8);
  EXPECT_NEAR(budget_loss(std::vector<double>{.9, .2, .4, .1}, .25, 1, {}), .0225, 1e-12);
  EXPECT_NEAR(erc_radius(near.view(), 0), std::sqrt(.72) / 2, 1e-12);
}

TEST(RouterLosses, AreZeroWhereTheyShouldBe) {
  const Table<double> own(testing::Matrix{{3, 1}, {2, 4}});
  EXPECT_EQ(erc_loss(own.view(), 1, 1, {}), 0);
  EXPECT_GT(erc_loss(own.view(), .5, 1, {}), 0);
  const Table<double> same(testing::Matrix{{.5, .5}, {.5, .5}});
  EXPECT_EQ(
      manifold_loss(std::vector<double>{.5, .5}, same.view(), std::vector<double>{1, 2}, 1, {}), 0);
  EXPECT_EQ(manifold_loss(std::vector<double>{1, 0}, same.view(), std::vector<double>{0, 0}, 1, {}),
            0);
}

// Whether some difference that ERC cuts off at 0 is nearer to it than ten steps.
bool at_a_kink(Rows<const double> m, double alpha) {
  for (std::size_t i = 0; i < m.rows; ++i)
    for (std::size_t j = 0; j < m.rows; ++j)
      if (i != j && (std::fabs(m.at(i, j) - alpha * m.at(i, i)) < 1e-4 ||
                     std::fabs(m.at(j, i) - alpha * m.at(i, i)) < 1e-4))
        return true;
  return false;
}

TEST(RouterLosses, HaveTheSlopesOfTheirValues) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(41, c, 0);
    const std::size_t rows = 1 + rng.below(4);
    const std::size_t cols = 2 + rng.below(4);
    auto p = testing::random_table(rng, rows, cols);
    for (std::size_t t = 0; t < rows; ++t) softmax(p.view().row(t), p.view().row(t));
    std::vector<double> scratch(2 * cols);
    for (const double q : {1.0, 1.1, 2.0}) {
      Table<double> g(rows, cols);
      EXPECT_TRUE(mean_entropy(p.view(), q, .5, g.view()).ok());
      EXPECT_TRUE(entropy_of_mean(p.view(), q, -1.5, scratch, g.view()).ok());
      EXPECT_TRUE(entropy_lock(p.view(), 2, .25, g.view()).ok());
      testing::expect_slopes(
          [&] {
            return .5 * mean_entropy(p.view(), q, 1, {}) -
                   1.5 * entropy_of_mean(p.view(), q, 1, scratch, {}) +
                   .25 * entropy_lock(p.view(), 2, 1, {});
          },
          p.data, g.data, 1e-5, 1e-6);
    }
    auto m = testing::random_table(rng, cols, cols);
    Table<double> gm(cols, cols);
    EXPECT_TRUE(erc_loss(m.view(), .8, 2, gm.view()).ok());
    if (!at_a_kink(m.view(), .8))
      testing::expect_slopes([&] { return 2 * erc_loss(m.view(), .8, 1, {}); }, m.data, gm.data);
    std::vector<double> r(cols);
    std::vector<double> w(rows);
    for (double& v : r) v = rng.uniform();
    for (double& v : w) v = .1 + rng.uniform();
    std::vector<double> gr(cols);
    EXPECT_TRUE(manifold_loss(r, p.view(), w, 3, gr).ok());
    EXPECT_TRUE(budget_loss(r, .4, 2, gr).ok());
    testing::expect_slopes(
        [&] { return 3 * manifold_loss(r, p.view(), w, 1, {}) + 2 * budget_loss(r, .4, 1, {}); }, r,
        gr);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(LocalityLosses, SolveTheWorkedExamples) {
  const Table<double> p(testing::Matrix{{.5, .5}, {.9, .1}, {.2, .8}, {1, 0}});
  EXPECT_NEAR(chunk_loss(p.view(), 2, 1, {}), .824990, 1e-6);
  const Table<double> z(testing::Matrix{{.02, -.01}, {.01, .03}});
  EXPECT_NEAR(activation_locality(z.view(), 100, true, 1, {}), .965323334, 1e-8);
}

TEST(ReluL1, CountsWhatIsPositiveAndHasItsSlopes) {
  Table<double> z(testing::Matrix{{2, -1, 1, 0}, {.5, -3, -1, .25}});
  EXPECT_NEAR(relu_l1(z.view(), 1, {}), 1.875, 1e-12);
  Table<double> grad(2, 4);
  z.at(0, 3) = -.5;  // not on the corner
  EXPECT_TRUE(relu_l1(z.view(), 3, grad.view()).ok());
  testing::expect_slopes([&] { return 3 * relu_l1(z.view(), 1, {}); }, z.data, grad.data);
}

TEST(ReluL1, ItsCoefficientFindsTheWantedSparsity) {
  // The logits sink with the coefficient: the share of positive ones settles at the wanted one.
  ReluSparsity rule{.active = .25, .coefficient = 1};
  double share = 1;
  for (int step = 0; step < 200; ++step) {
    share = .5 * std::erfc(std::log(rule.coefficient) / std::sqrt(2.0));
    rule.see(share);
  }
  EXPECT_NEAR(share, .25, .05);
  const double before = rule.coefficient;
  rule.see(std::nan(""));
  rule.see(.25);
  EXPECT_EQ(rule.coefficient, before);
}

TEST(LocalityLosses, HaveTheSlopesOfTheirValues) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(42, c, 0);
    auto z = testing::random_table(rng, 2 + rng.below(6), 2 + rng.below(4));
    const std::size_t window = 1 + rng.below(3);
    Table<double> g(z.rows, z.cols);
    EXPECT_TRUE(activation_locality(z.view(), 3, true, 2, g.view()).ok());
    testing::expect_slopes([&] { return 2 * activation_locality(z.view(), 3, true, 1, {}); },
                           z.data, g.data);
    for (std::size_t t = 0; t < z.rows; ++t) softmax(z.view().row(t), z.view().row(t));
    Table<double> gp(z.rows, z.cols);
    EXPECT_TRUE(chunk_loss(z.view(), window, .5, gp.view()).ok());
    testing::expect_slopes([&] { return .5 * chunk_loss(z.view(), window, 1, {}); }, z.data,
                           gp.data);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(RouterLosses, AgreeWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const Table<double> p(testing::matrix(golden.at("G_chunk", "P")));
  EXPECT_NEAR(chunk_loss(p.view(), 2, 1, {}), golden.at("G_chunk", "out").as_number().value_or(0),
              1e-8);
  const Table<double> z(testing::matrix(golden.at("G_al", "Z")));
  EXPECT_NEAR(activation_locality(z.view(), 100, true, 1, {}),
              golden.at("G_al", "out").as_number().value_or(0), 1e-8);
  const Table<double> m(testing::matrix(golden.at("H_erc", "M")));
  EXPECT_NEAR(erc_loss(m.view(), 1, 1, {}), golden.at("H_erc", "out").number_or("1.0", -1), 1e-8);
  EXPECT_NEAR(erc_loss(m.view(), .5, 1, {}), golden.at("H_erc", "out").number_or("0.5", -1), 1e-8);
}

}  // namespace
}  // namespace swy::moe
