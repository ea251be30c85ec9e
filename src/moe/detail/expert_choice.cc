// Expert choice: each expert takes its C best tokens of the batch, or of each sequence.
//
// Formula: C = max(floor(tokens k / experts), 1) or Ctx::capacity; expert j takes the C largest
// keys of its column, of equals the lower token. Tokens may get none; a token picked by more than
// kmax experts keeps the best of them (the others count as demand, not as kept). Cost: O(tokens
// experts): nth_element per column, two passes over the rows. When it loses: it is not causal (a
// token's experts depend on later tokens), so autoregressive decoding cannot use it; the floor
// loses up to experts - 1 places. Sources: arXiv 2202.09368 (from memory), 2604.01622 (EC-DLM: per
// sequence; code). Test: golden_test.cc (D_ec), properties_test.cc (column counts exact).
#include <algorithm>
#include <functional>

#include "moe/detail/check.h"
#include "moe/detail/number.h"
#include "moe/detail/stages.h"

namespace swy::moe::detail {
namespace {

std::size_t expert_takes(const Job& job, std::size_t tokens, std::size_t expert) {
  if (!job.ctx.capacity.empty()) return job.ctx.capacity[expert];
  return std::max<std::size_t>(tokens * job.spec.k / job.scores.cols, 1);
}

// The least key that column `j` takes, and how many equal to it.
void cut_column(const Job& job, std::size_t rows, std::size_t live, std::size_t j,
                const ChoiceMemory& m) {
  const std::size_t cols = job.scores.cols;
  std::size_t n = 0;
  for (std::size_t t = 0; t < rows; ++t) {
    if (const float v = m.key[t * cols + j]; v > -kInf) m.column[n++] = v;
  }
  const std::size_t takes = std::min(expert_takes(job, live, j), n);
  m.cut[j] = kInf;
  m.ties[j] = 0;
  if (takes == 0) return;
  std::nth_element(m.column, m.column + takes - 1, m.column + n, std::greater<>());
  m.cut[j] = m.column[takes - 1];
  const auto above = static_cast<std::size_t>(
      std::count_if(m.column, m.column + n, [&](float v) { return v > m.cut[j]; }));
  m.ties[j] = static_cast<std::uint32_t>(takes - above);
}

bool taken(float key, std::size_t j, const ChoiceMemory& m) {
  if (key > m.cut[j]) return true;
  if (key != m.cut[j] || m.ties[j] == 0) return false;
  --m.ties[j];
  return true;
}

}  // namespace

ChoiceMemory take_choice(Scratch& scratch, std::size_t rows, std::size_t cols) {
  ChoiceMemory m;
  m.key = scratch.take<float>(rows * cols);
  m.column = scratch.take<float>(std::max<std::size_t>(rows, 1));
  m.cut = scratch.take<float>(cols);
  m.ties = scratch.take<std::uint32_t>(cols);
  return m;
}

void choose_by_expert(const Job& job, std::size_t begin, std::size_t end, const Row& memory_row,
                      const ChoiceMemory& m, Assignment& out) {
  Row row = memory_row;
  const std::size_t cols = job.scores.cols;
  std::size_t live = 0;
  for (std::size_t t = begin; t < end; ++t) {
    float* key = m.key + (t - begin) * cols;
    std::fill_n(key, cols, -kInf);
    if (!token_is_live(job.ctx, t)) continue;
    ++live;
    out.nan_scores += transform_row(job, t, row);
    std::copy_n(row.key, cols, key);
  }
  for (std::size_t j = 0; j < cols; ++j) cut_column(job, end - begin, live, j, m);
  const std::size_t most = row_width(job.spec, cols);
  for (std::size_t t = begin; t < end; ++t) {
    if (!token_is_live(job.ctx, t)) continue;
    (void)transform_row(job, t, row);
    const float* key = m.key + (t - begin) * cols;
    for (std::size_t j = 0; j < cols; ++j) {
      const bool mine = key[j] > -kInf && taken(key[j], j, m);
      row.key[j] = mine ? key[j] : -kInf;
      if (mine && !out.demand.empty()) ++out.demand[j];
    }
    std::int32_t* expert = out.expert.data() + t * out.kmax;
    const std::size_t n = job.kernels.topk(row.key, cols, most, expert, row.index, row.value);
    weigh_row(job, row, expert, n, out.weight.data() + t * out.kmax);
  }
}

}  // namespace swy::moe::detail
