// Token -> expert assignment: scores (tokens x experts) -> sparse assignment, combine weights,
// loads.
//
// What: some thirty published routing rules are choices in five stages (transform, select, cap,
// weigh, update) plus a training hook (backward). A Spec names the choices; preset() has those of
// known models. docs/reference/moe.md describes every choice with a worked example.
// When to use: inside a mixture-of-experts model, in a trainer, in a simulator, and one level up
// for requests -> models. Threading: pure functions on the caller's memory; update() is the only
// writer of State. Ownership: everything is borrowed for the call; nothing is allocated, nothing
// throws.
//
// Semantics every rule keeps (tests/properties: src/moe/*_test.cc):
//   Order      the larger value first, of equals the lower index.
//   Monotone   softmax, sigmoid and sqrt_softplus without bias, price, groups or noise select on
//   the
//              logits: rounding may merge two probabilities, never two logits; torch.topk leaves
//              such ties open, so every result is one that the reference may give.
//   NaN        counts as the lowest finite value of the format's fp32 range; +inf wins. -inf, dead
//              experts and experts already taken are never selected. NaNs of live entries are
//              counted.
//   Too few    fewer than k selectable: the rest of the row is expert -1, weight 0.
//   Bias       added for selection only, never to a weight. Weights come from the unbiased score.
//   Precision  bf16, f16 or f32 in, fp32 inside; sums run over 16 lanes, then pairwise, with one
//              exp of our own, so every kernel version gives the same bits.
//   Padding    tokens that are not live are excluded from selection, capacity, counts and updates.
//   Random     counter-based, keyed by (seed, layer, step, token, expert); never by thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace swy::moe {

// What went wrong, and with which argument ("workspace", "expert", "spec.k"). No memory is owned.
enum class Code : std::uint8_t {
  kOk,
  kTooShort,     // the named span is shorter than the shape asks
  kBadSpec,      // the named field of the Spec makes no sense, or not in this combination
  kBadShape,     // the named size does not fit the others
  kUnsupported,  // valid, but this call does not do it
};
struct [[nodiscard]] Status {
  Code code = Code::kOk;
  const char* what = "";
  [[nodiscard]] constexpr bool ok() const noexcept { return code == Code::kOk; }
};

enum class DType : std::uint8_t { kF32, kBf16, kF16 };

struct Shape {
  std::uint32_t tokens = 0;
  std::uint32_t experts = 0;
  std::uint32_t kmax = 0;  // entries per token in the Assignment
};

// Raw router outputs, row-major. ld: elements from a row to the next (at least cols). size:
// elements readable from data; too few for the shape is an error ("scores").
struct Scores {
  const void* data = nullptr;
  DType type = DType::kF32;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::size_t ld = 0;
  std::size_t size = 0;
  static Scores f32(std::span<const float> v, std::uint32_t rows, std::uint32_t cols,
                    std::size_t ld = 0) noexcept {
    return {v.data(), DType::kF32, rows, cols, ld == 0 ? cols : ld, v.size()};
  }
  static Scores bf16(std::span<const std::uint16_t> v, std::uint32_t rows, std::uint32_t cols,
                     std::size_t ld = 0) noexcept {
    return {v.data(), DType::kBf16, rows, cols, ld == 0 ? cols : ld, v.size()};
  }
  static Scores f16(std::span<const std::uint16_t> v, std::uint32_t rows, std::uint32_t cols,
                    std::size_t ld = 0) noexcept {
    return {v.data(), DType::kF16, rows, cols, ld == 0 ? cols : ld, v.size()};
  }
};

