#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/rng.h"
#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

constexpr double kMicro = 1e6;

// A lab whose choices are settled at their expected cost, a second apart.
struct Traffic {
  explicit Traffic(const std::string& policy, std::size_t candidates = kLabModels)
      : lab(policy), account(lab.policy().open_account(candidates)) {}

  int next(const std::vector<Belief>& beliefs, double cost_usd = kUnknownNumber,
           double seconds = 1) {
    now += seconds;
    const int chosen = lab.weigh(beliefs, {}, {}, kNoExpert, {}, account).only();
    const auto at = static_cast<std::size_t>(chosen);
    lab.policy().settle(
        {at, std::isnan(cost_usd) ? beliefs[at].cost_micro : cost_usd * kMicro, now}, account);
    spent += std::isnan(cost_usd) ? beliefs[at].cost_micro / kMicro : cost_usd;
    return chosen;
  }
  PolicyLab lab;
  std::vector<double> account;
  double now = 100, spent = 0;
};

// moe-assignment.md section 1, L_budget.
TEST(BudgetRoute, GivesTheKnownAnswer) {
  Traffic t("{ type: budget_route, budget: 0.5, step: 0.5, unit: 1 }", 2);
  constexpr std::array kQuality = {std::array{.9, .6}, std::array{.8, .7}, std::array{.85, .5},
                                   std::array{.6, .55}};
  constexpr std::array kChosen = {0, 1, 0, 1};
  constexpr std::array kPrice = {.25, .10, .35, .20};
  for (std::size_t i = 0; i < kQuality.size(); ++i) {
    EXPECT_EQ(t.next({belief(kQuality[i][0], kMicro), belief(kQuality[i][1], .2 * kMicro)}),
              kChosen[i]);
    EXPECT_NEAR(t.account[0], kPrice[i], 1e-12) << i;
  }
  EXPECT_NEAR(t.spent - 4 * .5, t.account[0] / .5, 1e-12);  // average .6: .1 above
}

// The identity of section 1 on random traffic: what is spent above the budget is the last price
// over the step, less what cutting at 0 threw away; so it is never more than that.
TEST(BudgetRoute, NeverSpendsMoreThanItsPriceSays) {
  base::Rng rng(3, 1, 4);
  for (int run = 0; run < 200; ++run) {
    const double budget = .001 * (1 + 9 * rng.uniform());
    const double step = std::pow(10, -3 + 3 * rng.uniform());
    Traffic t("{ type: budget_route, budget: " + std::to_string(budget) +
              ", step: " + std::to_string(step) + ", unit: 0.01 }");
    const double used = std::stod(std::to_string(step)) / 1e-4;
    double thrown = 0;
    const int n = 50 + static_cast<int>(rng.below(200));
    const double held = std::stod(std::to_string(budget));
    for (int i = 0; i < n; ++i) {
      std::vector<Belief> beliefs;
      for (int m = 0; m < 4; ++m)
        beliefs.push_back(belief(rng.uniform(), kMicro * .02 * rng.uniform()));
      const double before = t.account[0];
      const double spent = t.spent;
      t.next(beliefs);
      const double wanted = before + used * (t.spent - spent - held);
      thrown += t.account[0] - wanted;
    }
    EXPECT_GE(thrown, -1e-9);
    EXPECT_NEAR(t.spent - n * held, (t.account[0] - thrown) / used, 1e-9 * (1 + t.spent));
    EXPECT_LE(t.spent, n * held + t.account[0] / used + 1e-9);
  }
}

TEST(BudgetRoute, FindsThePriceOfSteadyTraffic) {
  // Worth paying for on half of the questions, and the budget buys half: any price between .01 / .9
  // and .3 / .9 a thousandth of a USD.
  Traffic t("{ type: budget_route, budget: 0.00055, step: 0.001 }");
  int dear = 0;
  for (int i = 0; i < 2000; ++i) {
    const double gain = i % 2 == 0 ? .3 : .01;
    dear += t.next({belief(.5, 100), belief(.5 + gain, 1000)});
  }
  EXPECT_NEAR(dear, 1000, 30);
  EXPECT_NEAR(t.spent / 2000, .00055, .00001);
  EXPECT_GT(t.account[0], .01 / .0009 - 2);  // a request moves it by 1.5
  EXPECT_LT(t.account[0], .3 / .0009);
}

TEST(BudgetRoute, KeepsAPaceOfTime) {
  // 3.6 USD an hour at 1 request a second are a thousandth a request, at two a second half of it.
  for (const double seconds : {1.0, .5}) {
    Traffic t("{ type: budget_route, pace: 3.6, unit: 0.001 }");
    for (int i = 0; i < 4000; ++i)
      t.next({belief(.5, 100), belief(.5 + .001 * (i % 100), 2000)}, kUnknownNumber, seconds);
    EXPECT_NEAR(t.spent / (4000 * seconds), .001, .00003) << seconds;
  }
}

