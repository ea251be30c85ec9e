// Sinkhorn's iteration: with K = exp(score / xi), u = 1, repeat v = c / (K^T u), u = r / (K v); the
// plan is diag(u) K diag(v) (Cuturi, 1306.0895). sinkhorn_log() keeps log u and log v; sinkhorn()
// keeps K as softmax rows (scaling a row of K only rescales u) and does both halves of an iteration
// in one pass over a row: a dot product and an addition of a multiple.
//
// Cost per iteration and token: 4 flops an expert; about ten times that in the log domain.
// Loses: small xi needs many iterations (MaxVio .09-.19 at xi .05 after 33, 256 x 8); the argmax of
// a balanced plan is not balanced; batch-coupled. Why it converges: alternating projections in
// Kullback-Leibler divergence, the column error (L1) never grows. Test: transport/sinkhorn_test.cc.
#include "moe/sinkhorn.h"

#include <algorithm>
#include <cmath>

namespace swy::moe {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

template <class T>
double total_mass(std::span<const T> mass, std::size_t n) {
  if (mass.empty()) return static_cast<double>(n);
  double sum = 0;
  for (const T m : mass) sum += static_cast<double>(m);
  return sum;
}

// max and sum of exp(x - max), kept while x streams by.
void stream(double x, double& most, double& sum) {
  if (x == -kInfinite) return;
  if (x > most) {
    sum = sum * std::exp(most - x) + 1;
    most = x;
  } else {
    sum += std::exp(x - most);
  }
}

struct LogState {
  Rows<const double> score;
  double xi;
  std::span<double> f, g, most, sum;  // log u, log v, and the columns while they stream

  void columns(std::span<const double> mass, double each) const {
    std::fill(most.begin(), most.end(), -kInfinite);
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < score.rows; ++i)
      for (std::size_t j = 0; j < score.cols; ++j)
        stream(score.at(i, j) / xi + f[i], most[j], sum[j]);
    for (std::size_t j = 0; j < score.cols; ++j)
      g[j] = sum[j] > 0 ? std::log(mass.empty() ? each : mass[j]) - most[j] - std::log(sum[j])
                        : -kInfinite;
  }
  void rows(std::span<const double> mass) const {
    for (std::size_t i = 0; i < score.rows; ++i) {
      double high = -kInfinite;
      double at = 0;
      for (std::size_t j = 0; j < score.cols; ++j) stream(score.at(i, j) / xi + g[j], high, at);
      // A token with no expert above -inf has no plan.
      f[i] = at > 0 ? std::log(mass.empty() ? 1.0 : mass[i]) - high - std::log(at) : -kInfinite;
    }
  }
  [[nodiscard]] double mass_at(std::size_t i, std::size_t j) const {
    return std::exp(score.at(i, j) / xi + f[i] + g[j]);
  }
  [[nodiscard]] double worst_column(std::span<const double> mass, double each) const {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < score.rows; ++i)
      for (std::size_t j = 0; j < score.cols; ++j) sum[j] += mass_at(i, j);
    double worst = 0;
    for (std::size_t j = 0; j < score.cols; ++j)
      worst = std::max(worst, std::fabs(sum[j] - (mass.empty() ? each : mass[j])));
    return worst;
  }
};

// By lanes, which a compiler turns into vectors. REQUIRES: no NaN, not empty.
float largest(std::span<const float> v) {
  constexpr std::size_t kWide = 16;
  float most[kWide];
  std::fill_n(most, kWide, v[0]);
  std::size_t j = 0;
  for (; j + kWide <= v.size(); j += kWide) {
    for (std::size_t l = 0; l < kWide; ++l) most[l] = v[j + l] > most[l] ? v[j + l] : most[l];
  }
  for (; j < v.size(); ++j) most[0] = std::max(most[0], v[j]);
  return *std::max_element(most, most + kWide);
}

// K as softmax rows in `plan`, u such that diag(u) plan is exp(score / xi) up to one factor.
void start(const math::Kernels& kernels, Rows<const float> score, double xi, std::span<float> u,
           Rows<float> plan) {
  double high = -kInfinite;
  for (std::size_t i = 0; i < score.rows; ++i) {
    const auto in = score.row(i);
    const auto out = plan.row(i);
    const auto scale = static_cast<float>(1 / xi);
    const float most = largest(in);
    if (static_cast<double>(most) == -kInfinite) {  // no expert: no plan
      std::fill(out.begin(), out.end(), 0.0F);
      u[i] = most;
      continue;
    }
    for (std::size_t j = 0; j < in.size(); ++j) out[j] = (in[j] - most) * scale;
    kernels.softmax(out.data(), out.size());
    // The largest of a softmax is 1 / the sum of its exponentials, so this is log sum exp.
    const double norm =
        static_cast<double>(most) / xi - std::log(static_cast<double>(largest(out)));
    high = std::max(high, norm);
    u[i] = static_cast<float>(norm);
  }
  for (float& x : u.first(score.rows))
    x = static_cast<float>(std::exp(static_cast<double>(x) - high));
}