enum class Transform : std::uint8_t {
  kIdentity,
  kSoftmax,
  kSigmoid,
  kSqrtSoftplus,
  kRelu,
  kReluRms,  // ReLU, then / sqrt(mean over experts of its square + norm_eps), times Ctx::gain
  kL2Relu,   // z / (|z| + norm_eps), then ReLU
  kCosine,   // cosine of Ctx::hidden and State::centroid, times temperature; scores are not read
};
enum class Select : std::uint8_t {
  kTopk,          // the k best
  kTopp,          // the best until their scores sum past top_p
  kThreshold,     // all with score + bias > threshold
  kExpertChoice,  // every expert takes its best tokens of the batch (or of the sequence)
  kHash,          // by Ctx::token_id, no scores needed
  kDense,         // every live expert, by index
};
// Who is dropped where an expert has more than its capacity.
enum class Cap : std::uint8_t {
  kNone,
  kArrival,        // the last in (token, choice) order
  kChoiceMajor,    // all first choices in token order come before any second choice
  kBatchPriority,  // as kChoiceMajor, tokens in falling order of their largest score
  kByWeight,       // the least weights of the expert
};
enum class CapacityRule : std::uint8_t {
  kSwitch,      // ceil(tokens k / experts * factor)
  kTutel,       // k int(factor ceil(tokens / experts)); 0: the largest demand; < 0: at most that
  kMegablocks,  // int(factor k tokens / experts); 0: the largest demand
  kPerExpert,   // ceil(tokens / experts * factor)
};
enum class Weigh : std::uint8_t {
  kRaw,              // the score
  kRenorm,           // the score / the sum over the selected (eps, eps_kind)
  kSoftmaxSelected,  // softmax of the scores over the selected
  kSigmoid,          // sigmoid of the score
  kOne,              // 1
};
enum class EpsKind : std::uint8_t { kNone, kAdd, kClamp };  // sum, sum + eps, max(sum, eps)
// How update() moves State::bias after (or, for kPrice, also before) a batch.
enum class Update : std::uint8_t {
  kNone,
  kBiasSign,        // loss-free: b += rate * sign(mean load - load)
  kBiasProp,        // b += rate * (mean load - load)
  kBiasRms,         // b += rate * (mean load - load) / rms of that over experts
  kPrice,           // BIP: `iters` rounds of exact coordinate steps on the dual; b = -price
  kQuantile,        // quantile balancing: one such step from the old bias, times rate
  kHistQuantile,    // the same from histograms with forgetting (State::hist)
  kColumnQuantile,  // b = -(running (1 - k / experts) quantile of the expert's scores)
};

// Plain data; equal Specs behave equally. The defaults are those of Mixtral with k = 2.
struct Spec {
  Transform transform = Transform::kSoftmax;
  Select select = Select::kTopk;
  Cap cap = Cap::kNone;
  Weigh weigh = Weigh::kRenorm;
  Update update = Update::kNone;

  std::uint16_t k = 2;            // kTopk; kExpertChoice and updates: mean experts per token
  std::uint16_t kmin = 0;         // kTopp, kThreshold: at least so many where so many live
  std::uint16_t kmax = 0;         // kTopp, kThreshold, kExpertChoice: at most so many; 0: all
  std::uint16_t groups = 0;       // experts in this many equal groups; 0 or 1: no group limit
  std::uint16_t groups_kept = 0;  // groups a token may use
  std::uint16_t group_top = 2;    // a group's score: the sum of its best 1 (V2) or 2 (V3)
  bool mask_with_zero = false;    // groups left out count as 0.0 instead of -inf: as Hugging Face
                                  // does; 0.0 beats negative biased scores (a known leak)
  float temperature = 1;          // kCosine
  float norm_eps = 1e-6F;         // kReluRms, kL2Relu
  float noise = 0;  // in training, logits + noise * sd * N(0, 1); sd: Ctx::noise_sd, or 1

  float top_p = 0.5F;
  bool past_top_p = true;     // stop where the sum is > top_p; false: where it is >= top_p
  bool keep_crossing = true;  // the expert that crosses top_p is kept
  float threshold = 0;
  bool per_sequence = false;  // kExpertChoice and caps work on each of Ctx::seq_begin alone

  CapacityRule capacity_rule = CapacityRule::kSwitch;
  float capacity_factor = 1;
  std::uint32_t min_capacity = 0;
  std::uint32_t align = 1;        // capacities are rounded up to a multiple
  bool renorm_after_cap = false;  // what is left of a token's weights is scaled to the old sum

  float scale = 1;  // times every weight
  EpsKind eps_kind = EpsKind::kNone;
  float eps = 0;
  bool renorm_single = true;  // false: with k = 1, kRenorm leaves the score as it is
  // In training a second choice is kept with probability min(1, 2 * its renormalised weight).
  bool random_second = false;

