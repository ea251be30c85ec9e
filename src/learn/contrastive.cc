// Prototypes: the normalised mean of a label's unit embeddings (Snell et al. 2017, arXiv
// 1703.05175, with cosine instead of Euclidean distance); a logit is the cosine over a temperature.
//
// Contrastive: a projection P (projected x dims) by supervised contrastive loss (Khosla et al.
// 2020, arXiv 2004.11362, eq. 2), z = n(P x):
//   mean over i of -1/|S(i)| sum over p in S(i) of ln( exp(z_i z_p / t) / sum over a != i of
//   exp(z_i z_a / t) ) + keep / 2 * |P - P0|^2,
// S(i): the other rows of i's label. P0 is a random Gaussian matrix over sqrt(projected), which
// keeps cosines (Johnson-Lindenstrauss); the penalty is what lets 20 examples do. Deviations: full
// batch and L-BFGS instead of stochastic batches; at most kMaxRows rows, evenly picked. Cost: n^2 x
// projected + n x dims x projected an iteration. When it loses: many rows (a linear head is
// better), labels that are no clusters. Test: contrastive_test.cc.
#include "learn/contrastive.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "learn/lbfgs.h"

namespace swy::learn {
namespace {

constexpr std::size_t kMaxRows = 600;
constexpr std::uint64_t kStage = 0x70726f6aULL;  // "proj"

float dot(const float* a, const float* b, std::size_t n) {
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  }
  float sum = 0;
  for (const float s : sums) sum += s;
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

float normalize(float* x, std::size_t n) {
  const float norm = std::sqrt(dot(x, x, n));
  if (norm > 0) {
    for (std::size_t i = 0; i < n; ++i) x[i] /= norm;
  }
  return norm;
}

void add(float* a, float f, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] += f * b[i];
}

std::vector<float> start(std::size_t projected, std::size_t dims, std::uint64_t seed) {
  base::Rng rng(seed, projected, kStage);
  std::vector<float> p(projected * dims);
  const double scale = 1 / std::sqrt(static_cast<double>(projected));
  for (float& v : p) {  // Box and Muller
    const double u = 1 - rng.uniform();
    const double w = 2 * std::numbers::pi * rng.uniform();
    v = static_cast<float>(scale * std::sqrt(-2 * std::log(u)) * std::cos(w));
  }
  return p;
}

std::vector<float> centroids(const EmbeddedRows& rows, std::span<const float> points,
                             std::size_t width) {
  std::vector<float> out(rows.label_count * width, 0);
  for (std::size_t r = 0; r < rows.labels.size(); ++r) {
    add(out.data() + rows.labels[r] * width, 1, points.data() + r * width, width);
  }
  for (std::size_t c = 0; c < rows.label_count; ++c) normalize(out.data() + c * width, width);
  for (float& v : out) v /= kPrototypeTemperature;
  return out;
}

std::vector<float> project(const EmbeddedRows& rows, std::span<const float> p, std::size_t width,
                           std::vector<float>* norms) {
  std::vector<float> z(rows.labels.size() * width);
  for (std::size_t r = 0; r < rows.labels.size(); ++r) {
    const float* x = rows.embeddings.data() + r * rows.dims;
    for (std::size_t k = 0; k < width; ++k) z[r * width + k] = dot(&p[k * rows.dims], x, rows.dims);
    const float norm = normalize(&z[r * width], width);
    if (norms != nullptr) (*norms)[r] = std::max(norm, 1e-6F);
  }
  return z;
}

class SupCon {
 public:
  SupCon(const EmbeddedRows& rows, const std::vector<float>& p0, std::size_t width, double keep)
      : rows_(rows), p0_(p0), width_(width), keep_(keep) {}

