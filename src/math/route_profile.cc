// Profiles of models over a graph query - domain - model.
//
// Formula: a model's edges to the queries that it was observed on carry its outcome less its mean
// over them, to domains the same summed. With queries less their mean u, and their domains' centres
// c: z = one hop (sym weights) of the queries' states over the model's edges, as a mean: divided by
// sqrt(degree); dev_d = mean over the domain. Each further hop first draws a query's state half way
// to its domain's. Both are drawn by `shrink` pseudo-observations a domain to the same of all
// models together. A prompt has shares p = softmax(sharpness (c u - |c|^2 / 2)) of the domains:
//   quality_m(u) = mean_m + by_domain sum_d p_d dev_md + by_query z_m (C + damping)^-1 u,
// C the covariance of the queries: hops between like queries without end, A^-1 = a sum_k (1 -
// aA)^k. The two weights are least squares over held-out rows, shared by all models, as is the
// damping, of a few; the sharpness is the one under which the held-out rows' domains are likeliest.
// Right because nothing but sums over edges belongs to a model. Cost: rows x (models + domains) x
// dims and dims^3 for each fold and damping; a prompt: (models + domains) x dims. When it loses:
// many rows of few models, where a head of their own says more. Source: RouteProfile
// (request-routing.md 4.8), training-free embedding profiles. Deviations: outcomes less the mean in
// place of scores scaled to 0..1 (there the worst edge vanishes); a hop for every model alone, so
// that its profile does not depend on who else was asked; relations are weighted by the fit, not
// equally; the shrinkage; a linear router in place of cosines. Tests: route_profile_test.cc (known
// answer).
#include "math/route_profile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "math/kernels.h"
#include "math/ridge.h"

namespace swy::math {
namespace {

constexpr std::array<float, 7> kSharpness = {1, 3, 10, 30, 100, 300, 1000};
// Of the mean variance of a feature.
constexpr std::array<double, 6> kDamping = {0.1, 0.3, 1, 3, 10, 100};
constexpr double kLeastShare = 1e-6;  // log of a share of 0
// Penalty of the two weights, as a share of their own squares: only against singular equations.
constexpr double kRidge = 1e-3;

std::vector<std::uint32_t> rows_where(std::size_t rows, std::size_t folds, std::size_t fold,
                                      bool held_out) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < rows; ++i)
    if ((i % folds == fold) == held_out) out.push_back(static_cast<std::uint32_t>(i));
  return out;
}

void centre(std::span<const float> x, std::span<const float> mean, std::span<float> out) {
  for (std::size_t d = 0; d < out.size(); ++d) out[d] = x[d] - mean[d];
}

// The nodes of the graph that stay: where the queries lie and their domains.
RouteProfile place(const Matrix& x, std::span<const std::uint32_t> domain,
                   std::span<const std::uint32_t> rows, std::size_t domains) {
  RouteProfile p;
  p.dims = x.cols();
  p.domains = domains;
  p.mean.assign(p.dims, 0.0F);
  p.centres.assign(domains * p.dims, 0.0F);
  std::vector<float> n(domains, 0.0F);
  for (const std::uint32_t i : rows) {
    best_kernels().axpy(1, x.row(i).data(), p.dims, p.mean.data());
    best_kernels().axpy(1, x.row(i).data(), p.dims, p.centres.data() + domain[i] * p.dims);
    n[domain[i]] += 1;
  }
  for (float& v : p.mean) v /= static_cast<float>(rows.size());
  for (std::size_t d = 0; d < domains; ++d) {
    const std::span c(p.centres.data() + d * p.dims, p.dims);
    if (n[d] == 0) continue;  // nobody's: stays at the mean
    for (float& v : c) v /= n[d];
    centre(c, p.mean, c);
  }
  return p;
}

// The shares of the domains, one row for each of `rows`: all of its own, or told from the query.
Matrix shares_of(std::span<const std::uint32_t> domain, std::span<const std::uint32_t> rows,
                 std::size_t domains) {
  Matrix s(rows.size(), domains);
  for (std::size_t i = 0; i < rows.size(); ++i) s.row(i)[domain[rows[i]]] = 1;
  return s;
}

