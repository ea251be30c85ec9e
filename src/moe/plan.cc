// plan(): where assignments go, expert by expert: a stable counting sort.
//
// What: order lists the kept entries by (expert, token, choice); bin_end closes each expert's part;
// padded_end does so with every part rounded up to blocks; padded_order is order with gaps (marked
// rows x kmax), block_expert whose block it is. An expert without entries has no block.
// Cost: two passes over the entries and one over the experts; bin_end is the only counter array.
// When it loses: few tokens with large blocks are mostly gaps: choose the block by the load.
// Sources: MegaBlocks arXiv 2211.15841; vLLM moe_align_block_size (code). Deviation: the order
// inside an expert is stable here, vLLM's is not. Test: golden_test.cc (J_dispatch),
// properties_test.cc.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "switchyard/moe.h"

namespace swy::moe {
namespace {

std::uint64_t round_up(std::uint64_t n, std::uint32_t block) {
  return block <= 1 ? n : (n + block - 1) / block * block;
}

// bin_end[e] = where expert e's part begins; returns the total.
std::uint64_t starts_of(const Assignment& a, Shape shape, std::span<std::uint32_t> bin_end) {
  std::fill_n(bin_end.begin(), shape.experts, 0U);
  const std::size_t entries = std::size_t{shape.tokens} * a.kmax;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::int32_t e = a.expert[i];
    if (e >= 0 && static_cast<std::uint32_t>(e) < shape.experts)
      ++bin_end[static_cast<std::size_t>(e)];
  }
  std::uint32_t sum = 0;
  for (std::size_t e = 0; e < shape.experts; ++e) {
    const std::uint32_t count = bin_end[e];
    bin_end[e] = sum;
    sum += count;
  }
  return sum;
}

void scatter(const Assignment& a, Shape shape, Plan& out) {
  const std::size_t entries = std::size_t{shape.tokens} * a.kmax;
  std::uint32_t* at = out.bin_end.data();
  std::uint32_t* order = out.order.data();
  for (std::size_t i = 0; i < entries; ++i) {
    const std::int32_t e = a.expert[i];
    if (e >= 0 && static_cast<std::uint32_t>(e) < shape.experts)
      order[at[e]++] = static_cast<std::uint32_t>(i);
  }
}

Status pad(std::uint32_t experts, std::uint32_t gap, std::uint32_t block, Plan& out) {
  std::uint64_t rows = 0;
  std::uint32_t begin = 0;
  for (std::size_t e = 0; e < experts; ++e) {
    const std::uint32_t end = out.bin_end[e];
    const std::uint64_t next = rows + round_up(end - begin, block);
    if (!out.padded_order.empty()) {
      if (out.padded_order.size() < next) return {Code::kTooShort, "plan.padded_order"};
      std::uint32_t* to = out.padded_order.data() + rows;
      to = std::copy(out.order.data() + begin, out.order.data() + end, to);
      std::fill(to, out.padded_order.data() + next, gap);
    }
    if (!out.block_expert.empty() && block > 0) {
      if (out.block_expert.size() < next / block) return {Code::kTooShort, "plan.block_expert"};
      std::fill(out.block_expert.data() + rows / block, out.block_expert.data() + next / block,
                static_cast<std::uint32_t>(e));
    }
    if (!out.padded_end.empty()) out.padded_end[e] = static_cast<std::uint32_t>(next);
    rows = next;
    begin = end;
  }
  out.padded_rows = static_cast<std::uint32_t>(rows);
  return {};
}

}  // namespace

Status plan(const Assignment& done, Shape shape, std::uint32_t block, Plan& out) noexcept {
  const std::uint64_t entries = std::uint64_t{shape.tokens} * done.kmax;
  const std::uint64_t widest = entries + std::uint64_t{shape.experts} * block;
  if (entries >= UINT32_MAX || widest >= UINT32_MAX) return {Code::kBadShape, "shape.tokens"};
  if (done.expert.size() < entries) return {Code::kTooShort, "assignment.expert"};
  if (out.bin_end.size() < shape.experts) return {Code::kTooShort, "plan.bin_end"};
  if (!out.padded_end.empty() && out.padded_end.size() < shape.experts)
    return {Code::kTooShort, "plan.padded_end"};
  out.entries = static_cast<std::uint32_t>(starts_of(done, shape, out.bin_end));
  if (out.order.size() < out.entries) return {Code::kTooShort, "plan.order"};
  scatter(done, shape, out);
  return pad(shape.experts, static_cast<std::uint32_t>(entries), block, out);
}

}  // namespace swy::moe