  float rate = 0.001F;      // kBias*, kQuantile, kHistQuantile
  float ema = 0;            // kHistQuantile, kColumnQuantile: share of the old that stays
  std::uint16_t iters = 4;  // kPrice
  bool midpoint = false;    // kPrice, kQuantile: middle of the minimising interval, not its end
  bool clip_nonneg = true;  // kPrice: prices >= 0 (capacity is "at most"); false: "exactly"
  float hist_low = -1;      // kHistQuantile: range of the histogram of score + bias - row price
  float hist_high = 1;
  friend bool operator==(const Spec&, const Spec&) = default;
};

// One version of the row arithmetic. All versions give the same bits.
struct Kernels;
// Fastest first; "scalar" is always the last.
[[nodiscard]] std::span<const Kernels* const> runnable_kernels() noexcept;
// "avx512", "avx2", "neon" or "scalar"; null for an unknown one or one that this CPU does not run.
[[nodiscard]] const Kernels* find_kernels(std::string_view name) noexcept;
// The choice of the environment variable SWITCHYARD_KERNELS where that names one that runs here,
// else the first of the list. Decided once per process.
[[nodiscard]] const Kernels& best_kernels() noexcept;
[[nodiscard]] std::string_view name_of(const Kernels& kernels) noexcept;

// What a call knows besides the scores. Empty spans: no such fact.
struct Ctx {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint64_t layer = 0;
  bool training = false;
  std::span<const std::uint8_t> token_live;    // rows; 0 = padding. Empty: all live
  std::span<const std::uint64_t> expert_live;  // bitset over experts. Empty: all live
  std::span<const std::uint32_t> capacity;     // per expert; empty: by capacity_rule
  std::span<const std::uint32_t> seq_begin;    // first rows of the sequences, rising from 0
  std::span<const std::uint32_t> token_id;     // rows; kHash
  std::span<const std::int32_t> hash_table;    // token id -> expert; empty: the formula of UniPool
  std::span<const float> cost;                 // per expert; selection sees score - lambda * cost
  float lambda = 0;
  std::span<const float> noise_sd;   // rows x cols
  std::span<const float> gain;       // experts; kReluRms
  Scores hidden;                     // rows x d; kCosine
  const Kernels* kernels = nullptr;  // null: best_kernels()
};

// What survives from batch to batch. Written by update() alone.
struct State {
  std::span<float> bias;      // experts, or empty; added to the score. A price q is stored as -q
  std::span<float> hist;      // experts x bins
  std::span<float> centroid;  // experts x d; kCosine. A parameter here: update() leaves it alone
  std::uint64_t tokens_seen = 0;
};

// Result, written by assign(). Row t is [t * kmax, (t + 1) * kmax), in the order selected: best
// first (kDense and kHash: by index).
struct Assignment {
  std::uint32_t kmax = 0;
  std::span<std::int32_t> expert;   // rows x kmax; -1: empty or dropped
  std::span<float> weight;          // rows x kmax; 0 where expert is -1
  std::span<std::uint32_t> slot;    // rows x kmax or empty: place inside the expert's buffer
  std::span<std::uint32_t> demand;  // experts; before the cap. May be empty without cap and update
  std::span<std::uint32_t> kept;    // experts or empty: after the cap; saves plan() a pass
  std::uint64_t nan_scores = 0;     // NaNs met among live entries
};

// Where assignments go, expert by expert. All spans but order and bin_end may be empty.
struct Plan {
  std::span<std::uint32_t> order;         // rows x kmax: entries (token * kmax + choice) by expert
  std::span<std::uint32_t> bin_end;       // experts: end of each expert's part of order
  std::span<std::uint32_t> padded_end;    // experts: the same with every part rounded up to blocks
  std::span<std::uint32_t> padded_order;  // padded rows: order with gaps; gap = rows x kmax
  std::span<std::uint32_t> block_expert;  // padded rows / block: whose block it is
  std::uint32_t entries = 0;              // used of order
  std::uint32_t padded_rows = 0;
};

