// Every rule as a call on memory whose every argument has a name: what the tests of bad input run.
// When to use: in tests only. A new function on a face of this module gets its call here, in
// kRules. Threading: none. Ownership: Memory owns what it hands out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "moe/auction.h"
#include "moe/balance_loss.h"
#include "moe/gradient.h"
#include "moe/locality_loss.h"
#include "moe/online_bip.h"
#include "moe/pipeline_plan.h"
#include "moe/placement.h"
#include "moe/pool_rules.h"
#include "moe/router_loss.h"
#include "moe/routing_metrics.h"
#include "moe/score_edit.h"
#include "moe/sinkhorn.h"
#include "moe/state_routers.h"
#include "moe/testing/golden.h"
#include "moe/variable_count.h"

namespace swy::moe::testing {

inline constexpr double kInf = std::numeric_limits<double>::infinity();

enum class Fill { kNormal, kEqual, kDenormal, kHuge, kNan, kNever, kSome };
inline constexpr Fill kFills[] = {Fill::kNormal, Fill::kEqual, Fill::kDenormal, Fill::kHuge,
                                  Fill::kNan,    Fill::kNever, Fill::kSome};

struct Case {
  std::size_t tokens = 6, experts = 5, k = 2;
  Fill fill = Fill::kNormal;
  std::size_t gap = 0;              // between rows
  std::string_view too_short = {};  // the argument that lacks its last element
};

// The memory of one call. Allocations are exact, so that an address checker sees any step beyond.
class Memory {
 public:
  explicit Memory(const Case& c) : of(c) {}

  template <class T>
  std::span<T> span(const char* name, std::size_t n) {
    names.emplace_back(name);
    if (name == of.too_short && n > 0) --n;
    auto& v = std::get<std::deque<std::vector<T>>>(store_).emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = value<T>(i);
    return v;
  }
  template <class T>
  Rows<T> table(const char* name, std::size_t rows, std::size_t cols) {
    const std::size_t ld = cols + of.gap;
    return {span<T>(name, rows == 0 ? 0 : (rows - 1) * ld + cols), rows, cols, ld};
  }
  template <class T = double>
  Rows<T> scores(const char* name) {
    return table<T>(name, of.tokens, of.experts);
  }
  std::span<double> doubles(const char* name, std::size_t n) { return span<double>(name, n); }
  std::span<std::int32_t> ids(const char* name, std::size_t n) {
    return chosen_ = span<std::int32_t>(name, n);
  }
  // Distinct experts from 0 on.
  std::span<std::int32_t> first_ids(const char* name, std::size_t n) {
    const auto id = ids(name, n);
    std::iota(id.begin(), id.end(), 0);
    return id;
  }
  Rows<const std::int32_t> choices(const char* name) {
    return table<std::int32_t>(name, of.tokens, std::min<std::size_t>(of.k, 3));
  }
  [[nodiscard]] bool choices_exist() const {
    return std::all_of(chosen_.begin(), chosen_.end(), [&](std::int32_t e) {
      return e < 0 || static_cast<std::size_t>(e) < of.experts;
    });
  }

  const Case of;
  std::vector<std::string> names;

 private:
  template <class T>
  T value(std::size_t i) {
    if constexpr (std::is_floating_point_v<T>) {
      switch (of.fill) {
        case Fill::kNormal:
          return static_cast<T>(normal(rng_));
        case Fill::kEqual:
          return T(.25);
        case Fill::kDenormal:
          return std::numeric_limits<T>::denorm_min() * static_cast<T>(i % 3);
        case Fill::kHuge:
          return (i % 2 == 0 ? 1 : -1) * std::numeric_limits<T>::max();
        case Fill::kNan:
          return std::numeric_limits<T>::quiet_NaN();
        case Fill::kNever:
          return static_cast<T>(-kInf);
        case Fill::kSome:
          return static_cast<T>(i % 3 == 0 ? -kInf : i % 3 == 1 ? kInf : normal(rng_));
      }
    }
    if constexpr (std::is_same_v<T, std::int32_t>)
      return of.experts == 0 || i % 5 == 4 ? -1 : static_cast<T>(i * 7 % of.experts);
    return T(1);
  }

