#include "moe/sinkhorn.h"

#include <gtest/gtest.h>

#include <numeric>

#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

using testing::Table;

struct Planned {
  Table<double> plan;
  SinkhornOutcome outcome;
};

Planned plan_log(Rows<const double> score, const SinkhornOptions& options,
                 const std::vector<double>& rows = {}, const std::vector<double>& cols = {}) {
  Planned out{Table<double>(score.rows, score.cols), {}};
  std::vector<double> scratch(sinkhorn_scratch(score.rows, score.cols));
  out.outcome = sinkhorn_log(score, rows, cols, options, scratch, out.plan.view());
  return out;
}

Planned plan_fast(Rows<const double> score, const SinkhornOptions& options) {
  Table<float> z(score.rows, score.cols);
  for (std::size_t i = 0; i < z.data.size(); ++i) z.data[i] = static_cast<float>(score.data[i]);
  std::vector<float> scratch(sinkhorn_scratch(score.rows, score.cols));
  Planned out{Table<double>(score.rows, score.cols), {}};
  out.outcome = sinkhorn(math::best_kernels(), z.view(), {}, {}, options, scratch, z.view());
  for (std::size_t i = 0; i < z.data.size(); ++i) out.plan.data[i] = static_cast<double>(z.data[i]);
  return out;
}

std::vector<std::size_t> choices(Rows<const double> plan) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < plan.rows; ++i) out.push_back(best_of(plan.row(i)));
  return out;
}

TEST(Sinkhorn, BalancesTwoByTwoInOneIteration) {
  const Table<double> c(testing::Matrix{{.73, .27}, {.27, .73}});
  const Planned p = plan_log(c.view(), {.xi = .5});
  EXPECT_EQ(p.outcome.iterations, 1U);
  testing::expect_rows(p.plan.view(), {{.715042106, .284957894}, {.284957894, .715042106}});
  testing::expect_rows(plan_fast(c.view(), {.xi = .5}).plan.view(),
                       {{.715042106, .284957894}, {.284957894, .715042106}});
}

TEST(Sinkhorn, SolvesTheWorkedExample) {
  const Table<double> f2(testing::kF2);
  const Planned p = plan_log(f2.view(), {.xi = 1, .tolerance = 1e-9, .most = 10'000});
  EXPECT_EQ(p.outcome.iterations, 13U);
  testing::expect_near(p.plan.view().row(0), {.639128597, .192151323, .16872008});
  testing::expect_near(p.plan.view().row(3), {.221465567, .134081074, .644453359});
  EXPECT_EQ(choices(p.plan.view()), (std::vector<std::size_t>{0, 1, 1, 2, 2, 2}));
  const Planned one = plan_log(f2.view(), {.xi = 1, .tolerance = 0, .most = 1});
  testing::expect_near(one.plan.view().row(0), {.599585221, .191051247, .209363532});
  const Planned fast = plan_fast(f2.view(), {.xi = 1, .tolerance = 0, .most = 1});
  testing::expect_near(fast.plan.view().row(0), {.599585221, .191051247, .209363532});
  const Planned cold = plan_log(f2.view(), {.xi = .1, .tolerance = 1e-9, .most = 10'000});
  EXPECT_EQ(cold.outcome.iterations, 54U);
  testing::expect_near(cold.plan.view().row(4), {.021679398, .48830048, .490020122});
}

TEST(Sinkhorn, LeavesPaddingOut) {
  Table<double> s(testing::kF2);
  Table<double> padded(7, 3);
  std::copy(s.data.begin(), s.data.end(), padded.data.begin());
  for (std::size_t j = 0; j < 3; ++j) padded.at(6, j) = 50;
  const Planned a = plan_log(s.view(), {.tolerance = 1e-9});
  const Planned b = plan_log(padded.view(), {.tolerance = 1e-9}, {1, 1, 1, 1, 1, 1, 0});
  for (std::size_t i = 0; i < 18; ++i) EXPECT_NEAR(a.plan.data[i], b.plan.data[i], 1e-9);
  testing::expect_near(b.plan.view().row(6), {0, 0, 0});
}

double column_error(Rows<const double> plan) {
  double sum = 0;
  for (std::size_t j = 0; j < plan.cols; ++j) {
    double col = 0;
    for (std::size_t i = 0; i < plan.rows; ++i) col += plan.at(i, j);
    sum += std::fabs(col - static_cast<double>(plan.rows) / static_cast<double>(plan.cols));
  }
  return sum;
}

TEST(Sinkhorn, KeepsRowsExactAndColumnsNeverGetWorse) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(21, c, 0);
    const auto s = testing::random_table(rng, 1 + rng.below(8), 1 + rng.below(5));
    double last = INFINITY;
    for (const std::uint32_t most : {1U, 2U, 5U}) {
      const Planned p = plan_log(s.view(), {.xi = .5, .tolerance = 0, .most = most});
      for (std::size_t i = 0; i < s.rows; ++i) {
        const auto row = p.plan.view().row(i);
        EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-12);
      }
      const double error = column_error(p.plan.view());
      EXPECT_LE(error, last + 1e-12);
      last = error;
    }
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(Sinkhorn, IgnoresConstantsAndOrderAndAgreesBetweenDomains) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(22, c, 0);
    const auto s = testing::random_table(rng, 6, 4);
    const SinkhornOptions options{.xi = .7, .tolerance = 1e-9, .most = 500};
    const Planned p = plan_log(s.view(), options);
    Table<double> shifted = s;
    Table<double> turned = s;
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t j = 0; j < 4; ++j) {
        shifted.at(i, j) += .3 * static_cast<double>(i) - .7 * static_cast<double>(j);
        turned.at(5 - i, 3 - j) = s.view().at(i, j);
      }
    const Planned q = plan_log(shifted.view(), options);
    const Planned r = plan_log(turned.view(), options);
    const Planned f = plan_fast(s.view(), {.xi = .7, .tolerance = 1e-6, .most = 500});
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t j = 0; j < 4; ++j) {
        EXPECT_NEAR(p.plan.view().at(i, j), q.plan.view().at(i, j), 1e-7);
        EXPECT_NEAR(p.plan.view().at(i, j), r.plan.view().at(5 - i, 3 - j), 1e-8);
        EXPECT_NEAR(p.plan.view().at(i, j), f.plan.view().at(i, j), 2e-5);
      }
    if (HasFailure()) FAIL() << "case " << c;
  }
}

