#include "math/two_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/rng.h"
#include "math/adam.h"
#include "math/kernels.h"

namespace swy::math {
namespace {

constexpr std::size_t kHoldOut = 10;

float dot(const float* a, const float* b, std::size_t n) { return best_kernels().dot(a, b, n); }

void axpy(float a, const float* x, float* y, std::size_t n) { best_kernels().axpy(a, x, n, y); }

float sigmoid(float v) { return 1 / (1 + std::exp(-v)); }

float activate(HiddenUnit unit, float v) {
  switch (unit) {
    case HiddenUnit::kIdentity:
      return v;
    case HiddenUnit::kRelu:
      return std::max(v, 0.0F);
    case HiddenUnit::kSoftplus:
      return v > 20 ? v : std::log1p(std::exp(v));
  }
  return v;
}

float slope(HiddenUnit unit, float v) {
  switch (unit) {
    case HiddenUnit::kIdentity:
      return 1;
    case HiddenUnit::kRelu:
      return v > 0 ? 1 : 0;
    case HiddenUnit::kSoftplus:
      return sigmoid(v);
  }
  return 1;
}

// The numbers of one pass, reused.
struct Pass {
  std::vector<float> before, hidden, logit;
};

void forward(const TwoLayer& net, const float* x, Pass& p) {
  p.before.resize(net.hidden);
  p.hidden.resize(net.hidden);
  p.logit.resize(net.outputs);
  for (std::size_t h = 0; h < net.hidden; ++h) {
    p.before[h] = net.in_bias[h] + dot(net.in.data() + h * net.dims, x, net.dims);
    p.hidden[h] = activate(net.unit, p.before[h]);
  }
  const float shared =
      net.has_shared ? dot(net.shared.data(), x, net.dims) + net.shared[net.dims] : 0;
  for (std::size_t o = 0; o < net.outputs; ++o)
    p.logit[o] = net.out_bias[o] +
                 dot(net.out.data() + o * net.hidden, p.hidden.data(), net.hidden) - shared;
}

// Parameters and their gradients lie side by side, in the same order, for Adam.
std::vector<std::vector<float>*> parameters(TwoLayer& net) {
  return {&net.in, &net.in_bias, &net.out, &net.out_bias, &net.shared};
}

TwoLayer zeros(const TwoLayer& like) {
  TwoLayer z = like;
  for (std::vector<float>* p : parameters(z)) std::fill(p->begin(), p->end(), 0.0F);
  return z;
}

// Adds the gradient of the summed cross-entropy of one row.
void backward(const TwoLayer& net, const float* x, std::span<const std::vector<float>> y,
              std::size_t row, Pass& p, std::vector<float>& delta, TwoLayer& grad) {
  forward(net, x, p);
  delta.assign(net.hidden, 0.0F);
  float shared = 0;
  for (std::size_t o = 0; o < net.outputs; ++o) {
    const float target = y[o][row];
    if (std::isnan(target)) continue;
    const float g = sigmoid(p.logit[o]) - target;
    shared -= g;
    grad.out_bias[o] += g;
    axpy(g, p.hidden.data(), grad.out.data() + o * net.hidden, net.hidden);
    axpy(g, net.out.data() + o * net.hidden, delta.data(), net.hidden);
  }
  for (std::size_t h = 0; h < net.hidden; ++h) {
    const float g = delta[h] * slope(net.unit, p.before[h]);
    grad.in_bias[h] += g;
    axpy(g, x, grad.in.data() + h * net.dims, net.dims);
  }
  if (!net.has_shared) return;
  axpy(shared, x, grad.shared.data(), net.dims);
  grad.shared[net.dims] += shared;
}

class Adam {
 public:
  Adam(TwoLayer& net, const TwoLayerOptions& o)
      : net_(net), first_(zeros(net)), second_(zeros(net)), options_(o) {}

  // One step along -grad / n; grad is zero afterwards.
  void step(TwoLayer& grad, float n) {
    const float rate = adam_rate(options_.rate, ++steps_);
    const auto all = parameters(net_);
    const auto gs = parameters(grad);
    const auto ms = parameters(first_);
    const auto vs = parameters(second_);
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool bias = all[k] == &net_.in_bias || all[k] == &net_.out_bias;
      const float decay = bias ? 0.0F : static_cast<float>(options_.decay);
      adam_update(*all[k], *gs[k], *ms[k], *vs[k], {rate, decay, 1 / n});
    }
  }

