// update(): one float per expert that balances the load. One family: steps on one convex function.
//
// Primal: max sum s_ij x_ij, sum_j x_ij = k, sum_i x_ij <= C_j (or =). Its dual after eliminating
// the row prices is D(q) = sum_i (sum of the k largest s_ij - q_j) + sum_j C_j q_j; bias b = -q.
//   kBiasSign / Prop / Rms  subgradient steps: b += rate * f(mean load - load).
//   kPrice     BIP: rounds of p_i = (k+1)-th largest of s_i - q, q_j = (C_j+1)-th largest of
//              s_.j - p, each clipped at 0 with clip_nonneg. midpoint: the middle between the r-th
//              and the (r+1)-th instead: every point of that interval minimises the coordinate, and
//              the lower end is where such descent stalls.
//   kQuantile  one such round from the old bias: b -= rate * (q+1)-th largest of
//              s_.j + b_j - alpha, alpha_i the (k+1)-th largest of s_i + b, q = round(n k / m).
//   kHistQuantile    the same quantile read from a histogram per expert that forgets (ema).
//   kColumnQuantile  b_j = -beta_j, beta_j = running (1 - k / m) quantile of column j, for
//              Select::kThreshold with threshold 0: a causal form of expert choice.
// Cost: kBias* O(experts); the rest O(rows experts) per round (order.cc), rows x experts floats of
// workspace. When it loses: kBias* at the paper's rate needs hundreds of batches; prices
// alone cannot split ties; kPrice before assign() is not causal. Sources: arXiv 2408.15664 and its
// theory 2512.03915 (from memory); 2502.15451 (variant of: read in secondary text); quantile
// balancing: variant of the Kimi K3 report, read in secondary text; midpoint: ours. Deviations:
// dead experts and padding take no part; a row or column with too few finite scores has price 0.
// Test: golden_test.cc (E_*, X_*), properties_test.cc.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/order.h"
#include "moe/detail/update.h"
#include "switchyard/moe.h"

namespace swy::moe {
namespace detail {

UpdateMemory take_update(Scratch& scratch, const Spec& spec, Shape shape) {
  UpdateMemory m;
  const bool reads_scores = spec.update == Update::kPrice || spec.update == Update::kQuantile ||
                            spec.update == Update::kHistQuantile ||
                            spec.update == Update::kColumnQuantile;
  if (!reads_scores) return m;
  const std::size_t rows = shape.tokens;
  const std::size_t cols = shape.experts;
  m.row = take_row(scratch, cols);
  m.block = take_rows(scratch, cols);
  m.score = scratch.take<float>(padded(rows) * padded(cols));
  m.row_price = scratch.take<float>(padded(rows));
  m.margin = scratch.take<float>(padded(rows));
  m.scratch = scratch.take<float>(padded(rows) + kLanes);
  m.chosen = scratch.take<std::int32_t>(cols);
  m.price = scratch.take<float>(cols);
  m.expert = scratch.take<std::uint32_t>(cols);
  return m;
}

namespace {

// A batch without padding and dead experts: n x m scores.
struct Batch {
  const Spec& spec;
  const Kernels& kernels;
  UpdateMemory mem;
  std::size_t n = 0;
  std::size_t m = 0;
  std::size_t tiles = 0;  // of the same experts