TEST(SinkhornMegatron, SolvesTheWorkedExampleAndDoesNotOverflow) {
  Table<double> f2(testing::kF2);
  Table<double> plan(6, 3);
  std::vector<double> scratch(sinkhorn_scratch(6, 3));
  auto out = sinkhorn_megatron(f2.view(), 1e-4, 100, scratch, plan.view());
  EXPECT_EQ(out.iterations, 6U);
  testing::expect_near(plan.view().row(0), {.106520033, .032024821, .028118996});
  EXPECT_EQ(choices(plan.view()), (std::vector<std::size_t>{0, 1, 1, 2, 2, 2}));
  const Table<double> before = plan;
  for (double& v : f2.data) v += 2000;
  out = sinkhorn_megatron(f2.view(), 1e-4, 100, scratch, plan.view());
  for (std::size_t i = 0; i < 18; ++i) EXPECT_NEAR(plan.data[i], before.data[i], 1e-7);
}

TEST(SelectiveSinkhorn, PlansOnItsShareOfTheSteps) {
  const Table<double> f2(testing::kF2);
  Table<double> score(6, 3);
  std::vector<double> scratch(sinkhorn_scratch(6, 3));
  const SelectiveSinkhorn rule{.probability = .05, .noise = .1, .of_softmax = true, .sinkhorn = {}};
  int planned = 0;
  for (std::uint64_t step = 0; step < 4000; ++step) {
    const bool plan = selective_sinkhorn(f2.view(), rule, 7, step, scratch, score.view());
    planned += plan ? 1 : 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto row = score.view().row(i);
      ASSERT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-9);
    }
    if (plan) {
      ASSERT_LT(column_error(score.view()), 1e-5);
    }
  }
  EXPECT_NEAR(planned / 4000.0, .05, .012);
}

TEST(RenormalisedTopK, IsTheNearestSparseRow) {
  std::vector<std::int32_t> id(2);
  std::vector<double> w(2);
  const std::vector<double> row = {.5, .2, .3};
  EXPECT_TRUE(renormalised_top_k(row, id, w).ok());
  EXPECT_EQ(id, (std::vector<std::int32_t>{0, 2}));
  testing::expect_near(w, {.625, .375}, 1e-12);
  // Kullback-Leibler of any other two-entry row from this one is larger.
  const auto distance = [&](std::size_t a, std::size_t b, double q) {
    return q * std::log(q / row[a]) + (1 - q) * std::log((1 - q) / row[b]);
  };
  const double best = distance(0, 2, .625);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = a + 1; b < 3; ++b)
      for (double q = .025; q < 1; q += .025) EXPECT_GE(distance(a, b, q), best - 1e-12);
}

TEST(Sinkhorn, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  const Table<double> f2(testing::kF2);
  testing::expect_rows(
      plan_log(f2.view(), {.xi = 1, .tolerance = 1e-9, .most = 10'000}).plan.view(),
      testing::matrix(golden.at("D_sinkhorn_F2", "plan")));
  testing::expect_rows(
      plan_log(f2.view(), {.xi = .1, .tolerance = 1e-9, .most = 10'000}).plan.view(),
      testing::matrix(golden.at("D_sinkhorn_F2_xi01", "plan")));
  testing::expect_rows(plan_log(f2.view(), {.tolerance = 0, .most = 1}).plan.view(),
                       testing::matrix(golden.at("D_sinkhorn_F2_1it", "plan")));
  Table<double> plan(6, 3);
  std::vector<double> scratch(sinkhorn_scratch(6, 3));
  EXPECT_TRUE(sinkhorn_megatron(f2.view(), 1e-4, 100, scratch, plan.view()).ok());
  testing::expect_rows(plan.view(), testing::matrix(golden.at("D_sinkhorn_megatron", "plan")));
}

}  // namespace
}  // namespace swy::moe
