// Ridge regression of several outputs on the same dense inputs, with missing observations, the
// penalty chosen by cross-validation; and the Cholesky factor that it and its neighbours need.
//
// When to use: linear heads over embeddings, class-conditional Gaussians. Threading: pure; one
// core. Ownership: results own their numbers. Cost: rows x dims^2 for the normal equations (once
// per distinct pattern of missing observations), dims^3 per penalty and fold. Source: Hoerl and
// Kennard 1970; Golub and Van Loan, Matrix Computations, 4.2.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

// L of A = L L', A symmetric and positive definite; n x n row-major, the upper triangle is not
// read.
class Cholesky {
 public:
  // false: not positive definite (nothing may be solved then).
  [[nodiscard]] bool factor(std::vector<double> a, std::size_t n);
  // b becomes A^-1 b.
  void solve(std::span<double> b) const;
  // b becomes L^-1 b: |L^-1 b|^2 = b' A^-1 b.
  void whiten(std::span<double> b) const;
  [[nodiscard]] std::size_t size() const { return n_; }
  // Row-major, zeros above the diagonal.
  [[nodiscard]] std::span<const double> factor() const { return l_; }

 private:
  std::size_t n_ = 0;
  std::vector<double> l_;
};

// sum over rows of (x - mean)(x - mean)', lower triangle, and the sums that belong to it.
struct Gram {
  std::size_t dims = 0;
  double rows = 0;
  std::vector<double> products;  // dims x dims, lower triangle, not centred
  std::vector<double> sums;      // dims
  explicit Gram(std::size_t n) : dims(n), products(n * n, 0.0), sums(n, 0.0) {}
  void add(std::span<const float> x, double sign = 1);
  void add(const Gram& other, double sign = 1);
  static constexpr std::size_t kTogether = 8;
  // The same for rows whose values stand in a row of `x` each. REQUIRES: dims * kTogether numbers.
  void add_together(std::span<const double> x);
  // products - rows * mean mean', with `ridge` on the diagonal.
  [[nodiscard]] std::vector<double> centred(double ridge) const;
};

struct RidgeOptions {
  std::vector<double> penalties = {3, 10, 30, 100, 300};  // tried; of equal ones the larger stays
  std::size_t folds = 3;                                  // row i is held out in fold i % folds
};

struct RidgeModel {
  std::size_t dims = 0;
  std::size_t outputs = 0;
  std::vector<float> weights;  // outputs x dims
  std::vector<float> bias;     // outputs
  double penalty = 0;
  Matrix held_out;  // rows x outputs: every row predicted by the folds that did not see it

  // out[o] = bias[o] + weights[o] . x. REQUIRES: x.size() == dims, out.size() == outputs.
  void predict(std::span<const float> x, std::span<double> out) const;
};

// The same of rows that are given one by one: what is kept does not grow with their number.
class RidgeSums {
 public:
  // pattern[o]: outputs of one pattern are observed on the same rows and share their normal
  // equations. REQUIRES: folds > 0.
  RidgeSums(std::size_t dims, std::span<const std::size_t> pattern, std::size_t folds);
  // The next row. y[o]: NaN where there is no observation. REQUIRES: y.size() is the number of
  // outputs.
  void add(std::span<const float> x, std::span<const float> y);
  // The penalty of least squared error on held-out folds, and what it gives on all rows; no
  // held_out.
  [[nodiscard]] RidgeModel fit(std::span<const double> penalties);
  // At one penalty, of all rows but those of a fold. REQUIRES: after fit().
  [[nodiscard]] RidgeModel without(std::size_t fold, double penalty) const;

 private:
  struct Moments {
    Gram x;
    std::vector<double> xy;      // outputs x dims, not centred
    std::vector<double> y, yy;   // outputs
    std::vector<double> rows;    // not yet added: their x, in a row each
    std::vector<double> values;  // their y: outputs x Gram::kTogether
    std::size_t waiting = 0;
    Moments(std::size_t dims, std::size_t outputs);
    void add(const Moments& other);
    void add_waiting();
  };
  struct Pattern {
    std::vector<std::size_t> outputs;
    std::vector<Moments> folds;
  };
  static void solve(const Moments& m, const Pattern& p, double penalty, RidgeModel& model);
  [[nodiscard]] static double squared_error(const Moments& m, const Pattern& p,
                                            const RidgeModel& model);
  [[nodiscard]] RidgeModel sized() const;

  std::size_t dims_, outputs_, rows_ = 0;
  std::vector<Pattern> patterns_;
};

// y[o] has one value per row of x, NaN where there is no observation. An output without any is 0
// everywhere. The bias is not penalised. REQUIRES: x.rows() > 0, y[o].size() == x.rows(), penalties
// > 0.
RidgeModel fit_ridge(const Matrix& x, std::span<const std::vector<float>> y,
                     const RidgeOptions& options = {});

}  // namespace swy::math