  // Where the scores of rows [i, i + kBlock) and experts [j, j + kBlock) begin.
  [[nodiscard]] float* tile(std::size_t i, std::size_t j) const {
    return mem.score + (j / kBlock * tiles + i / kBlock) * kTile;
  }
};

// Scores of up to kBlock loaded rows, live rows from `first`, into their tiles.
void fill_tiles(const Job& job, const Batch& b, std::size_t first, std::size_t rows) {
  const Block& block = b.mem.block;
  const std::size_t cols = job.scores.cols;
  score_block(job, block, rows, nullptr);
  for (std::size_t r = 0; r < kBlock; ++r) {
    float* key = block.logit + r * block.stride;
    if (r >= rows) {
      std::fill_n(key, padded(b.m), -kInf);
      continue;
    }
    if (b.m == cols) continue;
    for (std::size_t j = 0; j < b.m; ++j) key[j] = key[b.mem.expert[j]];
    std::fill(key + b.m, key + padded(b.m), -kInf);
  }
  for (std::size_t j = 0; j < b.m; j += kBlock)
    b.kernels.transpose(block.logit + j, block.stride, b.tile(first, j));
}

Batch gather(const Job& job, const UpdateMemory& mem) {
  Batch b{job.spec, job.kernels, mem};
  for (std::size_t j = 0; j < job.scores.cols; ++j) {
    if (expert_is_live(job.ctx, j)) mem.expert[b.m++] = static_cast<std::uint32_t>(j);
  }
  for (std::size_t t = 0; t < job.scores.rows; ++t) b.n += token_is_live(job.ctx, t) ? 1 : 0;
  b.tiles = padded(b.n) / kBlock;
  std::size_t have = 0;
  for (std::size_t t = 0; t < job.scores.rows; ++t) {
    if (!token_is_live(job.ctx, t)) continue;
    (void)load_row(job, t, mem.block.logit + have % kBlock * mem.block.stride);
    if (++have % kBlock == 0) fill_tiles(job, b, have - kBlock, kBlock);
  }
  if (have % kBlock != 0) fill_tiles(job, b, have - have % kBlock, have % kBlock);
  return b;
}

// k-th and (k+1)-th largest margin of a tile's rows, one by one.
void kth_rows(const Batch& b, std::size_t first, float* kth, float* next) {
  const std::size_t k = b.spec.k;
  float* margin = b.mem.row.key;
  for (std::size_t r = 0; r < kBlock; ++r) {
    for (std::size_t j = 0; j < b.m; ++j)
      margin[j] = b.tile(first, j)[j % kBlock * kBlock + r] - b.mem.price[j];
    std::fill(margin + b.m, margin + padded(b.m), -kInf);
    const std::size_t have =
        b.kernels.topk(margin, b.m, k + 1, b.mem.chosen, b.mem.row.index, b.mem.row.value);
    kth[r] = have >= k ? margin[b.mem.chosen[k - 1]] : -kInf;
    next[r] = have > k ? margin[b.mem.chosen[k]] : -kInf;
  }
}

// price[j] is subtracted from column j.
void price_rows(const Batch& b, bool clip) {
  const std::size_t k = b.spec.k;
  for (std::size_t i = 0; i < b.n; i += kBlock) {
    float kth[kBlock];
    float next[kBlock];
    if (k >= b.m) {
      std::fill_n(next, kBlock, -kInf);
    } else if (b.kernels.kth_rows != nullptr && k <= kLanes) {
      b.kernels.kth_rows(b.tile(i, 0), b.tiles * kTile, b.m, b.mem.price, k, kth, next);
    } else {
      kth_rows(b, i, kth, next);
    }
    for (std::size_t r = 0; r < kBlock; ++r) {
      const float p = next[r] > -kInf ? settle(next[r], kth[r], b.spec.midpoint) : 0.0F;
      b.mem.row_price[i + r] = clip ? std::max(p, 0.0F) : p;
    }
  }
}

// Calls f(j, margins) for every column: score - row price - (with old_price) price, padded.
template <class Use>
void each_column(const Batch& b, bool old_price, Use f) {
  for (std::size_t j = 0; j < b.m; ++j) {
    b.kernels.margins(b.tile(0, j) + j % kBlock * kBlock, b.tiles, b.mem.row_price,
                      old_price ? b.mem.price[j] : 0.0F, b.mem.margin);
    f(j, b.mem.margin);
  }
}

// (rank+1)-th largest of a column, or the middle to the rank-th.
float column_statistic(const Batch& b, float* v, std::size_t rank) {
  return order_statistic(b.kernels, v, b.n, rank, b.spec.midpoint, b.mem.scratch);
}

void load_prices(const Batch& b, const State& state) {
  for (std::size_t j = 0; j < b.m; ++j) b.mem.price[j] = -state.bias[b.mem.expert[j]];
}

void price_step(const Batch& b, const Ctx& ctx, State& state) {
  load_prices(b, state);
  for (std::size_t it = 0; it < b.spec.iters; ++it) {
    price_rows(b, b.spec.clip_nonneg);
    each_column(b, false, [&](std::size_t j, float* v) {
      const std::size_t room =
          ctx.capacity.empty() ? b.n * b.spec.k / b.m : ctx.capacity[b.mem.expert[j]];
      float q = 0;
      if (room > 0 && room < b.n) q = column_statistic(b, v, room);
      b.mem.price[j] = b.spec.clip_nonneg ? std::max(q, 0.0F) : q;
    });
  }
  for (std::size_t j = 0; j < b.m; ++j) state.bias[b.mem.expert[j]] = -b.mem.price[j];
}

// Tokens an expert should get: round(n k / m), at least 1 and at most n - 1.
std::size_t fair_share(const Batch& b) {
  const double share = static_cast<double>(b.n) * b.spec.k / static_cast<double>(b.m);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::nearbyint(share)), 1, b.n - 1);
}

void quantile_step(const Batch& b, State& state) {
  load_prices(b, state);
  price_rows(b, false);
  each_column(b, true, [&](std::size_t j, float* v) {
    state.bias[b.mem.expert[j]] -= b.spec.rate * column_statistic(b, v, fair_share(b));
  });
}

void column_quantile_step(const Batch& b, State& state) {
  std::fill_n(b.mem.row_price, padded(b.n), 0.0F);
  each_column(b, false, [&](std::size_t j, float* v) {
    float& bias = state.bias[b.mem.expert[j]];
    const float now = column_statistic(b, v, fair_share(b));
    bias = state.tokens_seen == 0 ? -now : b.spec.ema * bias - (1 - b.spec.ema) * now;
  });
}

// From the top of a histogram down to `share` of its mass, linear inside a bin.
float quantile_of(const float* hist, std::size_t bins, double share, const Spec& spec) {
  double total = 0;
  for (std::size_t i = 0; i < bins; ++i) total += static_cast<double>(hist[i]);
  const double width = (static_cast<double>(spec.hist_high) - static_cast<double>(spec.hist_low)) /
                       static_cast<double>(bins);
  double left = share * total;
  for (std::size_t i = bins; i-- > 0;) {
    const auto mass = static_cast<double>(hist[i]);
    if (mass > 0 && left <= mass)
      return static_cast<float>(static_cast<double>(spec.hist_low) +
                                width * (static_cast<double>(i + 1) - left / mass));
    left -= mass;
  }
  return spec.hist_low;
}

void hist_step(const Batch& b, std::size_t bins, State& state) {
  load_prices(b, state);
  price_rows(b, false);
  const float keep = state.tokens_seen == 0 ? 0.0F : b.spec.ema;
  const float one = (1 - keep) / static_cast<float>(b.n);
  const float per_unit = static_cast<float>(bins) / (b.spec.hist_high - b.spec.hist_low);
  const double share = static_cast<double>(fair_share(b)) / static_cast<double>(b.n);
  each_column(b, true, [&](std::size_t j, const float* v) {
    float* hist = state.hist.data() + b.mem.expert[j] * bins;
    for (std::size_t i = 0; i < bins; ++i) hist[i] *= keep;
    for (std::size_t i = 0; i < b.n; ++i) {
      const float at = (v[i] - b.spec.hist_low) * per_unit;
      const float last = static_cast<float>(bins - 1);
      hist[static_cast<std::size_t>(at > 0 ? std::min(at, last) : 0.0F)] += one;
    }
    state.bias[b.mem.expert[j]] -= b.spec.rate * quantile_of(hist, bins, share, b.spec);
  });
}

// Loss-free bias from the loads alone.
void bias_step(const Spec& spec, const Ctx& ctx, std::span<const std::uint32_t> load,
               std::span<float> bias) {
  double sum = 0;
  std::size_t live = 0;
  for (std::size_t j = 0; j < load.size(); ++j) {
    if (!expert_is_live(ctx, j)) continue;
    sum += load[j];
    ++live;
  }
  if (live == 0) return;
  const double mean = sum / static_cast<double>(live);
  double squares = 0;
  for (std::size_t j = 0; j < load.size(); ++j) {
    if (expert_is_live(ctx, j)) squares += (mean - load[j]) * (mean - load[j]);
  }
  const double rms = std::sqrt(squares / static_cast<double>(live));
  for (std::size_t j = 0; j < load.size(); ++j) {
    if (!expert_is_live(ctx, j)) continue;
    double step = mean - load[j];
    if (spec.update == Update::kBiasSign) step = step > 0 ? 1 : (step < 0 ? -1 : 0);
    if (spec.update == Update::kBiasRms) step = rms > 0 ? step / rms : 0;
    bias[j] += static_cast<float>(static_cast<double>(spec.rate) * step);
  }
}

bool is_bias_rule(Update u) {
  return u == Update::kBiasSign || u == Update::kBiasProp || u == Update::kBiasRms;
}

Status check(const Job& job, const Assignment& done, std::span<std::byte> workspace) {
  const std::size_t cols = job.scores.cols;
  if (const Status s = check_spec(job.spec, cols); !s.ok()) return s;
  if (const Status s = check_inputs(job, !is_bias_rule(job.spec.update)); !s.ok()) return s;
  if (job.state.bias.size() < cols) return {Code::kTooShort, "state.bias"};
  if (is_bias_rule(job.spec.update) && done.demand.size() < cols)
    return {Code::kTooShort, "assignment.demand"};
  if (job.spec.update == Update::kHistQuantile) {
    if (job.state.hist.size() < 2 * cols) return {Code::kTooShort, "state.hist"};
    if (!(job.spec.hist_high > job.spec.hist_low)) return {Code::kBadSpec, "spec.hist_high"};
  }
  if (workspace.size() < workspace_bytes(job.spec, {job.scores.rows, job.scores.cols, done.kmax}))
    return {Code::kTooShort, "workspace"};
  return {};
}

}  // namespace
}  // namespace detail

