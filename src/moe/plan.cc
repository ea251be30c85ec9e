// plan(): where assignments go, expert by expert: a stable counting sort.
//
// What: order lists the kept entries by (expert, token, choice); bin_end closes each expert's part;
// padded_end does so with every part rounded up to blocks; padded_order is order with gaps (marked
// rows x kmax), block_expert whose block it is. An expert without entries has no block.
// Cost: two passes over the entries, one where Assignment::kept has the counts (checked: counts
// that are not those of the entries are counted again), and one over the experts. It waits for its
// two stores an entry (a core of Zen 3 ends one a cycle; up to eight experts one), not for memory.
// When it loses: few tokens with large blocks are mostly gaps: choose the block by the load.
// Sources: MegaBlocks arXiv 2211.15841; vLLM moe_align_block_size (code). Deviation: the order
// inside an expert is stable here, vLLM's is not. Test: golden_test.cc (J_dispatch),
// properties_test.cc, properties_select_test.cc.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "switchyard/moe.h"

namespace swy::moe {
namespace {

std::uint64_t round_up(std::uint64_t n, std::uint32_t block) {
  return block <= 1 ? n : (n + block - 1) / block * block;
}

// bin_end[e] = how many entries expert e has. An id below 0 is a large one without its sign.
void count(const Assignment& a, Shape shape, std::span<std::uint32_t> bin_end) {
  std::fill_n(bin_end.begin(), shape.experts, 0U);
  const std::size_t entries = std::size_t{shape.tokens} * a.kmax;
  for (std::size_t i = 0; i < entries; ++i) {
    const auto e = static_cast<std::uint32_t>(a.expert[i]);
    if (e < shape.experts) ++bin_end[e];
  }
}

// From the lengths of the parts to their ends; returns the last, or more than 32 bits hold.
std::uint64_t ends_of(std::uint32_t experts, std::span<std::uint32_t> bin_end) {
  std::uint64_t sum = 0;
  for (std::size_t e = 0; e < experts; ++e)
    bin_end[e] = static_cast<std::uint32_t>(sum += bin_end[e]);
  return sum;
}

// Entry by entry. REQUIRES: bin_end closes parts as long as their experts have entries.
void scatter(const Assignment& a, Shape shape, Plan& out) {
  std::uint32_t* next = out.bin_end.data();  // from where a part begins to where it ends
  std::copy_backward(next, next + shape.experts - 1, next + shape.experts);
  next[0] = 0;
  const std::size_t entries = std::size_t{shape.tokens} * a.kmax;
  for (std::size_t i = 0; i < entries; ++i) {
    const auto e = static_cast<std::uint32_t>(a.expert[i]);
    if (e < shape.experts) out.order[next[e]++] = static_cast<std::uint32_t>(i);
  }
}

constexpr std::size_t kMostOnStack = 1024;  // experts whose counters scatter_at_both_ends() keeps
// Of more entries order outgrows the inner caches: the line after the one written is then asked for
// ahead. Of fewer that costs a tenth of the time and buys nothing.
constexpr std::size_t kManyEntries = std::size_t{1} << 19U;
constexpr std::uint32_t kAhead = 16;  // entries: a cache line

// The same from the first entry up and from the last one down in turns: two chains of counters, of
// which neither waits for the other. False, with order spoiled: the parts that bin_end closes are
// not as long as their experts have entries.
template <bool kPrefetch>
bool scatter_at_both_ends(const Assignment& a, Shape shape, Plan& out) {
  std::uint32_t front[kMostOnStack + 1] = {};
  std::uint32_t back[kMostOnStack];
  std::copy_n(out.bin_end.begin(), shape.experts, back);
  std::copy_n(out.bin_end.begin(), shape.experts, front + 1);
  // Copies: the stores to order might change what they stand for.
  std::uint32_t* const order = out.order.data();
  const std::int32_t* const expert = a.expert.data();
  const std::uint32_t experts = shape.experts;
  const std::uint32_t room = out.entries;
  const auto put = [=](std::uint32_t to, std::size_t entry, std::uint32_t next) {
    if (to < room) order[to] = static_cast<std::uint32_t>(entry);
    if (kPrefetch && next < room) __builtin_prefetch(order + next, 1);
  };
  std::size_t i = 0;
  for (std::size_t last = std::size_t{shape.tokens} * a.kmax; i < last; ++i) {
    if (const auto e = static_cast<std::uint32_t>(expert[i]); e < experts) {
      const std::uint32_t to = front[e]++;
      put(to, i, to + kAhead);
    }
    if (i == --last) break;
    if (const auto e = static_cast<std::uint32_t>(expert[last]); e < experts) {
      const std::uint32_t to = --back[e];
      put(to, last, to - kAhead);
    }
  }
  return std::equal(back, back + shape.experts, front);
}

bool scatter_at_both_ends(const Assignment& a, Shape shape, Plan& out) {
  return out.entries < kManyEntries ? scatter_at_both_ends<false>(a, shape, out)
                                    : scatter_at_both_ends<true>(a, shape, out);
}

// At most eight experts: their counters are the bytes of one word. In memory one would meet its
// last store before that is done, and four places are known before the first of them is written.
constexpr std::size_t kFew = 8;

bool scatter_few(const Assignment& a, Shape shape, Plan& out) {
  constexpr std::size_t kBlock = 252;  // entries that a byte counts, in groups of four
  // By expert, and last of none of them: where its next block begins, what counts one.
  std::size_t begin[kFew + 1] = {};
  std::uint64_t one[kFew + 1] = {};
  const std::uint32_t experts = shape.experts;
  for (std::uint32_t e = 0; e < experts; ++e) {
    begin[e + 1] = out.bin_end[e];
    one[e] = std::uint64_t{1} << (e * 8);
  }
  std::uint32_t* const order = out.order.data();
  const std::int32_t* const expert = a.expert.data();
  const std::size_t room = out.entries;
  std::uint64_t seen = 0;
  const auto place = [&](std::size_t entry) {
    const std::uint32_t e = std::min(static_cast<std::uint32_t>(expert[entry]), experts);
    const std::size_t to = begin[e] + static_cast<std::uint8_t>(seen >> (e * 8 % 64));
    seen += one[e];
    return to;
  };
  const auto put = [=](std::size_t to, std::size_t entry) {
    if (to < room) order[to] = static_cast<std::uint32_t>(entry);
  };
  const std::size_t entries = std::size_t{shape.tokens} * a.kmax;
  for (std::size_t i = 0; i < entries;) {
    const std::size_t end = std::min(i + kBlock, entries);
    for (; i + 4 <= end; i += 4) {
      const std::size_t to[] = {place(i), place(i + 1), place(i + 2), place(i + 3)};
      for (std::size_t j = 0; j < 4; ++j) put(to[j], i + j);
    }
    for (; i < end; ++i) put(place(i), i);
    for (std::size_t e = 0; e < experts; ++e, seen >>= 8U)
      begin[e] += static_cast<std::uint8_t>(seen);
  }
  return std::equal(begin, begin + experts, out.bin_end.begin());
}

bool scatter_once(const Assignment& a, Shape shape, Plan& out) {
  return shape.experts <= kFew ? scatter_few(a, shape, out) : scatter_at_both_ends(a, shape, out);
}

// By what the assignment says it kept, in one pass over the entries. False: it says nothing, or not
// what it holds.
bool scatter_kept(const Assignment& a, Shape shape, Plan& out) {
  if (a.kept.size() < shape.experts || shape.experts > kMostOnStack) return false;
  std::copy_n(a.kept.begin(), shape.experts, out.bin_end.begin());
  const std::uint64_t total = ends_of(shape.experts, out.bin_end);
  if (total > out.order.size()) return false;
  out.entries = static_cast<std::uint32_t>(total);
  return scatter_once(a, shape, out);
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
  if (!scatter_kept(done, shape, out)) {
    count(done, shape, out.bin_end);
    out.entries = static_cast<std::uint32_t>(ends_of(shape.experts, out.bin_end));
    if (out.order.size() < out.entries) return {Code::kTooShort, "plan.order"};
    if (shape.experts > kMostOnStack) {
      scatter(done, shape, out);
    } else {
      (void)scatter_once(done, shape, out);
    }
  }
  return pad(shape.experts, static_cast<std::uint32_t>(entries), block, out);
}

}  // namespace swy::moe
