// Groups of dense vectors as Gaussians with one common covariance: which group a vector belongs to,
// and how far it is from all of them.
//
// Formula: d_g = (x - c_g)' C^-1 (x - c_g), C the covariance within groups plus `smooth` times its
// mean variance on the diagonal, c_g the mean of group g with kCentrePrior pseudo-rows at the
// common mean; share_g ~ sqrt(n_g) exp(-d_g / 4): half the log-likelihood, because neighbouring
// dimensions say the same thing twice. strangeness = min_g d_g - (x - mean)' C0^-1 (x - mean), C0
// the whole covariance (relative Mahalanobis distance). A row that the groups were made of is
// judged without itself: its own centre moves away by ((n + 5) / (n + 4))^2 and both distances grow
// by 1 / (1 - d / rows), what one row adds to a covariance. form = -ln(60 + max(-30, min_g e_g)),
// e_g minus twice the log-likelihood of the counts (in deviations of all rows) under independent
// normals with the mean and variance of group g. Cost: two triangular products of the width, and
// width x groups. When it loses: groups that are not convex. Source: linear discriminant analysis
// (Fisher 1936); Ren et al. 2021 (arXiv 2106.09022). When to use: inside this folder. Threading:
// fitted by one thread, then immutable. Ownership: owns its matrices.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "math/matrix.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

// What is as if it were not there: the row itself, which is of `group`, or all rows of `group`.
struct Left {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t group = kNone;
  bool all = false;

  [[nodiscard]] bool out(std::size_t g) const { return all && g == group; }
  [[nodiscard]] bool own(std::size_t g) const { return !all && g == group; }
};

// How a vector lies to the groups.
struct Lies {
  double strangeness = 0;  // relative Mahalanobis distance
  double sureness = 0;     // sum of share ln share: 0 for one group alone
  double form = 0;         // minus ln of the distance to the nearest group by the last dimensions
};

class GaussianGroups {
 public:
  // The last `counts` dimensions are what `form` looks at. REQUIRES: group.size() == x.rows() > 0,
  // every group[i] < groups, counts <= x.cols().
  GaussianGroups(const math::Matrix& x, std::span<const std::uint32_t> group, std::size_t groups,
                 std::size_t counts);
  void write(WeightFile& out) const;
  static Result<GaussianGroups> read(const WeightFile& in, std::size_t dims, std::size_t counts);
  [[nodiscard]] std::size_t groups() const { return log_size_.size(); }
  // share[g] sums to one. REQUIRES: x.size() == dims, share.size() == groups(); with left.all there
  // is another group.
  Lies belong(std::span<const float> x, std::span<float> share, Left left = {}) const;

 private:
  GaussianGroups() = default;
  // x' W x by a triangular factor: whitened rows of length dims.
  struct Whitening {
    std::vector<float> inverse;  // dims x dims, lower triangle of L^-1
    void apply(std::span<const float> x, std::span<float> out) const;
  };
  static Whitening whitening(const std::vector<double>& covariance, std::size_t dims);

  void describe_counts(const math::Matrix& x, std::span<const std::uint32_t> group);
  void finish();  // what follows from the rest
  [[nodiscard]] double form(std::span<const float> counts, Left left) const;

  std::size_t dims_ = 0;
  std::size_t counts_ = 0;
  Whitening within_, whole_;
  std::vector<float> centres_;   // groups x dims, whitened within
  std::vector<float> mean_;      // dims, whitened by the whole
  std::vector<float> log_size_;  // ln of the share of rows
  std::vector<float> size_;      // rows by group
  float rows_ = 0;
  std::vector<float> form_mean_, form_precision_;  // groups x counts
  std::vector<float> form_bias_;                   // by group: sum of ln variance
};

}  // namespace swy::route