double divide(std::span<const float> mass, double each, std::span<const float> sum,
              std::span<float> v) {
  double worst = 0;
  for (std::size_t j = 0; j < v.size(); ++j) {
    const auto c = mass.empty() ? each : static_cast<double>(mass[j]);
    worst = std::max(worst, std::fabs(c - static_cast<double>(sum[j]) * static_cast<double>(v[j])));
    v[j] = sum[j] > 0 ? static_cast<float>(c / static_cast<double>(sum[j])) : 0.0F;
  }
  return worst;
}

}  // namespace

Checked<SinkhornOutcome> sinkhorn_log(Rows<const double> score, std::span<const double> row_mass,
                                      std::span<const double> col_mass,
                                      const SinkhornOptions& options, std::span<double> scratch,
                                      Rows<double> plan) {
  const std::size_t t = score.rows;
  const std::size_t e = score.cols;
  Arguments args;
  args.table(score, "score")
      .experts(score, "score")
      .table(plan, t, e, "plan")
      .span(scratch.size(), sinkhorn_scratch(t, e), "scratch");
  if (!row_mass.empty()) args.span(row_mass.size(), t, "row_mass");
  if (!col_mass.empty()) args.span(col_mass.size(), e, "col_mass");
  if (!args.ok()) return args.status();
  if (t == 0) return SinkhornOutcome{};
  const LogState state{score,
                       options.xi,
                       scratch.subspan(0, t),
                       scratch.subspan(t, e),
                       scratch.subspan(t + e, e),
                       scratch.subspan(t + 2 * e, e)};
  for (std::size_t i = 0; i < t; ++i)
    state.f[i] = !row_mass.empty() && row_mass[i] == 0 ? -kInfinite : 0.0;
  const double each = total_mass(row_mass, t) / static_cast<double>(e);
  SinkhornOutcome out;
  do {
    state.columns(col_mass, each);
    state.rows(row_mass);
    out.error = state.worst_column(col_mass, each);
  } while (++out.iterations < options.most && out.error >= options.tolerance);
  for (std::size_t i = 0; i < t; ++i)
    for (std::size_t j = 0; j < e; ++j) plan.at(i, j) = state.mass_at(i, j);
  return out;
}

Checked<SinkhornOutcome> sinkhorn(const math::Kernels& kernels, Rows<const float> score,
                                  std::span<const float> row_mass, std::span<const float> col_mass,
                                  const SinkhornOptions& options, std::span<float> scratch,
                                  Rows<float> plan) {
  const std::size_t t = score.rows;
  const std::size_t e = score.cols;
  Arguments args;
  args.table(score, "score")
      .experts(score, "score")
      .table(plan, t, e, "plan")
      .span(scratch.size(), sinkhorn_scratch(t, e), "scratch");
  if (!row_mass.empty()) args.span(row_mass.size(), t, "row_mass");
  if (!col_mass.empty()) args.span(col_mass.size(), e, "col_mass");
  if (!args.ok()) return args.status();
  if (t == 0) return SinkhornOutcome{};
  const auto u = scratch.subspan(0, t);
  const auto v = scratch.subspan(t, e);
  const auto sum = scratch.subspan(t + e, e);
  start(kernels, score, options.xi, u, plan);
  for (std::size_t i = 0; !row_mass.empty() && i < t; ++i)
    if (row_mass[i] == 0) u[i] = 0;
  const double each = total_mass(row_mass, t) / static_cast<double>(e);
  std::fill(sum.begin(), sum.end(), 0.0F);
  for (std::size_t i = 0; i < t; ++i) kernels.axpy(u[i], plan.row(i).data(), e, sum.data());
  std::fill(v.begin(), v.end(), 0.0F);
  (void)divide(col_mass, each, sum, v);
  SinkhornOutcome out;
  for (out.iterations = 1;; ++out.iterations) {
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (std::size_t i = 0; i < t; ++i) {
      const float mass = row_mass.empty() ? 1.0F : row_mass[i];
      const float* row = plan.row(i).data();
      const float got = kernels.dot(row, v.data(), e);
      u[i] = got > 0 ? mass / got : 0.0F;
      kernels.axpy(u[i], row, e, sum.data());
    }
    const auto next = scratch.subspan(t + 2 * e, e);
    std::copy(v.begin(), v.end(), next.begin());
    out.error = divide(col_mass, each, sum, next);
    if (out.error < options.tolerance || out.iterations >= options.most) break;
    std::copy(next.begin(), next.end(), v.begin());
  }
  for (std::size_t i = 0; i < t; ++i) {
    float* row = plan.row(i).data();
    const float scale = u[i];
    for (std::size_t j = 0; j < e; ++j) row[j] *= scale * v[j];
  }
  return out;
}

}  // namespace swy::moe
