// Routers whose parameters are running means.
//   Online K-means (2605.12476): score = cos(x, m_j); m_j <- (1 - a) m_j + a mean of its tokens.
//     Variant of the paper (abstract and second hand): a and the seeding were not found; zero
//     centroids fail, so start from tokens. Loses: idle centroids never move (reseed_idle(), ours).
//   ST-MoE's cosine router (2604.14419): the same score on a 64-wide projection, learned centroids.
//   AdaptDHM (2211.12105, from a third-party implementation: variant of): three rounds of
//     cluster_step() per training batch with keep = .9, none in evaluation. A sum, not a mean: the
//     step grows with the batch.
// Cost: experts * dims per token, as a linear router. No gradient. Test: state_routers_test.cc.
#include <algorithm>
#include <cmath>

#include "moe/state_routers.h"

namespace swy::moe {
namespace {

Arguments check(Rows<const float> x, Rows<const std::int32_t> chosen, Rows<float> centroids) {
  Arguments args;
  args.table(centroids, "centroids").table(x, x.rows, centroids.cols, "x");
  return args.table(chosen, x.rows, chosen.cols, "chosen").ids(chosen, centroids.rows, "chosen");
}

}  // namespace

Status kmeans_update(Rows<const float> x, Rows<const std::int32_t> chosen, double rate,
                     std::span<double> scratch, Rows<float> centroids) {
  const std::size_t experts = centroids.rows;
  const std::size_t dims = centroids.cols;
  const auto args =
      check(x, chosen, centroids).span(scratch.size(), experts * (dims + 1), "scratch");
  if (!args.ok()) return args.status();
  const auto sum = scratch.subspan(0, experts * dims);
  const auto count = scratch.subspan(experts * dims, experts);
  std::fill(sum.begin(), sum.end(), 0.0);
  std::fill(count.begin(), count.end(), 0.0);
  for (std::size_t t = 0; t < x.rows; ++t)
    for (const std::int32_t e : chosen.row(t)) {
      if (e < 0) continue;
      const auto at = static_cast<std::size_t>(e);
      count[at] += 1;
      for (std::size_t d = 0; d < dims; ++d) sum[at * dims + d] += static_cast<double>(x.at(t, d));
    }
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t d = 0; count[e] > 0 && d < dims; ++d) {
      const double mean = sum[e * dims + d] / count[e];
      const auto old = static_cast<double>(centroids.at(e, d));
      centroids.at(e, d) = static_cast<float>((1 - rate) * old + rate * mean);
    }
  return {};
}

Checked<std::size_t> reseed_idle(Rows<const float> x, Rows<const std::int32_t> chosen,
                                 std::span<const std::uint32_t> load, Rows<float> centroids) {
  const auto args = check(x, chosen, centroids)
                        .same(load.size(), centroids.rows, "load")
                        .that(x.rows == 0 || chosen.cols > 0, Code::kBadShape, "chosen");
  if (!args.ok()) return args.status();
  const auto fit = [&](std::size_t t) {  // cosine to the token's own first centroid
    const auto own = centroids.row(static_cast<std::size_t>(chosen.at(t, 0)));
    const double both = length(x.row(t)) * length(own);
    return both > 0 ? inner(x.row(t), own) / both : 1.0;
  };
  std::size_t moved = 0;
  for (std::size_t e = 0; e < load.size(); ++e) {
    if (load[e] > 0) continue;
    std::size_t worst = x.rows;
    double least = 1;  // a token on its centroid gains nothing
    for (std::size_t t = 0; t < x.rows; ++t) {
      if (chosen.at(t, 0) < 0) continue;
      double f = fit(t);
      // Not twice the same place: idle centroids already moved count as the token's own too.
      for (std::size_t before = 0; before < e; ++before)
        if (load[before] == 0 && length(centroids.row(before)) > 0)
          f = std::max(f, inner(x.row(t), centroids.row(before)) /
                              std::max(length(x.row(t)) * length(centroids.row(before)), 1e-300));
      if (f < least - 1e-12) {
        least = f;
        worst = t;
      }
    }
    if (worst == x.rows) break;  // nor does any token gain by a later one
    std::copy_n(x.row(worst).begin(), x.cols, centroids.row(e).begin());
    ++moved;
  }
  return moved;
}

Status cluster_step(Rows<const float> x, double keep, std::span<double> scratch,
                    Rows<float> centres) {
  const std::size_t clusters = centres.rows;
  const std::size_t dims = centres.cols;
  const auto args = Arguments()
                        .table(centres, "centres")
                        .that(clusters > 0, Code::kBadShape, "centres")
                        .table(x, x.rows, dims, "x")
                        .span(scratch.size(), clusters * (dims + 1), "scratch");
  if (!args.ok()) return args.status();
  const auto sum = scratch.subspan(0, clusters * dims);
  const auto share = scratch.subspan(clusters * dims, clusters);
  std::fill(sum.begin(), sum.end(), 0.0);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t j = 0; j < clusters; ++j) share[j] = inner(x.row(t), centres.row(j));
    softmax(share, share);
    for (std::size_t j = 0; j < clusters; ++j)
      for (std::size_t d = 0; d < dims; ++d)
        sum[j * dims + d] += share[j] * static_cast<double>(x.at(t, d));
  }
  for (std::size_t j = 0; j < clusters; ++j) {
    const auto next = sum.subspan(j * dims, dims);
    for (std::size_t d = 0; d < dims; ++d)
      next[d] = keep * static_cast<double>(centres.at(j, d)) + (1 - keep) * next[d];
    const double norm = length(next);
    for (std::size_t d = 0; norm > 0 && d < dims; ++d)
      centres.at(j, d) = static_cast<float>(next[d] / norm);
  }
  return {};
}

Checked<std::size_t> cluster_of(std::span<const float> x, Rows<const float> centres) {
  const auto args = Arguments()
                        .table(centres, "centres")
                        .that(centres.rows > 0, Code::kBadShape, "centres")
                        .same(x.size(), centres.cols, "x");
  if (!args.ok()) return args.status();
  std::size_t best = 0;
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < centres.rows; ++j) {
    const double s = inner(x, centres.row(j));
    if (s > most) {
      most = s;
      best = j;
    }
  }
  return best;
}

}  // namespace swy::moe