// The states of these queries after the hops that precede the last.
Matrix states_of(const RouteProfile& p, const Matrix& x, std::span<const std::uint32_t> rows,
                 const Matrix& share) {
  Matrix states(rows.size(), p.dims);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto state = states.row(i);
    centre(x.row(rows[i]), p.mean, state);
    const float own = std::exp2(1 - p.hops);
    for (float& v : state) v *= own;
    for (std::size_t d = 0; d < p.domains; ++d)
      best_kernels().axpy((1 - own) * share.row(i)[d], p.centres.data() + d * p.dims, p.dims,
                          state.data());
  }
  return states;
}

// Sums over edges of one model, not yet drawn anywhere.
struct Sums {
  double mean = 0, count = 0;
  std::vector<double> by_domain, of_domain;  // outcomes less the mean, and how many
  std::vector<double> by_query;
};

Sums sums_of(std::span<const std::uint32_t> rows, const Matrix& states, const Matrix& share,
             std::span<const float> y) {
  Sums s;
  const std::size_t domains = share.cols();
  s.by_domain.assign(domains, 0.0);
  s.of_domain.assign(domains, 0.0);
  std::vector<GraphEdge> edges;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float v = y[rows[i]];
    if (std::isnan(v)) continue;
    s.mean += static_cast<double>(v);
    s.count += 1;
    edges.push_back({static_cast<std::uint32_t>(i), 0, v});
  }
  if (s.count > 0) s.mean /= s.count;
  for (GraphEdge& e : edges) {
    e.score -= static_cast<float>(s.mean);
    for (std::size_t d = 0; d < domains; ++d) {
      const auto part = static_cast<double>(share.row(e.from)[d]);
      s.by_domain[d] += part * static_cast<double>(e.score);
      s.of_domain[d] += part;
    }
  }
  // The hop divides by the root of the degree; this is the sum again.
  const Matrix hop = graph_hop(states, edges, 1);
  for (const float v : hop.row(0))
    s.by_query.push_back(static_cast<double>(v) * std::sqrt(s.count));
  return s;
}

void add_common(std::span<const Sums> sums, RouteProfile& p) {
  std::vector<double> value(p.domains + p.dims, 0.0), of_domain(p.domains, 0.0);
  double count = 0;
  double sum = 0;
  for (const Sums& s : sums) {
    count += s.count;
    sum += s.count * s.mean;
    for (std::size_t d = 0; d < p.domains; ++d) {
      value[d] += s.by_domain[d];
      of_domain[d] += s.of_domain[d];
    }
    for (std::size_t d = 0; d < p.dims; ++d) value[p.domains + d] += s.by_query[d];
  }
  p.common_mean = static_cast<float>(count > 0 ? sum / count : 0);
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double n = i < p.domains ? of_domain[i] : count;
    p.common.push_back(static_cast<float>(n > 0 ? value[i] / n : 0));
  }
}

void add_profile(const Sums& s, RouteProfile& p) {
  const auto shrink = static_cast<double>(p.shrink);
  const auto drawn = [&](double sum, double n, double pseudo, float common) {
    const double weight = n + pseudo;
    return static_cast<float>(weight > 0 ? (sum + pseudo * static_cast<double>(common)) / weight
                                         : 0);
  };
  p.profiles.push_back(drawn(s.mean * s.count, s.count, shrink, p.common_mean));
  for (std::size_t d = 0; d < p.domains; ++d)
    p.profiles.push_back(drawn(s.by_domain[d], s.of_domain[d], shrink, p.common[d]));
  const double pseudo = shrink * static_cast<double>(p.domains);
  std::vector<float> z;
  for (std::size_t d = 0; d < p.dims; ++d)
    z.push_back(drawn(s.by_query[d], s.count, pseudo, p.common[p.domains + d]));
  for (std::size_t d = 0; d < p.dims; ++d)
    p.profiles.push_back(best_kernels().dot(p.spread.data() + d * p.dims, z.data(), p.dims));
  p.outputs += 1;
}

struct Task {
  const Matrix& x;
  std::span<const std::uint32_t> domain;
  std::span<const std::vector<float>> y;
  const ProfileOptions& options;
  std::size_t domains = 0;
};

// What is summed over some rows; no profiles yet.
struct Ground {
  RouteProfile place;
  std::vector<Sums> sums;
  Gram gram;
};