Status update(const Spec& spec, const Scores& scores, const Ctx& ctx, const Assignment& done,
              State& state, std::span<std::byte> workspace) noexcept {
  if (spec.update == Update::kNone) return {};
  detail::Job job = detail::make_job(spec, scores, ctx, state);
  job.on_logits = false;  // prices are in scores
  if (const Status s = detail::check(job, done, workspace); !s.ok()) return s;
  if (detail::is_bias_rule(spec.update)) {
    detail::bias_step(spec, ctx, done.demand.first(scores.cols), state.bias);
    state.tokens_seen += scores.rows;
    return {};
  }
  detail::Scratch scratch(workspace);
  const detail::Batch b = detail::gather(
      job, detail::take_update(scratch, spec, {scores.rows, scores.cols, done.kmax}));
  if (b.n < 2 || b.m == 0) return {};  // one token says nothing about balance
  switch (spec.update) {
    case Update::kPrice:
      detail::price_step(b, ctx, state);
      break;
    case Update::kQuantile:
      detail::quantile_step(b, state);
      break;
    case Update::kHistQuantile:
      detail::hist_step(b, state.hist.size() / scores.cols, state);
      break;
    case Update::kColumnQuantile:
      detail::column_quantile_step(b, state);
      break;
    default:
      break;
  }
  state.tokens_seen += b.n;
  return {};
}

}  // namespace swy::moe
