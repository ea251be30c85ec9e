// Part L, 4 and 7, of the specification for the rules beside assign(): what the order of tokens and
// experts may change. SWY_CASES sets how many cases each gets.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "moe/auction.h"
#include "moe/balance_loss.h"
#include "moe/gradient.h"
#include "moe/locality_loss.h"
#include "moe/online_bip.h"
#include "moe/pool_rules.h"
#include "moe/router_loss.h"
#include "moe/routing_metrics.h"
#include "moe/score_edit.h"
#include "moe/sinkhorn.h"
#include "moe/state_routers.h"
#include "moe/testing/golden.h"
#include "moe/testing/lab.h"
#include "moe/testing/twice.h"
#include "moe/variable_count.h"

namespace swy::moe {
namespace {

using testing::expect_same;
using testing::floats;
using testing::Table;
using testing::Twice;
// f(table, chosen, grad) -> value: the value stays, the gradient turns along.
template <class F>
void expect_turns(Twice& two, const char* rule, std::size_t k, const F& f) {
  Table<double> da(two.a.rows, two.a.cols);
  Table<double> db = da;
  const auto chosen = two.choices(k);
  const double va = f(two.a.view(), chosen.view(), da.view());
  const double vb = f(two.b.view(), two.turned_choices(chosen).view(), db.view());
  EXPECT_NEAR(va, vb, 1e-12 * std::max(1.0, std::fabs(va))) << rule;
  expect_same(two.turned(da).data, db.data, 1e-12, rule);
}

void losses_turn(Twice& two) {
  using In = Rows<const double>;
  using Ids = Rows<const std::int32_t>;
  using Grad = Rows<double>;
  std::vector<double> scratch(2 * two.a.cols);
  expect_turns(two, "z_loss", 1,
               [](In z, Ids, Grad g) { return static_cast<double>(z_loss(z, 1, g)); });
  expect_turns(two, "relu_l1", 1,
               [](In z, Ids, Grad g) { return static_cast<double>(relu_l1(z, 1, g)); });
  two.as_probabilities();
  expect_turns(two, "balance_loss", 2, [&](In p, Ids id, Grad g) {
    const BalanceLayer layer{p, id, g};
    return static_cast<double>(balance_loss({&layer, 1}, 2, 1, scratch));
  });
  expect_turns(two, "kl_to_uniform", 1, [&](In p, Ids, Grad g) {
    return static_cast<double>(kl_to_uniform(p, 1, scratch, g));
  });
  expect_turns(two, "mean_entropy", 1,
               [](In p, Ids, Grad g) { return static_cast<double>(mean_entropy(p, 1.1, 1, g)); });
  expect_turns(two, "entropy_of_mean", 1, [&](In p, Ids, Grad g) {
    return static_cast<double>(entropy_of_mean(p, 1, 1, scratch, g));
  });
  expect_turns(two, "entropy_lock", 1,
               [](In p, Ids, Grad g) { return static_cast<double>(entropy_lock(p, 2, 1, g)); });
}

TEST(Properties, P4LossesDoNotSeeTheOrder) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(400, c, 0);
    Twice two(401, c, 1 + size.below(5), 2 + size.below(4));
    losses_turn(two);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

// Order matters to tokens here: experts alone are turned.
TEST(Properties, P4LossesOverConsecutiveTokensDoNotSeeTheOrderOfExperts) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(402, c, 0);
    Twice two(403, c, 2 + size.below(4), 2 + size.below(4));
    std::iota(two.token.begin(), two.token.end(), std::size_t{0});
    two.fill();
    using In = Rows<const double>;
    using Ids = Rows<const std::int32_t>;
    using Grad = Rows<double>;
    expect_turns(two, "activation_locality", 1, [](In z, Ids, Grad g) {
      return static_cast<double>(activation_locality(z, 3, true, 1, g));
    });
    two.as_probabilities();
    expect_turns(two, "chunk_loss", 1,
                 [](In p, Ids, Grad g) { return static_cast<double>(chunk_loss(p, 2, 1, g)); });
    if (HasFailure()) FAIL() << "case " << c;
  }
}

