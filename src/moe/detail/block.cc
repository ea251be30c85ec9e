// Stages 1, 2 and 4 for a block of tokens whose top-k is found together.
//
// When: plain top-k (also with groups, bias and prices), live tokens, kernels with topk_rows. The
// result is that of the row path, bit for bit. Test: kernels_test.cc.
#include <algorithm>
#include <bit>

#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe::detail {
namespace {

// Eleven bits of a key make room for the index; of wider rows too many would tie.
constexpr std::size_t kWidest = 2048;

bool selects_together(const Spec& spec, std::size_t rows, std::size_t cols) {
  return spec.select == Select::kTopk && spec.cap != Cap::kBatchPriority && !spec.random_second &&
         spec.k <= kLanes && rows > 0 && cols <= kWidest;
}

// Are the last eleven bits of every key 0? NaN's stand-in is the one exception, and below all.
bool keys_are_short(const Job& job) {
  return job.on_logits && job.scores.type != DType::kF32 &&
         job.spec.transform != Transform::kCosine && (job.spec.noise == 0 || !job.ctx.training);
}

struct Keys {
  const float* row(std::size_t r) const { return first + r * stride; }
  const float* first;
  std::size_t stride;
  std::size_t cols;
};

void select(const Job& job, const Keys& keys, std::size_t rows, std::size_t k, const Block& block,
            const Row& scratch) {
  std::uint32_t unsure =
      job.kernels.topk_rows(keys.first, keys.stride, rows, keys.cols, k, block.expert);
  if (keys_are_short(job)) return;
  for (; unsure != 0; unsure &= unsure - 1) {
    const auto r = static_cast<std::size_t>(std::countr_zero(unsure));
    std::int32_t best[kLanes];
    const std::size_t n =
        job.kernels.topk(keys.row(r), keys.cols, k, best, scratch.index, scratch.value);
    for (std::size_t i = 0; i < k; ++i) block.expert[i * kBlock + r] = i < n ? best[i] : -1;
  }
}

void weigh(const Job& job, std::size_t k, float* value) {
  if (job.selected_only || job.spec.weigh == Weigh::kSoftmaxSelected)
    return job.kernels.softmax_rows(value, k);
  if (job.spec.weigh == Weigh::kRenorm && (job.spec.k > 1 || job.spec.renorm_single)) {
    const float eps = job.spec.eps_kind == EpsKind::kNone ? 0.0F : job.spec.eps;
    return job.kernels.divide_rows(value, k, eps, job.spec.eps_kind == EpsKind::kClamp);
  }
  if (job.spec.weigh == Weigh::kSigmoid) return job.kernels.sigmoid(value, k * kBlock, value);
  if (job.spec.weigh == Weigh::kOne) std::fill_n(value, k * kBlock, 1.0F);
}

// block.value: what the selected are weighed by; where nothing was selected, what adds nothing.
void gather(const Job& job, std::size_t rows, std::size_t k, const Block& block) {
  const bool softmax = job.selected_only || job.spec.weigh == Weigh::kSoftmaxSelected;
  const float none = softmax ? -kInf : 0.0F;
  const float* from = job.selected_only ? block.logit : block.score;
  for (std::size_t i = 0; i < k; ++i) {
    const std::int32_t* expert = block.expert + i * kBlock;
    float* value = block.value + i * kBlock;
    for (std::size_t r = 0; r < rows; ++r)
      value[r] =
          expert[r] >= 0 ? from[r * block.stride + static_cast<std::size_t>(expert[r])] : none;
    std::fill(value + rows, value + kBlock, none);
  }
}

}  // namespace

Block take_block(Scratch& scratch, const Spec& spec, Shape shape) {
  return selects_together(spec, shape.tokens, shape.experts) ? take_rows(scratch, shape.experts)
                                                             : Block();
}

Block take_rows(Scratch& scratch, std::size_t cols) {
  Block b;
  // A line more than needed: rows a power of two apart would share few sets of the cache.
  b.stride = padded(cols) + kLanes;
  b.logit = scratch.take<float>(kBlock * b.stride);
  b.score = scratch.take<float>(kBlock * b.stride);
  b.expert = scratch.take<std::int32_t>(kBlock * kLanes);
  b.value = scratch.take<float>(kBlock * kLanes);
  return b;
}

void score_block(const Job& job, const Block& block, std::size_t rows, const float* adjust) {
  const std::size_t cols = job.scores.cols;
  const bool keyed = !job.on_logits;
  if (job.spec.transform == Transform::kSoftmax && job.kernels.softmax_block != nullptr)
    return job.kernels.softmax_block(block.logit, block.stride, rows, cols, adjust, block.score,
                                     keyed ? block.logit : nullptr);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t at = r * block.stride;
    score_row(job, block.logit + at, cols, block.score + at);
    if (keyed) job.kernels.keys(block.score + at, block.logit + at, adjust, cols, block.logit + at);
  }
}

std::uint64_t assign_block(const Job& job, std::size_t first, std::size_t end, const Block& block,
                           const Row& row, Assignment& out) {
  const std::size_t cols = job.scores.cols;
  const std::size_t rows = end - first;
  const std::size_t k = std::min<std::size_t>(job.spec.k, cols);
  std::uint64_t nans = 0;
  for (std::size_t r = 0; r < rows; ++r)
    nans += load_row(job, first + r, block.logit + r * block.stride);
  if (!job.selected_only) score_block(job, block, rows, job.adjust);
  for (std::size_t r = 0; r < rows && job.spec.groups > 1; ++r)
    limit_groups(job, block.logit + r * block.stride, cols);
  const Keys keys{block.logit, block.stride, cols};
  select(job, keys, rows, k, block, row);
  gather(job, rows, k, block);
  weigh(job, k, block.value);
  std::int32_t* expert = out.expert.data() + first * out.kmax;
  float* weight = out.weight.data() + first * out.kmax;
  for (std::size_t r = 0; r < rows; ++r, expert += out.kmax, weight += out.kmax) {
    for (std::size_t i = 0; i < k; ++i) {
      expert[i] = block.expert[i * kBlock + r];
      weight[i] = expert[i] >= 0 ? block.value[i * kBlock + r] * job.spec.scale : 0.0F;
    }
  }
  return nans;
}

}  // namespace swy::moe::detail