 private:
  TwoLayer& net_;
  TwoLayer first_, second_;
  const TwoLayerOptions& options_;
  std::uint64_t steps_ = 0;
};

float logit_of(double p) {
  p = std::clamp(p, 0.01, 0.99);
  return static_cast<float>(std::log(p / (1 - p)));
}

TwoLayer start(const Matrix& x, std::span<const std::vector<float>> y, const TwoLayerOptions& o) {
  TwoLayer net;
  net.dims = x.cols();
  net.hidden = o.hidden;
  net.outputs = y.size();
  net.unit = o.unit;
  net.has_shared = o.shared;
  net.in.resize(net.hidden * net.dims);
  net.in_bias.assign(net.hidden, 0.0F);
  net.out.resize(net.outputs * net.hidden);
  net.shared.assign(o.shared ? net.dims + 1 : 0, 0.0F);
  base::Rng rng(o.seed, 0x2147, 0);
  const auto uniform = [&](std::size_t fan) {
    return static_cast<float>((rng.uniform() * 2 - 1) / std::sqrt(static_cast<double>(fan)));
  };
  for (float& w : net.in) w = uniform(net.dims);
  for (float& w : net.out) w = 0.3F * uniform(net.hidden);
  for (const std::vector<float>& column : y) {
    double sum = 0;
    double n = 0;
    for (const float v : column) {
      if (std::isnan(v)) continue;
      sum += static_cast<double>(v);
      n += 1;
    }
    net.out_bias.push_back(n > 0 ? logit_of(sum / n) : 0.0F);
    if (n == 0)
      std::fill_n(net.out.end() - static_cast<std::ptrdiff_t>((y.size() - net.out_bias.size() + 1) *
                                                              net.hidden),
                  net.hidden, 0.0F);
  }
  return net;
}

double held_out_loss(const TwoLayer& net, const Matrix& x, std::span<const std::vector<float>> y,
                     std::span<const std::uint32_t> rows, Pass& p) {
  double loss = 0;
  for (const std::uint32_t i : rows) {
    forward(net, x.row(i).data(), p);
    for (std::size_t o = 0; o < net.outputs; ++o) {
      const float t = y[o][i];
      if (std::isnan(t)) continue;
      // log(1 + exp(z)) - t z, without overflow.
      const auto z = static_cast<double>(p.logit[o]);
      loss += std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z))) - static_cast<double>(t) * z;
    }
  }
  return loss;
}

void shuffle(std::vector<std::uint32_t>& rows, base::Rng& rng) {
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[rng.below(i)]);
}

}  // namespace

void TwoLayer::predict(std::span<const float> x, std::span<double> p) const {
  thread_local Pass pass;
  forward(*this, x.data(), pass);
  for (std::size_t o = 0; o < outputs; ++o) p[o] = static_cast<double>(sigmoid(pass.logit[o]));
}

TwoLayer fit_two_layer(const Matrix& x, std::span<const std::vector<float>> y,
                       const TwoLayerOptions& o) {
  SWY_ASSERT(x.rows() > 0 && o.hidden > 0);
  const std::size_t batch = o.batch > 0 ? o.batch : std::clamp<std::size_t>(x.rows() / 50, 4, 64);
  TwoLayer net = start(x, y, o);
  std::vector<std::uint32_t> train, held;
  for (std::uint32_t i = 0; i < x.rows(); ++i)
    (i % kHoldOut == kHoldOut - 1 ? held : train).push_back(i);
  Adam adam(net, o);
  TwoLayer grad = zeros(net);
  TwoLayer best = net;
  Pass pass;
  std::vector<float> delta;
  base::Rng rng(o.seed, 0x5417, 0);
  double least =
      held.empty() ? std::numeric_limits<double>::infinity() : held_out_loss(net, x, y, held, pass);
  std::size_t waited = 0;
  for (std::size_t e = 0; e < o.epochs && waited < o.patience; ++e) {
    shuffle(train, rng);
    for (std::size_t b = 0; b < train.size(); b += batch) {
      const std::size_t n = std::min(batch, train.size() - b);
      for (std::size_t k = 0; k < n; ++k)
        backward(net, x.row(train[b + k]).data(), y, train[b + k], pass, delta, grad);
      adam.step(grad, static_cast<float>(n));
    }
    const double loss =
        held.empty() ? -static_cast<double>(e) : held_out_loss(net, x, y, held, pass);
    waited = loss < least ? 0 : waited + 1;
    if (loss >= least) continue;
    least = loss;
    best = net;
  }
  return best;
}

HeldOutTwoLayer fit_two_layer_held_out(const Matrix& x, std::span<const std::vector<float>> y,
                                       const TwoLayerOptions& options) {
  HeldOutTwoLayer out{fit_two_layer(x, y, options), Matrix(x.rows(), y.size())};
  std::vector<double> p(y.size());
  for (std::size_t half = 0; half < 2; ++half) {
    // Blocks of rows, so that both halves have rows that decide when to end.
    const auto inside = [&](std::size_t row) { return row / kHoldOut % 2 == half; };
    std::vector<std::vector<float>> seen(y.begin(), y.end());
    for (std::vector<float>& column : seen)
      for (std::size_t i = 0; i < column.size(); ++i)
        if (inside(i)) column[i] = std::numeric_limits<float>::quiet_NaN();
    const TwoLayer net = fit_two_layer(x, seen, options);
    for (std::size_t i = 0; i < x.rows(); ++i) {
      if (!inside(i)) continue;
      net.predict(x.row(i), p);
      std::copy(p.begin(), p.end(), out.held_out.row(i).begin());
    }
  }
  return out;
}

}  // namespace swy::math