  template <class... T>
  using Store = std::tuple<std::deque<std::vector<T>>...>;
  Store<double, float, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, AuctionSlot,
        ExpertSlice>
      store_;
  std::span<std::int32_t> chosen_;
  base::Rng rng_{160, 0, 0};
};

inline std::span<const std::uint32_t> sequences(Memory& m) {
  const auto begin = m.span<std::uint32_t>("no begin is too short", 3);
  begin[0] = 0;
  begin[1] = static_cast<std::uint32_t>(m.of.tokens / 2);
  begin[2] = static_cast<std::uint32_t>(m.of.tokens);
  return begin;
}

struct Rule {
  const char* name;
  Status (*call)(Memory& m);
  bool square = false;  // memory grows with experts^2
};

// --- Assignment of a batch.
inline Status call_slot_auction(Memory& m) {
  const auto score = m.scores("score");
  const std::size_t each = m.of.experts == 0 ? 1 : (m.of.tokens + m.of.experts - 1) / m.of.experts;
  const auto limit = m.span<std::uint32_t>("limit", m.of.experts);
  std::fill(limit.begin(), limit.end(), static_cast<std::uint32_t>(each));
  AuctionOutcome out;
  return slot_auction(
      score, limit, {.most_bids = 10'000},
      {m.span<AuctionSlot>("memory.slots", each * m.of.experts),
       m.span<std::uint32_t>("memory.slot_begin", m.of.experts + 1),
       m.span<std::uint32_t>("memory.waiting", m.of.tokens)},
      {m.span<std::uint32_t>("owner", m.of.tokens), m.doubles("price", m.of.experts), out});
}
inline Status call_base_auction(Memory& m) {
  // The experts must divide the tokens.
  const std::size_t t =
      std::max<std::size_t>(m.of.tokens / std::max<std::size_t>(m.of.experts, 1), 1) * m.of.experts;
  const auto score = m.table<double>("score", m.of.tokens == 0 ? 0 : t, m.of.experts);
  BaseOutcome out;
  return base_auction(score, {},
                      {m.doubles("memory.cost", score.rows), m.doubles("memory.bid", score.rows),
                       m.span<std::int32_t>("memory.bidder", score.rows),
                       m.span<std::int32_t>("memory.holder", score.rows),
                       m.span<std::uint32_t>("memory.order", score.rows)},
                      m.span<std::uint32_t>("taken", score.rows), out);
}
inline Status call_sinkhorn_log(Memory& m) {
  const auto score = m.scores("score");
  const auto rows = m.doubles("row_mass", m.of.tokens);
  const auto cols = m.doubles("col_mass", m.of.experts);
  std::fill(rows.begin(), rows.end(), 1.0);
  std::fill(cols.begin(), cols.end(), 1.0);
  return sinkhorn_log(score, rows, cols, {.most = 5},
                      m.doubles("scratch", sinkhorn_scratch(m.of.tokens, m.of.experts)),
                      m.scores("plan"))
      .status;
}
inline Status call_sinkhorn(Memory& m) {
  const auto score = m.scores<float>("score");
  const auto rows = m.span<float>("row_mass", m.of.tokens);
  const auto cols = m.span<float>("col_mass", m.of.experts);
  std::fill(rows.begin(), rows.end(), 1.0F);
  std::fill(cols.begin(), cols.end(), 1.0F);
  return sinkhorn(math::best_kernels(), score, rows, cols, {.most = 5},
                  m.span<float>("scratch", sinkhorn_scratch(m.of.tokens, m.of.experts)),
                  m.scores<float>("plan"))
      .status;
}
inline Status call_sinkhorn_megatron(Memory& m) {
  return sinkhorn_megatron(m.scores("logits"), 1e-4, 5,
                           m.doubles("scratch", sinkhorn_scratch(m.of.tokens, m.of.experts)),
                           m.scores("plan"))
      .status;
}
inline Status call_selective_sinkhorn(Memory& m) {
  return selective_sinkhorn(
             m.scores("logits"), {.probability = .5, .sinkhorn = {.most = 5}}, 1, m.of.tokens,
             m.doubles("scratch", sinkhorn_scratch(m.of.tokens, m.of.experts)), m.scores("score"))
      .status;
}
inline Status call_renormalised_top_k(Memory& m) {
  const auto row = m.doubles("no row is too short", m.of.experts);
  const auto id = m.ids("no id is too short", m.of.k);
  return renormalised_top_k(row, id, m.doubles("weight", m.of.k));
}

inline Status call_online_bip(Memory& m) {
  const std::size_t e = m.of.experts;
  const auto score = m.doubles("no score is too short", e);
  const auto limit = m.span<std::uint32_t>("state.limit", e);
  const auto held = m.span<std::uint32_t>("state.held", e);
  std::fill(held.begin(), held.end(), 0U);
  const OnlineBip state{m.doubles("state.price", e), held, m.doubles("state.margin", 2 * e), limit};
  const auto id = m.ids("no id is too short", m.of.k);
  for (int token = 0; token < 3; ++token)
    if (const Status s = online_bip(score, 2, state, id); !s.ok()) return s;
  return {};
}

// --- Losses.
inline BalanceLayer layer(Memory& m) {
  return {m.scores("p"), m.choices("chosen"), m.scores("grad")};
}
inline Status call_balance_loss(Memory& m) {
  const BalanceLayer one = layer(m);
  return balance_loss({&one, 1}, one.chosen.cols, 1, m.doubles("scratch", 2 * m.of.experts)).status;
}
inline Status call_sequence_balance_loss(Memory& m) {
  const BalanceLayer one = layer(m);
  return sequence_balance_loss(one, sequences(m), one.chosen.cols, 1,
                               m.doubles("scratch", 2 * m.of.experts))
      .status;
}
inline Status call_cv_squared(Memory& m) {
  return cv_squared(m.doubles("no x is too short", m.of.experts), Variance::kSample, 1,
                    m.doubles("grad", m.of.experts))
      .status;
}
inline Status call_z_loss(Memory& m) {
  return z_loss(m.scores("logits"), 1, m.scores("grad")).status;
}
inline Status call_kl_to_uniform(Memory& m) {
  return kl_to_uniform(m.scores("p"), 1, m.doubles("scratch", m.of.experts), m.scores("grad"))
      .status;
}
inline Status call_noisy_load(Memory& m) {
  const std::size_t e = m.of.experts;
  return noisy_load(m.doubles("clean", e), m.doubles("no noisy is too short", e),
                    m.doubles("sd", e), m.of.k, m.doubles("load", e));
}
inline Status call_noisy_load_backward(Memory& m) {
  const std::size_t e = m.of.experts;
  return noisy_load_backward(
      m.doubles("clean", e), m.doubles("no noisy is too short", e), m.doubles("sd", e), m.of.k,
      m.doubles("dload", e),
      {m.doubles("grad.clean", e), m.doubles("grad.noisy", e), m.doubles("grad.sd", e)});
}
inline Status call_chunk_loss(Memory& m) {
  return chunk_loss(m.scores("p"), 2, 1, m.scores("grad")).status;
}
inline Status call_activation_locality(Memory& m) {
  return activation_locality(m.scores("z"), 100, true, 1, m.scores("grad")).status;
}
inline Status call_relu_l1(Memory& m) { return relu_l1(m.scores("z"), 1, m.scores("grad")).status; }
inline Status call_entropy_backward(Memory& m) {
  return entropy_backward(m.doubles("no p is too short", m.of.experts), 1.1, 1,
                          m.doubles("grad", m.of.experts));
}
inline Status call_mean_entropy(Memory& m) {
  return mean_entropy(m.scores("p"), 1, 1, m.scores("grad")).status;
}
inline Status call_entropy_of_mean(Memory& m) {
  return entropy_of_mean(m.scores("p"), 1, 1, m.doubles("scratch", 2 * m.of.experts),
                         m.scores("grad"))
      .status;
}
inline Status call_entropy_lock(Memory& m) {
  return entropy_lock(m.scores("p"), m.of.k, 1, m.scores("grad")).status;
}
inline Status call_budget_loss(Memory& m) {
  return budget_loss(m.doubles("no p is too short", m.of.tokens), .5, 1,
                     m.doubles("grad", m.of.tokens))
      .status;
}
inline Status call_erc_loss(Memory& m) {
  const std::size_t e = m.of.experts;
  return erc_loss(m.table<double>("m", e, e), 1, 1, m.table<double>("grad", e, e)).status;
}
inline Status call_erc_radius(Memory& m) {
  return erc_radius(m.table<double>("router", m.of.experts, 3), 0).status;
}
inline Status call_manifold_loss(Memory& m) {
  const std::size_t e = m.of.experts;
  return manifold_loss(m.doubles("no r is too short", e), m.scores("neighbours"),
                       m.doubles("w", m.of.tokens), 1, m.doubles("grad", e))
      .status;
}

// --- Gradient estimators.
inline Status call_straight_through(Memory& m) {
  const std::size_t e = m.of.experts;
  return straight_through(m.doubles("no p is too short", e), m.doubles("g", e), m.doubles("dz", e));
}
inline Status call_sparsemixer(Memory& m) {
  base::Rng rng(1, 0, 0);
  const auto z = m.doubles("no z is too short", m.of.experts);
  const auto p = m.doubles("p", m.of.experts);
  const auto pick = sparsemixer_pick(z, {}, .01, &rng, p);
  if (!pick.ok()) return pick.status;
  EXPECT_LT(pick.expert, static_cast<std::int64_t>(m.of.experts));
  return sparsemixer_backward(pick, p, 1, m.doubles("dz", m.of.experts));
}
inline Status call_sample_in_order(Memory& m) {
  base::Rng rng(1, 0, 0);
  const auto z = m.doubles("no z is too short", m.of.experts);
  return sample_in_order(z, rng, m.ids("no id is too short", m.of.k));
}
inline Status call_log_probability_in_order(Memory& m) {
  const auto z = m.doubles("no z is too short", m.of.experts);
  const auto id = m.first_ids("no id is too short", m.of.k);
  return log_probability_in_order(z, id, 1, m.doubles("dz", m.of.experts)).status;
}
inline Status call_leave_one_out(Memory& m) {
  return leave_one_out(m.doubles("no loss is too short", m.of.experts),
                       m.doubles("coefficient", m.of.experts));
}

// --- Planners.
inline constexpr std::size_t kDevices = 1;  // divides every number of experts
inline Status call_llep_plan(Memory& m) {
  return llep_plan(m.span<std::uint64_t>("no tokens are too short", m.of.experts), kDevices,
                   {.trigger = 0},
                   {m.span<std::uint32_t>("memory.order", m.of.experts),
                    m.span<std::uint64_t>("memory.pending", kDevices),
                    m.span<std::uint64_t>("memory.assigned", kDevices)},
                   m.span<ExpertSlice>("slices", most_slices(m.of.experts, kDevices)))
      .status;
}
inline Status call_plan_cost(Memory& m) {
  return plan_cost(m.span<ExpertSlice>("no slices are too short", m.of.experts), m.of.experts, {})
      .status;
}

// --- Routers with a state, pools, edits.
inline Status call_gru_step(Memory& m) {
  const std::size_t in = m.of.experts;
  const std::size_t s = 3;
  const auto input = [&](const char* name) { return m.table<float>(name, s, in); };
  const auto state = [&](const char* name) { return m.table<float>(name, s, s); };
  const auto bias = [&](const char* name) { return m.span<float>(name, s); };
  GruWeights w{input("w.ir"), input("w.iz"), input("w.in"), state("w.hr"),
               state("w.hz"), state("w.hn"), bias("w.bir"), bias("w.biz"),
               bias("w.bin"), bias("w.bhr"), bias("w.bhz"), bias("w.bhn")};
  return gru_step(w, m.span<float>("no x is too short", in),
                  m.span<float>("no state is too short", s), m.span<float>("next", s));
}
inline Status call_project(Memory& m) {
  return project(m.scores<float>("matrix"), m.span<float>("x", m.of.experts),
                 m.span<float>("out", m.of.tokens));
}
inline Status call_chain_step(Memory& m) {
  return chain_step(m.doubles("weight", m.of.tokens), m.scores<float>("outputs"),
                    m.span<float>("no x is too short", m.of.experts));
}
inline Status call_halts(Memory& m) {
  return halts(m.span<float>("no h is too short", m.of.experts),
               m.span<float>("delta", m.of.experts), .1)
      .status;
}
inline Status call_kmeans_update(Memory& m) {
  constexpr std::size_t kDims = 3;
  return kmeans_update(m.table<float>("x", m.of.tokens, kDims), m.choices("chosen"), .1,
                       m.doubles("scratch", m.of.experts * (kDims + 1)),
                       m.table<float>("centroids", m.of.experts, kDims));
}
inline Status call_reseed_idle(Memory& m) {
  const auto load = m.span<std::uint32_t>("load", m.of.experts);
  std::fill(load.begin(), load.end(), 0U);
  return reseed_idle(m.table<float>("x", m.of.tokens, 3), m.choices("chosen"), load,
                     m.table<float>("centroids", m.of.experts, 3))
      .status;
}
inline Status call_cluster_step(Memory& m) {
  return cluster_step(m.table<float>("x", m.of.tokens, 3), .9,
                      m.doubles("scratch", m.of.experts * 4),
                      m.table<float>("centres", m.of.experts, 3));
}
inline Status call_cluster_of(Memory& m) {
  return cluster_of(m.span<float>("x", 3), m.table<float>("centres", m.of.experts, 3)).status;
}
inline Status call_open_mask(Memory& m) {
  const ProgressivePool pool{static_cast<std::uint32_t>(m.of.experts), 1};
  return open_mask(pool, 0, 1, m.span<std::uint64_t>("live", (m.of.experts + 63) / 64));
}
inline Status call_norm_router_scale(Memory& m) {
  return norm_router_scale(m.of.experts, m.of.k, 2, 1, m.doubles("scratch", m.of.experts)).status;
}
inline Status call_union_gate(Memory& m) {
  return union_gate(m.scores("p"), m.of.k, 1, m.doubles("scratch", 2 * m.of.experts),
                    m.scores("out"));
}
inline Status call_mix_scores(Memory& m) {
  return mix_scores(m.table<float>("share", m.of.tokens, m.of.tokens), m.scores<float>("score"),
                    m.scores<float>("out"));
}
inline Status call_similarity_share(Memory& m) {
  return similarity_share(m.scores<float>("x"), 1, true,
                          m.table<float>("share", m.of.tokens, m.of.tokens));
}
inline Status call_steer_softly(Memory& m) {
  return steer_softly(m.span<std::uint64_t>("allowed", (m.of.experts + 63) / 64), .5,
                      m.span<float>("no z is too short", m.of.experts));
}
inline Status call_steer_hard(Memory& m) {
  base::Rng rng(1, 0, 0);
  return steer_hard(m.span<std::uint64_t>("allowed", (m.of.experts + 63) / 64), rng,
                    m.span<float>("no z is too short", m.of.experts));
}
inline Status call_force_expert(Memory& m) {
  const auto p = m.doubles("no p is too short", m.of.experts);
  const auto id = m.first_ids("no id is too short", m.of.k);
  return force_expert(p, 0, true, id, m.doubles("weight", m.of.k));
}
inline Status call_es_moe_route(Memory& m) {
  const auto z = m.doubles("no z is too short", m.of.experts);
  const auto id = m.ids("no id is too short", m.of.k);
  return es_moe_route(z, {}, nullptr, m.doubles("scratch", m.of.experts), id,
                      m.doubles("weight", m.of.k));
}
inline Status call_distill_gate(Memory& m) {
  const auto z = m.doubles("no z is too short", m.of.experts);
  return distill_gate(z, m.doubles("teacher_loss", m.of.experts),
                      m.ids("no id is too short", m.of.k))
      .status;
}
inline Status call_uncertainty_weights(Memory& m) {
  return uncertainty_weights(m.table<double>("passes", 5, m.of.experts),
                             m.doubles("weight", m.of.experts));
}

// --- How many experts.
inline Status call_unimoe_weights(Memory& m) {
  const std::size_t e = m.of.experts;
  const auto z = m.doubles("no z is too short", e);
  const auto shared = m.doubles("no shared is too short", 2);
  const auto scratch = m.doubles("scratch", e);
  const auto id = m.ids("no id is too short", e);
  return unimoe_weights({z, shared}, 1e-6, .01, scratch, id,
                        {m.doubles("out.dynamic", e), m.doubles("out.shared", 2)})
      .status;
}
inline Status call_unimoe_drop(Memory& m) {
  return unimoe_drop(m.scores("weight"), m.scores("rank"), 1,
                     m.span<std::uint32_t>("scratch", m.of.tokens))
      .status;
}
inline Status call_unimoe_share(Memory& m) {
  const std::size_t e = m.of.experts;
  return unimoe_share({m.doubles("no z is too short", e), m.doubles("no shared is too short", 2)},
                      {m.doubles("out.dynamic", e), m.doubles("out.shared", 2)});
}
inline Status call_percentile(Memory& m) {
  return percentile(m.doubles("no v is too short", m.of.experts), .5).status;
}
inline Status call_dynmole_weights(Memory& m) {
  return dynmole_weights(m.doubles("no p is too short", m.of.experts), {.mass = 0, .k = 2},
                         m.doubles("weight", m.of.experts))
      .status;
}
inline Status call_magnet(Memory& m) {
  Magnet rule;
  return rule.see(m.doubles("no mean is too short", m.of.experts)).status;
}

// --- Metrics of traces.
inline Status call_context_independence(Memory& m) {
  return context_independence(m.scores<std::uint32_t>("counts")).status;
}
inline Status call_drops_by_position(Memory& m) {
  return drops_by_position(m.choices("before"), m.choices("after"), sequences(m),
                           m.span<std::uint64_t>("no demanded is too short", 4),
                           m.span<std::uint64_t>("dropped", 4));
}
inline Status call_count_windows(Memory& m) {
  return count_windows(m.choices("chosen"), 2,
                       m.span<std::uint32_t>("no count is too short", m.of.experts),
                       m.span<std::uint64_t>("histogram", 3));
}
inline Status call_segment_performance(Memory& m) {
  return segment_performance(m.span<std::uint64_t>("no histogram is too short", m.of.tokens + 2))
      .status;
}
inline Status call_segment_cache_hits(Memory& m) {
  return segment_cache_hits(m.choices("chosen"), 2, 2,
                            m.span<std::uint32_t>("no count is too short", m.of.experts),
                            m.span<std::int64_t>("last", m.of.experts))
      .status;
}
inline Status call_cache_hits(Memory& m) {
  const auto chosen = m.choices("chosen");
  return cache_hits(chosen, 2, CachePolicy::kBelady,
                    {m.span<std::int64_t>("no held is too short", m.of.experts),
                     m.span<std::int64_t>("memory.used", m.of.experts),
                     m.span<std::int64_t>("memory.next", chosen.rows * chosen.cols)})
      .status;
}
inline Status call_routing_agreement(Memory& m) {
  return routing_agreement(m.choices("a"), m.choices("b")).status;
}

inline constexpr Rule kRules[] = {
    {"slot_auction", call_slot_auction},
    {"base_auction", call_base_auction, true},
    {"sinkhorn_log", call_sinkhorn_log},
    {"sinkhorn", call_sinkhorn},
    {"sinkhorn_megatron", call_sinkhorn_megatron},
    {"selective_sinkhorn", call_selective_sinkhorn},
    {"renormalised_top_k", call_renormalised_top_k},
    {"online_bip", call_online_bip},
    {"balance_loss", call_balance_loss},
    {"sequence_balance_loss", call_sequence_balance_loss},
    {"cv_squared", call_cv_squared},
    {"z_loss", call_z_loss},
    {"kl_to_uniform", call_kl_to_uniform},
    {"noisy_load", call_noisy_load},
    {"noisy_load_backward", call_noisy_load_backward},
    {"chunk_loss", call_chunk_loss},
    {"activation_locality", call_activation_locality},
    {"relu_l1", call_relu_l1},
    {"entropy_backward", call_entropy_backward},
    {"mean_entropy", call_mean_entropy},
    {"entropy_of_mean", call_entropy_of_mean},
    {"entropy_lock", call_entropy_lock},
    {"budget_loss", call_budget_loss},
    {"erc_loss", call_erc_loss, true},
    {"erc_radius", call_erc_radius},
    {"manifold_loss", call_manifold_loss},
    {"straight_through", call_straight_through},
    {"sparsemixer", call_sparsemixer},
    {"sample_in_order", call_sample_in_order},
    {"log_probability_in_order", call_log_probability_in_order},
    {"leave_one_out", call_leave_one_out},
    {"llep_plan", call_llep_plan},
    {"plan_cost", call_plan_cost},
    {"gru_step", call_gru_step},
    {"project", call_project},
    {"chain_step", call_chain_step},
    {"halts", call_halts},
    {"kmeans_update", call_kmeans_update},
    {"reseed_idle", call_reseed_idle},
    {"cluster_step", call_cluster_step},
    {"cluster_of", call_cluster_of},
    {"open_mask", call_open_mask},
    {"norm_router_scale", call_norm_router_scale},
    {"union_gate", call_union_gate},
    {"mix_scores", call_mix_scores},
    {"similarity_share", call_similarity_share},
    {"steer_softly", call_steer_softly},
    {"steer_hard", call_steer_hard},
    {"force_expert", call_force_expert},
    {"es_moe_route", call_es_moe_route},
    {"distill_gate", call_distill_gate},
    {"uncertainty_weights", call_uncertainty_weights},
    {"unimoe_weights", call_unimoe_weights},
    {"unimoe_drop", call_unimoe_drop},
    {"unimoe_share", call_unimoe_share},
    {"percentile", call_percentile},
    {"dynmole_weights", call_dynmole_weights},
    {"magnet", call_magnet},
    {"context_independence", call_context_independence},
    {"drops_by_position", call_drops_by_position},
    {"count_windows", call_count_windows},
    {"segment_performance", call_segment_performance},
    {"segment_cache_hits", call_segment_cache_hits},
    {"cache_hits", call_cache_hits},
    {"routing_agreement", call_routing_agreement},
};

}  // namespace swy::moe::testing