TEST(BudgetRoute, KeepsSharesAndRates) {
  Traffic shares("{ type: budget_route, shares: { m1: 0.25 } }");
  Traffic rates("{ type: budget_route, rates: { m1: 0.5 } }");
  int by_share = 0, by_rate = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::vector<Belief> beliefs{belief(.5), belief(.5 + .002 * (i % 100))};
    by_share += shares.next(beliefs);
    by_rate += rates.next(beliefs, kUnknownNumber, .5);  // half a request a second: every fourth
  }
  EXPECT_NEAR(by_share, 1000, 25);
  EXPECT_NEAR(by_rate, 1000, 25);
  EXPECT_EQ(shares.account[2], 0) << "m0 is not limited";
}

TEST(BudgetRoute, ALimitThatIsNotReachedCostsNothing) {
  Traffic t("{ type: budget_route, budget: 1, shares: { m1: 0.9 } }");
  for (int i = 0; i < 100; ++i) t.next({belief(i % 2 == 0 ? .9 : .5, 10), belief(.7, 10)});
  EXPECT_EQ(t.account[0], 0);
  EXPECT_NEAR(t.account[3], 0, .02);
}

TEST(BudgetRoute, BalanceBringsWorkToTheIdle) {
  const char* even = "{ type: budget_route, shares: { m0: 0.5, m1: 0.5 }, balance: true }";
  Traffic t(even);
  int second = 0;
  for (int i = 0; i < 4000; ++i)
    second += t.next({belief(.6), belief(.5 + .0005 * (i % 100))});  // m0 is always better
  EXPECT_NEAR(second, 2000, 50);
  EXPECT_LT(t.account[3], 0);
}

TEST(BudgetRoute, WhatIsNotKnownMovesNoPrice) {
  Traffic t("{ type: budget_route, budget: 0.001, price: 3 }");
  t.next({belief(.5), belief(.6)});
  EXPECT_EQ(t.account[0], 3);
  PolicyLab lab("{ type: budget_route, budget: 0.001, price: 100 }");
  EXPECT_EQ(lab.weigh({belief(.5, 100), belief(.55, 1000)}).only(), 0) << "opens at its price";
  EXPECT_EQ(lab.weigh({belief(.5, 1000), belief(.55)}).only(), 1) << "unknown is the worst known";
}

// Against plain arithmetic: whoever it chooses is worth as much as the best, to a float's
// precision, and of equals it is the cheapest.
TEST(BudgetRoute, ChoosesTheBestThatIsNotMasked) {
  base::Rng rng(9, 1, 4);
  PolicyLab lab("{ type: budget_route, budget: 0.005, shares: { m0: 0.1 } }");
  int ties = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::size_t n = 1 + rng.below(kLabModels);
    std::vector<Belief> beliefs;
    std::vector<bool> masked;
    std::vector<double> account{100 * rng.uniform() * static_cast<double>(rng.below(2)), 0};
    for (std::size_t m = 0; m < n; ++m) {
      const double cost = rng.below(8) == 0 ? kUnknownNumber : .02 * kMicro * rng.uniform();
      beliefs.push_back(belief(
          rng.below(8) == 0 ? kUnknownNumber : .1 * static_cast<double>(rng.below(10)), cost));
      masked.push_back(rng.below(4) == 0);
      account.push_back(rng.below(2) == 0 ? 0 : rng.uniform());
    }
    masked[rng.below(n)] = false;
    const Weighed w = lab.weigh(beliefs, masked, {}, kNoExpert, {}, account);
    const auto chosen = static_cast<std::size_t>(w.only());
    ASSERT_FALSE(masked[chosen]);
    for (std::size_t m = 0; m < n; ++m) {
      if (masked[m] || std::isnan(beliefs[m].quality)) continue;
      ASSERT_GE(w.score[chosen], w.score[m] - 1e-6) << i;
      if (m == chosen || w.score[chosen] != w.score[m] || account[0] > 0) continue;
      ++ties;
      EXPECT_FALSE(beliefs[m].cost_micro < beliefs[chosen].cost_micro) << i;
    }
  }
  EXPECT_GT(ties, 100);
}

TEST(BudgetRoute, SaysWhatIsWrongWithItsOptions) {
  const auto has = [](const char* policy, const char* finding) {
    const std::string found = PolicyLab::findings(policy);
    EXPECT_NE(found.find(finding), std::string::npos) << policy << ": " << found;
  };
  has("budget_route", "say what is limited");
  has("{ type: budget_route, budget: 1, pace: 1 }", "either budget or pace");
  has("{ type: budget_route, pace: 1 }", "say in unit what a request costs about");
  has("{ type: budget_route, budget: 0 }", "with a budget of 0");
  has("{ type: budget_route, shares: { m9: 1 } }", "there is no model 'm9'");
  has("{ type: budget_route, rates: { m1: -1 } }", "'m1' must be 0 or more");
  has("{ type: budget_route, rates: { m1: 1 }, shares: { m1: 1 } }", "either a share or a rate");
}

}  // namespace
}  // namespace swy::route::testing