Ground ground_of(const Task& t, std::span<const std::uint32_t> rows) {
  Ground g{place(t.x, t.domain, rows, t.domains), {}, Gram(t.x.cols())};
  g.place.shrink = static_cast<float>(t.options.shrink);
  g.place.hops = static_cast<float>(t.options.hops);
  const Matrix share = shares_of(t.domain, rows, t.domains);
  const Matrix states = states_of(g.place, t.x, rows, share);
  for (const auto& y : t.y) g.sums.push_back(sums_of(rows, states, share, y));
  add_common(g.sums, g.place);
  for (const std::uint32_t i : rows) g.gram.add(t.x.row(i));
  return g;
}

// The inverse of covariance + damping times the mean variance; all zeros where nothing varies.
std::vector<float> spread_of(const Gram& gram, double damping) {
  const std::size_t n = gram.dims;
  std::vector<float> out(n * n, 0.0F);
  double trace = 0;
  const std::vector<double> plain = gram.centred(0);
  for (std::size_t d = 0; d < n; ++d) trace += plain[d * n + d];
  const double ridge = damping * trace / static_cast<double>(n);
  Cholesky factor;
  if (!(ridge > 0) || !factor.factor(gram.centred(ridge), n)) return out;
  std::vector<double> column(n);
  for (std::size_t d = 0; d < n; ++d) {
    std::fill(column.begin(), column.end(), 0.0);
    column[d] = gram.rows;
    factor.solve(column);
    for (std::size_t e = 0; e < n; ++e) out[d * n + e] = static_cast<float>(column[e]);
  }
  return out;
}

RouteProfile profile_of(const Ground& g, double damping, float sharpness) {
  RouteProfile p = g.place;
  p.sharpness = sharpness;
  p.spread = spread_of(g.gram, damping);
  for (const Sums& s : g.sums) add_profile(s, p);
  return p;
}

// What the two relations say of output m, unweighted.
std::array<double, 2> parts(const RouteProfile& p, std::size_t m, std::span<const float> share,
                            std::span<const float> centred) {
  const float* profile = p.profiles.data() + m * p.stride();
  return {static_cast<double>(best_kernels().dot(profile + 1, share.data(), p.domains)),
          static_cast<double>(best_kernels().dot(profile + 1 + p.domains, centred.data(), p.dims))};
}

// Least squares of y - mean by the two parts, over held-out rows.
struct Squares {
  double a00 = 0, a01 = 0, a11 = 0, b0 = 0, b1 = 0, yy = 0;

  void add(std::span<const double> f, double y) {
    a00 += f[0] * f[0];
    a01 += f[0] * f[1];
    a11 += f[1] * f[1];
    b0 += f[0] * y;
    b1 += f[1] * y;
    yy += y * y;
  }
  // Solves for the weights of p; returns what is left.
  double solve(RouteProfile& p) const {
    const double d0 = a00 * (1 + kRidge);
    const double d1 = a11 * (1 + kRidge);
    const double det = d0 * d1 - a01 * a01;
    const bool both = det > 0;
    p.by_domain = static_cast<float>(both ? (d1 * b0 - a01 * b1) / det : (d0 > 0 ? b0 / d0 : 0));
    p.by_query = static_cast<float>(both ? (d0 * b1 - a01 * b0) / det : (d1 > 0 ? b1 / d1 : 0));
    const double w0 = static_cast<double>(p.by_domain);
    const double w1 = static_cast<double>(p.by_query);
    return yy - 2 * (w0 * b0 + w1 * b1) + w0 * w0 * a00 + 2 * w0 * w1 * a01 + w1 * w1 * a11;
  }
};

void add_held_out(const Task& t, const RouteProfile& p, std::span<const std::uint32_t> rows,
                  Squares& squares) {
  std::vector<float> u(p.dims), share(p.domains);
  for (const std::uint32_t i : rows) {
    centre(t.x.row(i), p.mean, u);
    p.shares(u, share);
    for (std::size_t m = 0; m < p.outputs; ++m) {
      const auto y = static_cast<double>(t.y[m][i]);
      if (std::isnan(y)) continue;
      squares.add(parts(p, m, share, u), y - static_cast<double>(p.profiles[m * p.stride()]));
    }
  }
}

