#include "moe/balance_loss.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

Table<double> probabilities(Rows<const double> z) {
  Table<double> p(z.rows, z.cols);
  for (std::size_t t = 0; t < z.rows; ++t) softmax(z.row(t), p.view().row(t));
  return p;
}

Table<std::int32_t> choose(Rows<const double> z, std::size_t k, double sign = 1) {
  Table<std::int32_t> out(z.rows, k);
  std::vector<double> row(z.cols);
  for (std::size_t t = 0; t < z.rows; ++t) {
    for (std::size_t j = 0; j < z.cols; ++j) row[j] = sign * z.at(t, j);
    largest(row, out.view().row(t));
  }
  return out;
}

double switch_loss(Rows<const double> z, std::size_t k) {
  const Table<double> p = probabilities(z);
  const Table<std::int32_t> chosen = choose(z, k);
  std::vector<double> scratch(2 * z.cols);
  const BalanceLayer layer{p.view(), chosen.view(), {}};
  return balance_loss({&layer, 1}, k, 1, scratch);
}

TEST(BalanceLoss, SolvesTheWorkedExamples) {
  const Table<double> f1(testing::kF1);
  EXPECT_NEAR(switch_loss(f1.view(), 1), 1.543428528, 1e-8);
  EXPECT_NEAR(switch_loss(f1.view(), 2), 1.200353025, 1e-8);
  EXPECT_NEAR(z_loss(f1.view(), 1, {}), 5.408493825, 1e-8);
  const std::vector<double> counts = {4, 0, 0};
  EXPECT_NEAR(cv_squared(counts, Variance::kPopulation, 1, {}), 2, 1e-12);
  EXPECT_NEAR(cv_squared(counts, Variance::kSample, 1, {}), 3, 1e-12);
  const Table<double> p = probabilities(f1.view());
  std::vector<double> scratch(3);
  EXPECT_NEAR(kl_to_uniform(p.view(), 1, scratch, {}), .100478, 1e-6);
}

TEST(BalanceLoss, PoolsTheLayersThatShareExperts) {
  const Table<double> f1(testing::kF1);
  const Table<double> p = probabilities(f1.view());
  const Table<std::int32_t> best = choose(f1.view(), 1);
  const Table<std::int32_t> worst = choose(f1.view(), 1, -1);
  std::vector<double> scratch(6);
  const BalanceLayer layers[] = {{p.view(), best.view(), {}}, {p.view(), worst.view(), {}}};
  EXPECT_NEAR(balance_loss(layers, 1, 1, scratch), 1.071361239, 1e-8);
}

TEST(BalanceLoss, MayFallBelowOne) {
  const Table<double> p(testing::Matrix{{.51, .49}, {.51, .49}, {.51, .49}, {.01, .99}});
  const Table<std::int32_t> chosen = choose(p.view(), 1);
  std::vector<double> scratch(4);
  const BalanceLayer layer{p.view(), chosen.view(), {}};
  EXPECT_NEAR(balance_loss({&layer, 1}, 1, 1, scratch), .885, 1e-9);
}

TEST(BalanceLoss, IsOneForUniformProbabilitiesAndLeavesPaddingOut) {
  Table<double> p(testing::Matrix{{.25, .25, .25, .25}, {.25, .25, .25, .25}, {1, 0, 0, 0}});
  Table<std::int32_t> chosen(3, 2);
  chosen.data = {0, 1, 0, 2, -1, -1};
  std::vector<double> scratch(8);
  Table<double> grad(3, 4);
  const BalanceLayer layer{p.view(), chosen.view(), grad.view()};
  EXPECT_NEAR(balance_loss({&layer, 1}, 2, 1, scratch), 1, 1e-12);
  testing::expect_near(grad.view().row(2), {0, 0, 0, 0});
}