// Rules of one row: f(row) gives a row that turns along.
template <class F>
void expect_row_turns(const Twice& two, const char* rule, const F& f) {
  const auto row = two.a.view().row(0);
  const auto other = two.b.view().row(two.token[0]);
  const std::vector<double> a = f(row);
  expect_same(two.turned(a), f(other), 1e-9, rule);
}

void rows_turn(Twice& two) {
  const std::size_t n = two.a.cols;
  const std::vector<double> shared = {.3, -.2};
  expect_row_turns(two, "noisy_load", [&](auto z) {
    std::vector<double> load(n);
    const std::vector<double> sd(n, .7);
    EXPECT_TRUE(noisy_load(z, z, sd, 1, load).ok());
    return load;
  });
  expect_row_turns(two, "unimoe_weights", [&](auto z) {
    std::vector<double> scratch(n), w(n), always(2);
    std::vector<std::int32_t> id(n);
    EXPECT_TRUE(unimoe_weights({z, shared}, .7, .05, scratch, id, {w, always}).ok());
    return w;
  });
  expect_row_turns(two, "es_moe_route", [&](auto z) {
    std::vector<double> scratch(n), w(2), all(n);
    std::vector<std::int32_t> id(2);
    EXPECT_TRUE(es_moe_route(z, {}, nullptr, scratch, id, w).ok());
    for (std::size_t i = 0; i < 2; ++i) all[static_cast<std::size_t>(id[i])] = w[i];
    return all;
  });
  expect_row_turns(two, "renormalised_top_k of softmax", [&](auto z) {
    std::vector<double> p(n), w(2), all(n);
    std::vector<std::int32_t> id(2);
    softmax(z, p);
    EXPECT_TRUE(renormalised_top_k(p, id, w).ok());
    for (std::size_t i = 0; i < 2; ++i) all[static_cast<std::size_t>(id[i])] = w[i];
    return all;
  });
  expect_row_turns(two, "dynmole_weights", [&](auto z) {
    std::vector<double> p(n), w(n);
    softmax(z, p);
    EXPECT_TRUE(dynmole_weights(p, {}, w).ok());
    return w;
  });
  expect_row_turns(two, "sparsemixer_pick", [&](auto z) {
    std::vector<double> p(n);
    EXPECT_TRUE(sparsemixer_pick(z, {}, .05, nullptr, p).ok());
    return p;
  });
  expect_row_turns(two, "entropy_backward", [&](auto z) {
    std::vector<double> p(n), g(n);
    softmax(z, p);
    EXPECT_TRUE(entropy_backward(p, 1.1, 1, g).ok());
    return g;
  });
}

void more_rows_turn(Twice& two) {
  const std::size_t n = two.a.cols;
  expect_row_turns(two, "straight_through", [&](auto z) {
    std::vector<double> p(n), dz(n);
    softmax(z, p);
    EXPECT_TRUE(straight_through(p, z, dz).ok());
    return dz;
  });
  expect_row_turns(two, "log_probability_in_order", [&](auto z) {
    std::vector<double> dz(n);
    std::vector<std::int32_t> id(2);
    largest(z, id);
    EXPECT_TRUE(log_probability_in_order(z, id, 1, dz).ok());
    return dz;
  });
  expect_row_turns(two, "cv_squared", [&](auto z) {
    std::vector<double> x(z.begin(), z.end()), g(n);
    for (double& v : x) v = 1 + std::fabs(v);
    EXPECT_TRUE(cv_squared(x, Variance::kSample, 1, g).ok());
    return g;
  });
  expect_row_turns(two, "steer_softly", [&](auto z) {
    std::vector<float> x(z.begin(), z.end());
    std::vector<std::uint64_t> allowed(1);
    for (std::size_t j = 0; j < n; ++j) allowed[0] |= std::uint64_t{z[j] > 0} << j;
    EXPECT_TRUE(steer_softly(allowed, .5, x).ok());
    return std::vector<double>(x.begin(), x.end());
  });
  expect_row_turns(two, "online_bip", [&](auto z) {
    std::vector<double> price(n), margin(2 * n);
    std::vector<std::uint32_t> held(n), limit(n, 1);
    std::int32_t one = -1;
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(online_bip(z, 1, {price, held, margin, limit}, {&one, 1}).ok());
    return price;
  });
}

TEST(Properties, P4RulesOfOneTokenTurnWithTheirExperts) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(404, c, 0);
    Twice two(405, c, 1, 2 + size.below(5));
    rows_turn(two);
    more_rows_turn(two);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