struct Metrics {
  double maxvio = 0;     // largest demand / mean demand - 1
  double cv2 = 0;        // population variance of demand / mean^2
  double entropy = 0;    // of the demand shares, / ln experts
  double drop_rate = 0;  // 1 - kept / demand
  double tls = 0;        // token-level sparsity: 1 - assignments / (tokens * experts)
  double cls = 0;        // chunk-level: 1 - share of experts touched in `window` tokens in a row
};

// Bytes that assign() and update() may use as scratch for such a call.
[[nodiscard]] std::size_t workspace_bytes(const Spec& spec, Shape shape) noexcept;

// Fills the assignment. REQUIRES nothing that it does not check; on an error the assignment's
// content is unspecified. O(rows * cols) plus the rule's own cost.
Status assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state,
              Assignment& out, std::span<std::byte> workspace) noexcept;

// Moves the state after a batch, from its scores and its assignment (kBias* read demand alone: put
// all-reduced counts there to balance over several machines). kPrice and kQuantile read scores
// only; calling update() before assign() on the same batch is BIP's Algorithm 1, not causal.
// Padding tokens and dead experts take no part.
Status update(const Spec& spec, const Scores& scores, const Ctx& ctx, const Assignment& done,
              State& state, std::span<std::byte> workspace) noexcept;

// Stable counting sort of the kept entries by expert; block 0 or 1: no padding. O(tokens kmax +
// experts). The order does not depend on anything but the assignment.
Status plan(const Assignment& done, Shape shape, std::uint32_t block, Plan& out) noexcept;

// Loads and sparsity of an assignment. Without demand only tls and cls. Every row counts as a
// token. No tokens: all zero but tls and cls, which are 1. O(tokens kmax + experts).
Metrics measure(const Assignment& done, Shape shape, std::uint32_t window = 8) noexcept;

// dL/dlogits (rows x cols, overwritten) from dL/dweights (rows x kmax) of an assignment that
// assign() made from the same arguments. Straight through selection, cap, bias and noise. Logits
// are finite where they matter. kUnsupported: kCosine, whose logits are not an input. scale 0:
// kBadSpec.
Status backward(const Spec& spec, const Scores& scores, const Ctx& ctx, const Assignment& done,
                std::span<const float> dw, std::span<float> dz,
                std::span<std::byte> workspace) noexcept;

// Capacity of one expert by capacity_rule, min_capacity and align. max_demand: the largest demand.
[[nodiscard]] std::uint32_t capacity(const Spec& spec, std::size_t tokens, std::size_t experts,
                                     std::uint32_t max_demand) noexcept;

// Experts per token at mask ratio r in [0, 1] of a diffusion step (EC-DLM, arXiv 2604.01622).
enum class Schedule : std::uint8_t {
  kLinear,
  kLinearReverse,
  kCosine,
  kCosineReverse,
  kBell,
  kGauss,
  kGaussReverse,
};
[[nodiscard]] std::uint32_t scheduled_k(Schedule schedule, double r, std::uint32_t kmin,
                                        std::uint32_t kmax) noexcept;

// Token id -> expert by falling frequency, each to the lightest expert so far (Hash layers, arXiv
// 2106.04426, from memory): the heaviest is at most 4/3 - 1/(3 experts) of the optimum. order:
// scratch of freq.size(). load: experts, the resulting sums. O(n log n + n experts).
Status balanced_hash(std::span<const std::uint64_t> freq, std::span<std::int32_t> table,
                     std::span<std::uint64_t> load, std::span<std::uint32_t> order) noexcept;

// The routing of a known model or paper: switch, gshard, tutel, mixtral, qwen2-moe, qwen3-moe,
// olmoe, gpt-oss, megatron-pre, megatron-post, deepseek-v2, deepseek-v3, kimi-k2, llama-4, shazeer,
// blockffn, unipool, expert-choice, dynamic-moe, hash, and as bugs have it: deepseek-v2-hf,
// deepseek-v3-hf (groups masked with 0.0). kUnsupported: no such name.
struct Preset {
  std::string_view name;
  Spec spec;
  std::string_view source;  // where the convention was read; "from memory" where it was not
};
[[nodiscard]] std::span<const Preset> presets() noexcept;
Status preset(std::string_view name, Spec& out) noexcept;

}  // namespace swy::moe