TEST(BalanceLoss, HasTheSlopesOfItsValue) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(31, c, 0);
    const std::size_t tokens = 2 + rng.below(5);
    const std::size_t experts = 2 + rng.below(5);
    const std::size_t k = 1 + rng.below(experts - 1);
    auto p = testing::random_table(rng, tokens, experts);
    const Table<std::int32_t> chosen = choose(p.view(), k);
    std::vector<double> scratch(2 * experts);
    Table<double> grad(tokens, experts);
    BalanceLayer layer{p.view(), chosen.view(), grad.view()};
    const std::vector<std::uint32_t> begin = {0, 1, static_cast<std::uint32_t>(tokens)};
    EXPECT_TRUE(sequence_balance_loss(layer, begin, k, .7, scratch).ok());
    EXPECT_TRUE(balance_loss({&layer, 1}, k, .5, scratch).ok());
    layer.grad = {};
    testing::expect_slopes(
        [&] {
          return .7 * sequence_balance_loss(layer, begin, k, 1, scratch) +
                 .5 * balance_loss({&layer, 1}, k, 1, scratch);
        },
        p.data, grad.data);
    Table<double> gz(tokens, experts);
    EXPECT_TRUE(z_loss(p.view(), .3, gz.view()).ok());
    testing::expect_slopes([&] { return .3 * z_loss(p.view(), 1, {}); }, p.data, gz.data);
    Table<double> gk(tokens, experts);
    auto q = probabilities(p.view());
    EXPECT_TRUE(kl_to_uniform(q.view(), 2, scratch, gk.view()).ok());
    testing::expect_slopes([&] { return 2 * kl_to_uniform(q.view(), 1, scratch, {}); }, q.data,
                           gk.data);
    std::vector<double> load(experts);
    for (double& v : load) v = .1 + rng.uniform();
    for (const Variance v : {Variance::kPopulation, Variance::kSample}) {
      std::vector<double> gl(experts);
      EXPECT_TRUE(cv_squared(load, v, 1.5, gl).ok());
      testing::expect_slopes([&] { return 1.5 * cv_squared(load, v, 1, {}); }, load, gl);
    }
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(NoisyLoad, SolvesTheWorkedExample) {
  const std::vector<double> clean = {2, 1, 0};
  const std::vector<double> noisy = {1.8, 1.3, .1};
  const std::vector<double> sd = {.5, .5, .5};
  std::vector<double> load(3);
  EXPECT_TRUE(noisy_load(clean, noisy, sd, 1, load).ok());
  testing::expect_near(load, {.919243341, .054799292, .000159109});
}

// Nearer than ten steps of the differences.
bool nearly_tied(std::span<const double> v) {
  std::vector<double> sorted(v.begin(), v.end());
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end(),
                            [](double a, double b) { return b - a < 1e-4; }) != sorted.end();
}

TEST(NoisyLoad, HasTheSlopesOfItsValue) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(32, c, 0);
    const std::size_t experts = 2 + rng.below(6);
    const std::size_t k = 1 + rng.below(experts - 1);
    std::vector<double> x(3 * experts);
    std::vector<double> dload(experts);
    for (double& v : x) v = normal(rng);
    for (std::size_t j = 2 * experts; j < 3 * experts; ++j) x[j] = .3 + std::fabs(x[j]);
    for (double& v : dload) v = normal(rng);
    const std::span<double> all(x);
    const auto clean = all.subspan(0, experts);
    const auto noisy = all.subspan(experts, experts);
    if (nearly_tied(noisy)) continue;  // no slope where two swap
    const auto sd = all.subspan(2 * experts, experts);
    std::vector<double> grad(3 * experts);
    const std::span<double> g(grad);
    EXPECT_TRUE(noisy_load_backward(clean, noisy, sd, k, dload,
                                    {g.subspan(0, experts), g.subspan(experts, experts),
                                     g.subspan(2 * experts, experts)})
                    .ok());
    std::vector<double> load(experts);
    testing::expect_slopes(
        [&] {
          EXPECT_TRUE(noisy_load(clean, noisy, sd, k, load).ok());
          return inner(load, dload);
        },
        x, grad);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(BalanceLoss, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const auto want = [&](const char* fixture) {
    return golden.at(fixture, "out").as_number().value_or(-1);
  };
  const Table<double> f1(testing::kF1);
  EXPECT_NEAR(switch_loss(f1.view(), 1), want("C_switch"), 1e-8);
  EXPECT_NEAR(switch_loss(f1.view(), 2), want("C_switch_k2"), 1e-8);
  EXPECT_NEAR(z_loss(f1.view(), 1, {}), want("C_zloss"), 1e-8);
  const auto counts = testing::numbers(golden.at("C_cv2", "counts"));
  EXPECT_NEAR(cv_squared(counts, Variance::kPopulation, 1, {}), want("C_cv2"), 1e-8);
  const auto clean = testing::numbers(golden.at("C_noisyload", "clean"));
  std::vector<double> load(clean.size());
  EXPECT_TRUE(noisy_load(clean, testing::numbers(golden.at("C_noisyload", "noisy")),
                         testing::numbers(golden.at("C_noisyload", "sd")), 1, load)
                  .ok());
  testing::expect_near(load, testing::numbers(golden.at("C_noisyload", "out")), 1e-8);
}

}  // namespace
}  // namespace swy::moe