void expect_table_turns(const Twice& two, const Table<double>& a, const Table<double>& b,
                        double tolerance, const char* rule) {
  expect_same(two.turned(a).data, b.data, tolerance, rule);
}

TEST(Properties, P4RulesOfABatchTurnWithIt) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(406, c, 0);
    const std::size_t experts = 2 + size.below(3);
    const std::size_t tokens = experts * (1 + size.below(2));
    Twice two(407, c, tokens, experts);
    std::vector<double> scratch(sinkhorn_scratch(tokens, experts));
    Table<double> a(tokens, experts);
    Table<double> b = a;
    EXPECT_TRUE(sinkhorn_log(two.a.view(), {}, {}, {.most = 20}, scratch, a.view()).ok());
    EXPECT_TRUE(sinkhorn_log(two.b.view(), {}, {}, {.most = 20}, scratch, b.view()).ok());
    expect_table_turns(two, a, b, 1e-9, "sinkhorn_log");
    EXPECT_TRUE(sinkhorn_megatron(two.a.view(), 0, 20, scratch, a.view()).ok());
    EXPECT_TRUE(sinkhorn_megatron(two.b.view(), 0, 20, scratch, b.view()).ok());
    expect_table_turns(two, a, b, 1e-9, "sinkhorn_megatron");
    two.as_probabilities();
    EXPECT_TRUE(union_gate(two.a.view(), 2, 3, scratch, a.view()).ok());
    EXPECT_TRUE(union_gate(two.b.view(), 2, 3, scratch, b.view()).ok());
    expect_table_turns(two, a, b, 1e-9, "union_gate");
    std::vector<double> w(experts), v(experts);
    if (tokens > 1) {
      EXPECT_TRUE(uncertainty_weights(two.a.view(), w).ok());
      EXPECT_TRUE(uncertainty_weights(two.b.view(), v).ok());
      expect_same(two.turned(w), v, 1e-9, "uncertainty_weights");
    }
    std::vector<std::uint32_t> order(tokens);
    a = two.a;
    b = two.b;
    EXPECT_TRUE(unimoe_drop(a.view(), two.a.view(), 1, order).ok());
    EXPECT_TRUE(unimoe_drop(b.view(), two.b.view(), 1, order).ok());
    expect_table_turns(two, a, b, 1e-9, "unimoe_drop");
    if (HasFailure()) FAIL() << "case " << c;
  }
}

double sold(Rows<const double> score, std::span<const std::uint32_t> limit, double eps) {
  std::vector<AuctionSlot> slots(std::accumulate(limit.begin(), limit.end(), std::size_t{0}));
  std::vector<std::uint32_t> begin(score.cols + 1), waiting(score.rows), owner(score.rows);
  std::vector<double> price(score.cols);
  AuctionOutcome out;
  EXPECT_TRUE(
      slot_auction(score, limit, {.eps = eps}, {slots, begin, waiting}, {owner, price, out}).ok());
  return out.value;
}

bool is_partition_by_rounds(Rows<const double> score) {
  const std::size_t n = score.rows;
  std::vector<double> cost(n), bid(n);
  std::vector<std::int32_t> bidder(n), holder(n);
  std::vector<std::uint32_t> order(n), taken(n);
  BaseOutcome out;
  EXPECT_TRUE(base_auction(score, {}, {cost, bid, bidder, holder, order}, taken, out).ok());
  std::sort(taken.begin(), taken.end());
  for (std::uint32_t t = 0; t < n; ++t) EXPECT_EQ(taken[t], t);
  return out.partition;
}

// Auctions settle ties of their own making by order, so that it is the value that stays.
TEST(Properties, P4P7AuctionsSellForTheSameInAnyOrderAndBaseIsAPartition) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(408, c, 0);
    const std::size_t experts = 2 + size.below(3);
    const std::size_t tokens = experts * (1 + size.below(3));
    const Twice two(409, c, tokens, experts);
    std::vector<std::uint32_t> limit(experts);
    for (std::size_t t = 0; t < tokens; ++t) ++limit[size.below(experts)];
    const double eps = 1e-3;
    EXPECT_NEAR(sold(two.a.view(), limit, eps), sold(two.b.view(), two.turned(limit), eps),
                static_cast<double>(tokens) * eps + 1e-9);
    EXPECT_TRUE(is_partition_by_rounds(two.a.view()));
    EXPECT_TRUE(is_partition_by_rounds(two.b.view()));
    if (HasFailure()) FAIL() << "case " << c;
  }
}

