// budget_route and the assignment library are one rule: the choice of a request is moe::assign's
// top 1 of quality - lambda cost with the load prices as bias, and `balance` is moe::update's
// proportional loss-free bias.
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "base/rng.h"
#include "route/testing/beliefs_lab.h"
#include "switchyard/moe.h"

namespace swy::route::testing {
namespace {

constexpr std::size_t kModels = 4;  // PolicyLab's

// One batch of one request, and the state that outlives it.
struct Tensor {
  explicit Tensor(moe::Spec s) : spec(s), bias(kModels, 0.0F), demand(kModels), scratch(1U << 16U) {
    state.bias = bias;
    out.kmax = 1;
    out.expert = expert;
    out.weight = weight;
    out.demand = demand;
  }
  int assign(const std::vector<float>& quality, std::span<const float> cost, double lambda) {
    ctx.cost = cost;
    ctx.lambda = static_cast<float>(lambda);
    scores = moe::Scores::f32(quality, 1, kModels);
    EXPECT_TRUE(moe::assign(spec, scores, ctx, state, out, scratch).ok());
    return expert[0];
  }
  void update() { EXPECT_TRUE(moe::update(spec, scores, ctx, out, state, scratch).ok()); }

  moe::Spec spec;
  std::vector<float> bias;
  std::vector<std::uint32_t> demand;
  std::vector<std::byte> scratch;
  std::vector<std::int32_t> expert = std::vector<std::int32_t>(1);
  std::vector<float> weight = std::vector<float>(1);
  moe::Scores scores;
  moe::Ctx ctx;
  moe::State state;
  moe::Assignment out;
};

moe::Spec top_one() {
  moe::Spec spec;
  spec.transform = moe::Transform::kIdentity;
  spec.k = 1;
  spec.weigh = moe::Weigh::kRaw;
  return spec;
}

struct Request {
  std::vector<Belief> beliefs;
  std::vector<float> quality, cost;  // USD
};

Request random_request(base::Rng& rng) {
  Request r;
  for (std::size_t m = 0; m < kModels; ++m) {
    r.quality.push_back(static_cast<float>(rng.uniform()));
    r.cost.push_back(static_cast<float>(.02 * rng.uniform()));
    r.beliefs.push_back(
        belief(static_cast<double>(r.quality[m]), 1e6 * static_cast<double>(r.cost[m])));
  }
  return r;
}

TEST(BudgetRoute, ChoosesAsTheKernelsDoAtItsPrice) {
  base::Rng rng(5, 0, 0);
  PolicyLab lab("{ type: budget_route, budget: 0.005, step: 0.05 }");
  std::vector<double> account = lab.policy().open_account(kModels);
  Tensor tensor(top_one());
  double dearest = 0;
  for (int i = 0; i < 10000; ++i) {
    const Request r = random_request(rng);
    dearest = std::max(dearest, account[0]);
    const int chosen = lab.weigh(r.beliefs, {}, {}, kNoExpert, {}, account).only();
    ASSERT_EQ(chosen, tensor.assign(r.quality, r.cost, account[0])) << i;
    const auto at = static_cast<std::size_t>(chosen);
    lab.policy().settle({at, r.beliefs[at].cost_micro, static_cast<double>(i)}, account);
  }
  EXPECT_GT(dearest, 1);  // the price had a say
}

TEST(BudgetRoute, BalancesAsTheLossFreeBiasDoes) {
  base::Rng rng(6, 0, 0);
  PolicyLab lab(
      "{ type: budget_route, shares: { m0: 0.25, m1: 0.25, m2: 0.25, m3: 0.25 }, load_step: 0.01, "
      "balance: true }");
  std::vector<double> account = lab.policy().open_account(kModels);
  moe::Spec spec = top_one();
  spec.update = moe::Update::kBiasProp;
  spec.rate = .01F;
  Tensor tensor(spec);
  std::vector<int> load(kModels);
  for (int i = 0; i < 10000; ++i) {
    Request r = random_request(rng);
    r.beliefs[0].quality += .5;  // everybody would take it
    r.quality[0] += .5F;
    const int chosen = lab.weigh(r.beliefs, {}, {}, kNoExpert, {}, account).only();
    ASSERT_EQ(chosen, tensor.assign(r.quality, {}, 0)) << i;
    const auto at = static_cast<std::size_t>(chosen);
    ++load[at];
    lab.policy().settle({at, r.beliefs[at].cost_micro, static_cast<double>(i)}, account);
    tensor.update();
    for (std::size_t m = 0; m < kModels; ++m)
      ASSERT_NEAR(account[account.size() - kModels + m], -static_cast<double>(tensor.bias[m]),
                  1e-4);
  }
  for (const int n : load) EXPECT_NEAR(n, 2500, 150);
}

}  // namespace
}  // namespace swy::route::testing
