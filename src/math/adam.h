// Adam's step on an array of parameters.
//
// Formula: m = .9 m + .1 g, v = .999 v + .001 g^2, w -= rate * sqrt(1 - .999^t) / (1 - .9^t) * m /
// (sqrt(v) + 1e-8), g = the batch's mean gradient + decay * w. Source: Kingma and Ba 2014. When to
// use: inside loops of gradient descent (descend.h, two_layer.h). Threading: pure. Ownership: none.
// Tests: descend_test.cc, two_layer_test.cc. Header-only.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace swy::math {

struct AdamStep {
  float rate;        // of adam_rate()
  float decay;       // half the penalty on squared parameters
  float one_over_n;  // 1 / rows that the gradient is the sum of
};

// The learning rate of step t, from 1.
inline float adam_rate(double rate, std::uint64_t t) {
  const auto steps = static_cast<double>(t);
  return static_cast<float>(rate * std::sqrt(1 - std::pow(0.999, steps)) /
                            (1 - std::pow(0.9, steps)));
}

// Moves w; g is zero afterwards. REQUIRES: all of one length; m and v are zero before step 1.
inline void adam_update(std::span<float> w, std::span<float> g, std::span<float> m,
                        std::span<float> v, AdamStep step) {
  constexpr float kBeta1 = 0.9F;
  constexpr float kBeta2 = 0.999F;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float d = g[i] * step.one_over_n + step.decay * w[i];
    m[i] = kBeta1 * m[i] + (1 - kBeta1) * d;
    v[i] = kBeta2 * v[i] + (1 - kBeta2) * d * d;
    w[i] -= step.rate * m[i] / (std::sqrt(v[i]) + 1e-8F);
    g[i] = 0;
  }
}

}  // namespace swy::math
