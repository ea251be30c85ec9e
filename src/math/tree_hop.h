// TreeHop: multi-hop retrieval in embedding space. The query of the next hop is computed from the
// last query and the passage it found; no language model between hops.
//
// When to use: questions whose second fact is named only in the first passage. Threading: pure;
// weights are immutable. Ownership: weights are values, everything else is borrowed for the call.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

// y = weight x + bias, rows of `weight` are outputs; an empty bias is 0.
struct Dense {
  std::size_t in = 0, out = 0;
  std::vector<float> weight, bias;
};
// x + relu(linear(layer_norm(x)))
struct Residual {
  std::vector<float> scale, shift;  // of the norm
  Dense linear;
};
struct TreeHopHead {
  Dense q, k, v;
  // Behind the attention, added to it; without `narrow` there is none.
  Dense widen;
  std::vector<Residual> layers;
  Dense narrow;
};
struct TreeHopWeights {
  std::size_t dims = 0;
  std::vector<TreeHopHead> heads;
  Dense out;  // of all heads' outputs, one after another

  static TreeHopWeights identity(std::size_t dims);  // one head that projects nothing
};

// h = q - c + W_o [heads]; as it is, not of unit length. REQUIRES: all of w.dims, h does not
// overlap.
void next_query(const TreeHopWeights& w, std::span<const float> q, std::span<const float> c,
                std::span<float> h);

// The `keep` highest, in order of index; of equals the lower index.
std::vector<std::size_t> prune_layer(std::span<const float> scores, std::size_t keep);

struct TreeHopOptions {
  std::size_t hops = 2;
  std::size_t keep = 5;  // passages a query finds, and of a layer over all its queries
  float least = -1;      // cosine below which a passage is not taken
};
struct TreeHopHit {
  std::size_t passage = 0;
  float score = 0;
  std::size_t hop = 0;
  std::size_t from = 0;  // hit whose passage made the query; of hop 0 its own index
};
// Passages by hop, then by score; none twice. At most hops * keep. REQUIRES: rows of `passages` and
// the query of length 1 or 0.
std::vector<TreeHopHit> tree_hop(const TreeHopWeights& w, const Matrix& passages,
                                 std::span<const float> query, const TreeHopOptions& options);

}  // namespace swy::math