// How unlikely the held-out rows' domains are, under every sharpness.
void add_surprise(const Task& t, RouteProfile& p, std::span<const std::uint32_t> rows,
                  std::span<double> surprise) {
  std::vector<float> u(p.dims), share(p.domains);
  for (const std::uint32_t i : rows) {
    centre(t.x.row(i), p.mean, u);
    for (std::size_t s = 0; s < kSharpness.size(); ++s) {
      p.sharpness = kSharpness[s];
      p.shares(u, share);
      surprise[s] -= std::log(kLeastShare + static_cast<double>(share[t.domain[i]]));
    }
  }
}

}  // namespace

Matrix graph_hop(const Matrix& x, std::span<const GraphEdge> edges, std::size_t nodes) {
  std::vector<float> out_degree(x.rows(), 0.0F), in_degree(nodes, 0.0F);
  for (const GraphEdge& e : edges) {
    out_degree[e.from] += 1;
    in_degree[e.to] += 1;
  }
  Matrix out(nodes, x.cols());
  for (const GraphEdge& e : edges)
    best_kernels().axpy(e.score / std::sqrt(out_degree[e.from] * in_degree[e.to]),
                        x.row(e.from).data(), x.cols(), out.row(e.to).data());
  return out;
}

void RouteProfile::shares(std::span<const float> centred, std::span<float> share) const {
  for (std::size_t d = 0; d < domains; ++d) {
    const float* c = centres.data() + d * dims;
    share[d] = sharpness *
               (best_kernels().dot(c, centred.data(), dims) - best_kernels().dot(c, c, dims) / 2);
  }
  best_kernels().softmax(share.data(), domains);
}

void RouteProfile::predict(std::span<const float> x, std::span<double> out) const {
  thread_local std::vector<float> u, share;
  u.resize(dims);
  share.resize(domains);
  centre(x, mean, u);
  shares(u, share);
  for (std::size_t m = 0; m < outputs; ++m) {
    const auto part = parts(*this, m, share, u);
    out[m] = static_cast<double>(profiles[m * stride()]) +
             static_cast<double>(by_domain) * part[0] + static_cast<double>(by_query) * part[1];
  }
}

void RouteProfile::join(const Matrix& x, std::span<const float> y) {
  const auto rows = rows_where(x.rows(), 1, 0, true);
  Matrix share(rows.size(), domains);
  std::vector<float> u(dims);
  for (const std::uint32_t i : rows) {
    centre(x.row(i), mean, u);
    shares(u, share.row(i));
  }
  add_profile(sums_of(rows, states_of(*this, x, rows, share), share, y), *this);
}

RouteProfile fit_route_profile(const Matrix& x, std::span<const std::uint32_t> domain,
                               std::span<const std::vector<float>> y,
                               const ProfileOptions& options) {
  SWY_ASSERT(x.rows() > 0 && domain.size() == x.rows());
  const Task t{x, domain, y, options, 1 + *std::max_element(domain.begin(), domain.end())};
  const std::size_t folds = std::min(options.folds, x.rows());
  std::vector<Ground> without;
  std::array<double, kSharpness.size()> surprise{};
  for (std::size_t f = 0; folds > 1 && f < folds; ++f) {
    without.push_back(ground_of(t, rows_where(x.rows(), folds, f, false)));
    add_surprise(t, without[f].place, rows_where(x.rows(), folds, f, true), surprise);
  }
  const auto likely = std::min_element(surprise.begin(), surprise.end()) - surprise.begin();
  const float sharpness = kSharpness[static_cast<std::size_t>(likely)];
  const Ground all = ground_of(t, rows_where(x.rows(), 1, 0, true));
  RouteProfile best;
  double least = std::numeric_limits<double>::infinity();
  for (const double damping : kDamping) {
    Squares squares;
    for (std::size_t f = 0; f < without.size(); ++f)
      add_held_out(t, profile_of(without[f], damping, sharpness),
                   rows_where(x.rows(), folds, f, true), squares);
    RouteProfile p = profile_of(all, damping, sharpness);
    const double left = squares.solve(p);
    if (left > least) continue;  // of equal ones the larger stays
    least = left;
    best = std::move(p);
  }
  return best;
}

}  // namespace swy::math
