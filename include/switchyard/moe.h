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
};
enum class Select : std::uint8_t { kTopk };
enum class Weigh : std::uint8_t {
  kRaw,              // the score
  kRenorm,           // the score / the sum over the selected (eps, eps_kind)
  kSoftmaxSelected,  // softmax of the scores over the selected
  kSigmoid,          // sigmoid of the score
  kOne,              // 1
};
enum class EpsKind : std::uint8_t { kNone, kAdd, kClamp };  // sum, sum + eps, max(sum, eps)

// Plain data; equal Specs behave equally. The defaults are those of Mixtral with k = 2.
struct Spec {
  Transform transform = Transform::kSoftmax;
  Select select = Select::kTopk;
  Weigh weigh = Weigh::kRenorm;
  std::uint16_t k = 2;
  std::uint16_t groups = 0;       // experts in this many equal groups; 0 or 1: no group limit
  std::uint16_t groups_kept = 0;  // groups a token may use
  std::uint16_t group_top = 2;    // a group's score: the sum of its best 1 (V2) or 2 (V3)
  bool mask_with_zero = false;    // groups left out count as 0.0 instead of -inf: as Hugging Face
                                  // does; 0.0 beats negative biased scores (a known leak)
  bool renorm_single = true;      // false: with k = 1, kRenorm leaves the score as it is
  float scale = 1;                // times every weight
  EpsKind eps_kind = EpsKind::kNone;
  float eps = 0;
  float noise = 0;  // in training, logits + noise * sd * N(0, 1); sd: Ctx::noise_sd, or 1
  // In training a second choice is kept with probability min(1, 2 * its renormalised weight).
  bool random_second = false;
  friend bool operator==(const Spec&, const Spec&) = default;
};

// What a call knows besides the scores. Empty spans: no such fact.
struct Ctx {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint64_t layer = 0;
  bool training = false;
  std::span<const std::uint8_t> token_live;    // rows; 0 = padding. Empty: all live
  std::span<const std::uint64_t> expert_live;  // bitset over experts. Empty: all live
  std::span<const float> cost;                 // per expert; selection sees score - lambda * cost
  float lambda = 0;
  std::span<const float> noise_sd;  // rows x cols
};

// What survives from batch to batch.
struct State {
  std::span<float> bias;  // experts, or empty; added to the score. A price q is stored as -q
};

// Result, written by assign(). Row t is [t * kmax, (t + 1) * kmax), in the order selected.
struct Assignment {
  std::uint32_t kmax = 0;
  std::span<std::int32_t> expert;   // rows x kmax; -1: empty or dropped
  std::span<float> weight;          // rows x kmax; 0 where expert is -1
  std::span<std::uint32_t> demand;  // experts or empty: selections before the cap
  std::span<std::uint32_t> kept;    // experts or empty: after the cap
  std::uint64_t nan_scores = 0;     // NaNs met among live entries
};

// Bytes that assign() and update() may use as scratch for such a call.
[[nodiscard]] std::size_t workspace_bytes(const Spec& spec, Shape shape) noexcept;

// Fills the assignment. REQUIRES nothing that it does not check; on an error the assignment's
// content is unspecified. O(rows * cols) plus the rule's own cost.
Status assign(const Spec& spec, const Scores& scores, const Ctx& ctx, const State& state,
              Assignment& out, std::span<std::byte> workspace) noexcept;

// The routing of a known model or paper: switch, gshard, tutel, mixtral, qwen2-moe, qwen3-moe,
// olmoe, gpt-oss, megatron-pre, megatron-post, deepseek-v2, deepseek-v3, kimi-k2, llama-4, shazeer,
// and as bugs have it: deepseek-v2-hf, deepseek-v3-hf (groups masked with 0.0). kUnsupported: no
// such name.
struct Preset {
  std::string_view name;
  Spec spec;
  std::string_view source;  // where the convention was read; "from memory" where it was not
};
[[nodiscard]] std::span<const Preset> presets() noexcept;
Status preset(std::string_view name, Spec& out) noexcept;

}  // namespace swy::moe
