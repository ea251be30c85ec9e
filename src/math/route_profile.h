// Profiles of outputs (models) from a graph of queries, domains and models, and what they say of a
// new query.
//
// When to use: few observations of some models, many of others: a profile is a sum over a model's
// edges, so a new model needs no training. Threading: fitted by one thread, then immutable;
// predict() is pure. Ownership: owns its numbers. Nothing allocates in predict() after the first
// call of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

struct GraphEdge {
  std::uint32_t from = 0, to = 0;
  float score = 0;
};

// One hop: out[to] = sum over edges of score x[from] / sqrt(degree of from * degree of to).
// REQUIRES: from < x.rows(), to < nodes.
Matrix graph_hop(const Matrix& x, std::span<const GraphEdge> edges, std::size_t nodes);

struct ProfileOptions {
  double shrink = 10;  // pseudo-observations of a model and of every domain, at what all have there
  std::size_t hops = 1;   // 1: queries as they are; each more: drawn half way to their domain
  std::size_t folds = 5;  // row i is held out in fold i % folds
};

struct RouteProfile {
  std::size_t dims = 0, domains = 0, outputs = 0;
  float sharpness = 1;                // of the shares of domains
  float by_domain = 0, by_query = 0;  // weights of the two relations, the same for every model
  float shrink = 10;
  float hops = 1;
  float common_mean = 0;
  std::vector<float> mean;     // of the queries: dims
  std::vector<float> centres;  // domains x dims, from `mean`
  // What all models together have by domain and by query, not spread: domains + dims.
  std::vector<float> common;
  std::vector<float> spread;  // dims x dims: over like queries, of every profile
  // outputs x (1 + domains + dims): mean, deviations by domain, spread profile of the queries.
  std::vector<float> profiles;

  [[nodiscard]] std::size_t stride() const { return 1 + domains + dims; }
  // centred = x - mean. REQUIRES: sizes dims and domains.
  void shares(std::span<const float> centred, std::span<float> share) const;
  // REQUIRES: x.size() == dims, out.size() == outputs.
  void predict(std::span<const float> x, std::span<double> out) const;
  // One more output, by observations y of the rows of x (NaN: none). REQUIRES: y.size() ==
  // x.rows().
  void join(const Matrix& x, std::span<const float> y);
};

// y[o] has one value per row, NaN where there is no observation; domain[i] of row i, numbered from
// 0 without gaps. REQUIRES: x.rows() > 0.
RouteProfile fit_route_profile(const Matrix& x, std::span<const std::uint32_t> domain,
                               std::span<const std::vector<float>> y,
                               const ProfileOptions& options = {});

}  // namespace swy::math