void mixing_turns(const Twice& two) {
  const std::size_t tokens = two.a.rows;
  Table<float> share(tokens, tokens);
  Table<float> other = share;
  const auto x = floats(two.a);
  const auto y = floats(two.b);
  EXPECT_TRUE(similarity_share(x.view(), 1, false, share.view()).ok());
  EXPECT_TRUE(similarity_share(y.view(), 1, false, other.view()).ok());
  for (std::size_t i = 0; i < tokens; ++i)
    for (std::size_t j = 0; j < tokens; ++j)
      EXPECT_NEAR(share.at(i, j), other.at(two.token[i], two.token[j]), 1e-5);
  Table<float> a(tokens, two.a.cols);
  Table<float> b = a;
  EXPECT_TRUE(mix_scores(share.view(), x.view(), a.view()).ok());
  EXPECT_TRUE(mix_scores(other.view(), y.view(), b.view()).ok());
  expect_same(two.turned(a).data, b.data, 1e-4, "mix_scores");
}

// Rows of centroids are experts here, columns dimensions: tokens and experts are turned.
void clusters_turn(Twice& two) {
  const std::size_t tokens = two.a.rows;
  const std::size_t experts = two.a.cols;
  constexpr std::size_t kDims = 3;
  Table<float> x(tokens, kDims), y(tokens, kDims), m(experts, kDims), n(experts, kDims);
  for (std::size_t d = 0; d < kDims; ++d) {
    for (std::size_t t = 0; t < tokens; ++t)
      x.at(t, d) = y.at(two.token[t], d) = static_cast<float>(normal(two.rng));
    for (std::size_t e = 0; e < experts; ++e)
      m.at(e, d) = n.at(two.expert[e], d) = static_cast<float>(normal(two.rng));
  }
  const auto chosen = two.choices(1);
  std::vector<double> scratch(experts * (kDims + 1));
  EXPECT_TRUE(kmeans_update(x.view(), chosen.view(), .1, scratch, m.view()).ok());
  EXPECT_TRUE(
      kmeans_update(y.view(), two.turned_choices(chosen).view(), .1, scratch, n.view()).ok());
  EXPECT_TRUE(cluster_step(x.view(), .9, scratch, m.view()).ok());
  EXPECT_TRUE(cluster_step(y.view(), .9, scratch, n.view()).ok());
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t d = 0; d < kDims; ++d) EXPECT_NEAR(m.at(e, d), n.at(two.expert[e], d), 1e-5);
}

void metrics_turn(Twice& two) {
  const auto a = two.choices(2);
  auto b = a;
  for (std::int32_t& e : b.data)
    if (two.rng.below(3) == 0) e = -1;
  const auto x = two.turned_choices(a);
  const auto y = two.turned_choices(b);
  const RoutingAgreement p = routing_agreement(a.view(), b.view());
  const RoutingAgreement q = routing_agreement(x.view(), y.view());
  EXPECT_NEAR(p.jaccard, q.jaccard, 1e-12);
  EXPECT_NEAR(p.churn, q.churn, 1e-12);
  EXPECT_NEAR(p.first, q.first, 1e-12);
  Table<std::uint32_t> counts(two.a.rows, two.a.cols);
  for (std::uint32_t& n : counts.data) n = static_cast<std::uint32_t>(two.rng.below(9));
  EXPECT_NEAR(context_independence(counts.view()), context_independence(two.turned(counts).view()),
              1e-12);
}

TEST(Properties, P4MixingClustersAndMetricsTurnWithTheirTables) {
  for (std::uint64_t c = 0; c < testing::cases(); ++c) {
    base::Rng size(410, c, 0);
    Twice two(411, c, 1 + size.below(5), 2 + size.below(4));
    two.as_floats();
    mixing_turns(two);
    clusters_turn(two);
    metrics_turn(two);
    if (HasFailure()) FAIL() << "case " << c;
  }
}

}  // namespace
}  // namespace swy::moe
