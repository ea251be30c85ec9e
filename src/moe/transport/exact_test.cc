// The auctions against a linear programming solver (GLPK): maximise sum s_te x_te, each token once,
// each expert within its limit. The matrix is totally unimodular, so the relaxation's optimum is
// the assignment's. Own program, so that the module's test does not need the solver.
#include <glpk.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "moe/auction.h"
#include "moe/sinkhorn.h"
#include "moe/testing/golden.h"

namespace swy::moe {
namespace {

using testing::Table;

struct Delete {
  void operator()(glp_prob* p) const { glp_delete_prob(p); }
};

struct Exact {
  double value = 0;
  std::vector<double> price;  // of one more slot of an expert
};

// k choices per token. Limits are "at most".
Exact solve(Rows<const double> score, const std::vector<std::uint32_t>& limit, int k = 1) {
  const std::unique_ptr<glp_prob, Delete> lp(glp_create_prob());
  const int tokens = static_cast<int>(score.rows);
  const int experts = static_cast<int>(score.cols);
  glp_set_obj_dir(lp.get(), GLP_MAX);
  glp_add_rows(lp.get(), tokens + experts);
  for (int t = 1; t <= tokens; ++t) glp_set_row_bnds(lp.get(), t, GLP_FX, k, k);
  for (int e = 1; e <= experts; ++e)
    glp_set_row_bnds(lp.get(), tokens + e, GLP_UP, 0, limit[static_cast<std::size_t>(e - 1)]);
  glp_add_cols(lp.get(), tokens * experts);
  for (int t = 0; t < tokens; ++t)
    for (int e = 0; e < experts; ++e) {
      const int col = t * experts + e + 1;
      glp_set_col_bnds(lp.get(), col, GLP_DB, 0, 1);
      glp_set_obj_coef(lp.get(), col,
                       score.at(static_cast<std::size_t>(t), static_cast<std::size_t>(e)));
      const int row[] = {0, t + 1, tokens + e + 1};  // GLPK counts from 1
      const double one[] = {0, 1, 1};
      glp_set_mat_col(lp.get(), col, 2, row, one);
    }
  glp_smcp options;
  glp_init_smcp(&options);
  options.msg_lev = GLP_MSG_OFF;
  EXPECT_EQ(glp_simplex(lp.get(), &options), 0);
  EXPECT_EQ(glp_get_status(lp.get()), GLP_OPT);
  Exact out{glp_get_obj_val(lp.get()), {}};
  for (int e = 1; e <= experts; ++e) out.price.push_back(glp_get_row_dual(lp.get(), tokens + e));
  return out;
}

double sell(Rows<const double> score, const std::vector<std::uint32_t>& limit, double eps,
            std::vector<double>* price = nullptr) {
  std::size_t slots = 0;
  for (const std::uint32_t c : limit) slots += c;
  std::vector<AuctionSlot> slot(slots);
  std::vector<std::uint32_t> begin(limit.size() + 1);
  std::vector<std::uint32_t> waiting(score.rows);
  std::vector<std::uint32_t> owner(score.rows);
  std::vector<double> prices(limit.size());
  AuctionOutcome outcome;
  EXPECT_TRUE(
      slot_auction(score, limit, {.eps = eps}, {slot, begin, waiting}, {owner, prices, outcome})
          .ok());
  if (price != nullptr) *price = prices;
  return outcome.value;
}

TEST(Exact, AgreesWithTheWorkedExample) {
  const Table<double> f2(testing::kF2);
  EXPECT_NEAR(solve(f2.view(), {2, 2, 2}).value, 10.0, 1e-9);
}

TEST(Exact, OptimumIsReachedByTheSlotAuction) {
  const std::size_t n = std::max<std::size_t>(testing::random_cases() / 50, 1);
  double worst = 0;
  for (std::size_t c = 0; c < n; ++c) {
    base::Rng rng(141, c, 0);
    const std::size_t experts = 2 + rng.below(6);
    const std::size_t tokens = experts + rng.below(30);
    const auto score = testing::random_table(rng, tokens, experts);
    std::vector<std::uint32_t> limit(experts);
    for (std::size_t t = 0; t < tokens; ++t) ++limit[rng.below(experts)];
    for (std::size_t extra = rng.below(4); extra > 0; --extra) ++limit[rng.below(experts)];
    const double exact = solve(score.view(), limit).value;
    const double got = sell(score.view(), limit, 1e-4);
    ASSERT_LE(got, exact + 1e-9) << "case " << c;
    ASSERT_GE(got, exact - static_cast<double>(tokens) * 1e-4 - 1e-9) << "case " << c;
    worst = std::max(worst, (exact - got) / static_cast<double>(tokens));
  }
  RecordProperty("worst_gap_per_token_billionths", static_cast<int>(1e9 * worst));
}

// The price bounds what one more slot of an expert can add (weak duality), to the auction's eps.
TEST(Exact, OneMoreSlotIsWorthAtMostItsPrice) {
  for (std::size_t c = 0; c < 50; ++c) {
    base::Rng rng(142, c, 0);
    const auto score = testing::random_table(rng, 12, 3);
    const std::vector<std::uint32_t> limit = {4, 4, 5};  // one spare slot: prices are pinned at 0
    std::vector<double> price;
    sell(score.view(), limit, 1e-5, &price);
    const double base_value = solve(score.view(), limit).value;
    for (std::size_t e = 0; e < 3; ++e) {
      auto more = limit;
      ++more[e];
      const double worth = solve(score.view(), more).value - base_value;
      EXPECT_LE(worth, price[e] + 12e-5 + 1e-9) << "case " << c << ", expert " << e;
    }
  }
}

// The dual value at the prices that update() leaves: never below the optimum, equal at the best
// ones.
double dual(Rows<const double> score, int k, const std::vector<float>& bias) {
  const double each = static_cast<double>(score.rows) * k / static_cast<double>(score.cols);
  double sum = 0;
  std::vector<double> row(score.cols);
  for (std::size_t t = 0; t < score.rows; ++t) {
    for (std::size_t e = 0; e < row.size(); ++e)
      row[e] = score.at(t, e) + static_cast<double>(bias[e]);
    std::sort(row.begin(), row.end(), std::greater<>());
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) sum += row[i];
  }
  for (const float b : bias) sum -= each * static_cast<double>(b);
  return sum;
}

double dual_after_bip(Rows<const double> score, int k, bool midpoint) {
  const auto tokens = static_cast<std::uint32_t>(score.rows);
  const auto experts = static_cast<std::uint32_t>(score.cols);
  std::vector<float> z(score.data, score.data + score.rows * score.cols);
  Spec spec;
  spec.transform = Transform::kIdentity;
  spec.update = Update::kPrice;
  spec.k = static_cast<std::uint16_t>(k);
  spec.iters = 60;
  spec.midpoint = midpoint;
  spec.clip_nonneg = !midpoint;
  std::vector<float> bias(experts);
  State state;
  state.bias = bias;
  std::vector<std::byte> workspace(workspace_bytes(spec, {tokens, experts, spec.k}));
  std::vector<std::int32_t> expert(std::size_t{tokens} * spec.k, -1);
  std::vector<float> weight(expert.size());
  std::vector<std::uint32_t> demand(experts);
  Assignment none;
  none.kmax = spec.k;
  none.expert = expert;
  none.weight = weight;
  none.demand = demand;
  const Status s = update(spec, Scores::f32(z, tokens, experts), {}, none, state, workspace);
  EXPECT_TRUE(s.ok()) << s.what;
  return dual(score, k, bias);
}

TEST(Exact, BipNeverFallsBelowTheOptimumAndMidpointBipReachesIt) {
  const std::size_t n = std::max<std::size_t>(testing::random_cases() / 100, 1);
  std::size_t stalled = 0;
  for (std::size_t c = 0; c < n; ++c) {
    base::Rng rng(144, c, 0);
    const std::size_t experts = 2 + rng.below(4);
    const int k = static_cast<int>(1 + rng.below(experts - 1));
    auto score = Table<double>(experts * (1 + rng.below(5)), experts);
    for (double& v : score.data) v = rng.uniform();
    const std::vector<std::uint32_t> limit(
        experts, static_cast<std::uint32_t>(score.rows * static_cast<std::size_t>(k) / experts));
    const double exact = solve(score.view(), limit, k).value;
    const double published = dual_after_bip(score.view(), k, false);
    ASSERT_GE(published, exact - 1e-5) << "case " << c;
    stalled += published > exact + 1e-5 ? 1U : 0U;
    ASSERT_NEAR(dual_after_bip(score.view(), k, true), exact, 1e-4) << "case " << c;
  }
  EXPECT_GT(stalled, 0U);  // what the midpoint is for
  RecordProperty("published_stalled", static_cast<int>(stalled));
  RecordProperty("cases", static_cast<int>(n));
}

TEST(Exact, SinkhornApproachesTheOptimumAsXiFalls) {
  base::Rng rng(143, 0, 0);
  const auto score = testing::random_table(rng, 24, 4);
  const double exact = solve(score.view(), {6, 6, 6, 6}).value;
  double last = -1e300;
  for (const double xi : {1.0, .3, .1, .03}) {
    Table<double> plan(24, 4);
    std::vector<double> scratch(sinkhorn_scratch(24, 4));
    EXPECT_TRUE(sinkhorn_log(score.view(), {}, {}, {.xi = xi, .tolerance = 1e-9, .most = 20'000},
                             scratch, plan.view())
                    .ok());
    double value = 0;
    for (std::size_t i = 0; i < plan.data.size(); ++i) value += plan.data[i] * score.data[i];
    EXPECT_LE(value, exact + 1e-6);
    EXPECT_GE(value, last);
    EXPECT_GE(value, exact - xi * 24 * std::log(4.0) - 1e-6);  // the entropy's share at most
    last = value;
  }
}

}  // namespace
}  // namespace swy::moe