  double operator()(std::span<const float> p, std::span<float> gradient) const {
    const std::size_t n = rows_.labels.size();
    std::vector<float> norms(n);
    const std::vector<float> z = project(rows_, p, width_, &norms);
    std::vector<float> dz(z.size(), 0);
    double loss = 0;
    std::vector<float> s(n);
    for (std::size_t i = 0; i < n; ++i) loss += row(i, z, s, dz);
    double away = 0;
    for (std::size_t k = 0; k < p.size(); ++k) {
      const float d = p[k] - p0_[k];
      away += static_cast<double>(d) * static_cast<double>(d);
      gradient[k] = static_cast<float>(keep_) * d;
    }
    for (std::size_t i = 0; i < n; ++i) {  // through z = y / |y|
      float* g = &dz[i * width_];
      const float along = dot(g, &z[i * width_], width_);
      for (std::size_t k = 0; k < width_; ++k) g[k] = (g[k] - along * z[i * width_ + k]) / norms[i];
      const float* x = rows_.embeddings.data() + i * rows_.dims;
      for (std::size_t k = 0; k < width_; ++k) add(&gradient[k * rows_.dims], g[k], x, rows_.dims);
    }
    return loss + 0.5 * keep_ * away;
  }

 private:
  // Loss of anchor i; adds its gradient to every row of dz. s is scratch.
  double row(std::size_t i, const std::vector<float>& z, std::vector<float>& s,
             std::vector<float>& dz) const {
    const std::size_t n = rows_.labels.size();
    std::size_t same = 0;
    float top = -INFINITY;
    for (std::size_t a = 0; a < n; ++a) {
      if (a == i) continue;
      s[a] = dot(&z[i * width_], &z[a * width_], width_) / kPrototypeTemperature;
      top = std::max(top, s[a]);
      same += rows_.labels[a] == rows_.labels[i] ? 1U : 0U;
    }
    if (same == 0) return 0;
    double sum = 0;
    for (std::size_t a = 0; a < n; ++a) {
      if (a != i) sum += std::exp(static_cast<double>(s[a] - top));
    }
    const double each = 1 / static_cast<double>(n);
    double loss = each * (std::log(sum) + static_cast<double>(top));
    for (std::size_t a = 0; a < n; ++a) {
      if (a == i) continue;
      double g = std::exp(static_cast<double>(s[a] - top)) / sum;
      if (rows_.labels[a] == rows_.labels[i]) {
        g -= 1 / static_cast<double>(same);
        loss -= each * static_cast<double>(s[a]) / static_cast<double>(same);
      }
      const auto f = static_cast<float>(each * g) / kPrototypeTemperature;
      add(&dz[i * width_], f, &z[a * width_], width_);
      add(&dz[a * width_], f, &z[i * width_], width_);
    }
    return loss;
  }

  const EmbeddedRows& rows_;
  const std::vector<float>& p0_;
  std::size_t width_;
  double keep_;
};

}  // namespace

Prototypes fit_prototypes(const EmbeddedRows& rows) {
  Prototypes out;
  out.width = rows.dims;
  out.weights = centroids(rows, rows.embeddings, rows.dims);
  return out;
}

Prototypes fit_contrastive(const EmbeddedRows& rows, const ContrastiveOptions& options,
                           const std::function<void()>& on_step) {
  Prototypes out;
  out.projected = out.width = std::min(options.projected, rows.dims);
  const std::vector<float> p0 = start(out.projected, rows.dims, options.seed);
  std::vector<float> picked;
  std::vector<std::uint32_t> labels;
  const std::size_t n = rows.labels.size();
  const std::size_t take = std::min(n, kMaxRows);
  for (std::size_t i = 0; i < take; ++i) {
    const std::size_t r = i * n / take;
    const auto row = rows.embeddings.subspan(r * rows.dims, rows.dims);
    picked.insert(picked.end(), row.begin(), row.end());
    labels.push_back(rows.labels[r]);
  }
  const EmbeddedRows sample{picked, rows.dims, labels, rows.label_count};
  out.projection = p0;
  minimize(SupCon(sample, p0, out.projected, options.keep), out.projection,
           {.max_iterations = options.max_iterations, .tolerance = 1e-5}, on_step);
  const std::vector<float> z = project(rows, out.projection, out.projected, nullptr);
  out.weights = centroids(rows, z, out.projected);
  return out;
}

}  // namespace swy::learn
