// Groups of dense vectors as Gaussians with one common covariance: which group a vector belongs to,
// and how far it is from all of them.
//
// Formula: d_g = (x - c_g)' C^-1 (x - c_g), C the covariance within groups plus `smooth` times its
// mean variance on the diagonal, c_g the mean of group g with kCentrePrior pseudo-rows at the
// common mean; share_g ~ sqrt(n_g) exp(-d_g / 4): half the log-likelihood, because neighbouring
// dimensions say the same thing twice. strangeness = min_g d_g - (x - mean)' C0^-1 (x - mean), C0
// the whole covariance (relative Mahalanobis distance). Cost: two triangular products of the width,
// and width x groups. When it loses: groups that are not convex. Source: linear discriminant
// analysis (Fisher 1936); Ren et al. 2021 (arXiv 2106.09022). When to use: inside this folder.
// Threading: fitted by one thread, then immutable. Ownership: owns its matrices.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "math/matrix.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

class GaussianGroups {
 public:
  // REQUIRES: group.size() == x.rows() > 0, every group[i] < groups.
  GaussianGroups(const math::Matrix& x, std::span<const std::uint32_t> group, std::size_t groups);
  void write(WeightFile& out) const;
  static Result<GaussianGroups> read(const WeightFile& in, std::size_t dims);
  [[nodiscard]] std::size_t groups() const { return log_size_.size(); }
  static constexpr std::size_t kNoGroup = static_cast<std::size_t>(-1);
  // share[g] sums to one; returns the strangeness, with no look at group `without`. REQUIRES:
  // x.size() == dims, share.size() == groups().
  double belong(std::span<const float> x, std::span<float> share,
                std::size_t without = kNoGroup) const;

 private:
  GaussianGroups() = default;
  // x' W x by a triangular factor: whitened rows of length dims.
  struct Whitening {
    std::vector<float> inverse;  // dims x dims, lower triangle of L^-1
    void apply(std::span<const float> x, std::span<float> out) const;
  };
  static Whitening whitening(const std::vector<double>& covariance, std::size_t dims);

  std::size_t dims_ = 0;
  Whitening within_, whole_;
  std::vector<float> centres_;  // groups x dims, whitened within
  std::vector<float> mean_;     // dims, whitened by the whole
  std::vector<float> log_size_;
};

}  // namespace swy::route
