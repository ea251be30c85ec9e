#include "route/estimator/preference_losses.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "route/estimator/pairwise.h"

namespace swy::route {
namespace {

constexpr float kNotObserved = std::numeric_limits<float>::quiet_NaN();

constexpr double kLeastChance = 1e-6;
constexpr double kLeastTheta = 1.000001;
constexpr std::size_t kMostSlacks = 64;
constexpr double kSame = 1e-9;  // rounding of differences

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

// -log of one result of a against b, and its slopes by a, b and eta.
struct Bag {
  double loss, a, b, eta;
};
Bag bag(double a, double b, double eta, double y, bool both_bad) {
  const BagChances c = bag_chances(a, b, eta);
  const double pa = std::exp(a);
  const double pb = std::exp(b);
  const double theta = std::exp(eta) + kLeastTheta;
  const double w = pa + theta * pb + 1;
  const double l = pb + theta * pa + 1;
  const double s = 1 + pa + pb;
  const double win[3] = {c.win * (1 - c.win), -c.win * theta * pb / w,
                         -c.win * std::exp(eta) * pb / w};
  const double lose[3] = {-c.lose * theta * pa / l, c.lose * (1 - c.lose),
                          -c.lose * std::exp(eta) * pa / l};
  const double bad[3] = {-pa / (s * s), -pb / (s * s), 0};
  double p = c.tie;
  double d[3];
  for (int k = 0; k < 3; ++k) d[k] = -win[k] - lose[k] - bad[k];
  if (y == 1) {
    p = c.win;
    std::copy_n(win, 3, d);
  } else if (y == 0) {
    p = c.lose;
    std::copy_n(lose, 3, d);
  } else if (both_bad) {
    p = c.bad;
    std::copy_n(bad, 3, d);
  }
  p = std::max(p, kLeastChance);
  return {-std::log(p), -d[0] / p, -d[1] / p, -d[2] / p};
}

// fn(a, b, result of a against b, number of pairs) for every pair that was observed.
template <typename Fn>
void each_comparison(std::span<const float> y, Fn&& fn) {
  const auto n = static_cast<double>(
      std::count_if(y.begin(), y.end(), [](float v) { return !std::isnan(v); }));
  for (std::size_t a = 0; a < y.size(); ++a) {
    for (std::size_t b = a + 1; b < y.size(); ++b) {
      const double result = result_of(y[a], y[b]);
      if (!std::isnan(result)) fn(a, b, result, n * (n - 1) / 2);
    }
  }
}

}  // namespace

LossAt cross_entropy(double z, double y) {
  return {std::max(z, 0.0) - y * z + std::log1p(std::exp(-std::abs(z))), sigmoid(z) - y};
}

double bradley_terry_loss(std::span<const float> y, std::span<const float> s,
                          std::span<float> slope) {
  double loss = 0;
  each_comparison(y, [&](std::size_t a, std::size_t b, double result, double pairs) {
    const double p = sigmoid(static_cast<double>(s[a] - s[b]));
    loss -= (result * std::log(std::max(p, 1e-300)) +
             (1 - result) * std::log(std::max(1 - p, 1e-300))) /
            pairs;
    const auto d = static_cast<float>((p - result) / pairs);
    slope[a] += d;
    slope[b] -= d;
  });
  return loss;
}

BagChances bag_chances(double a, double b, double eta) {
  const double pa = std::exp(a);
  const double pb = std::exp(b);
  const double theta = std::exp(eta) + kLeastTheta;
  BagChances c{pa / (pa + theta * pb + 1), pb / (pb + theta * pa + 1), 1 / (1 + pa + pb), 0};
  c.tie = 1 - c.win - c.lose - c.bad;
  return c;
}

double bag_loss(std::span<const float> y, std::span<const float> s, std::span<float> slope) {
  const std::size_t eta = y.size();
  double loss = 0;
  each_comparison(y, [&](std::size_t a, std::size_t b, double result, double pairs) {
    const Bag g = bag(static_cast<double>(s[a]), static_cast<double>(s[b]),
                      static_cast<double>(s[eta]), result, y[a] < 0.5F);
    loss += g.loss / pairs;
    slope[a] += static_cast<float>(g.a / pairs);
    slope[b] += static_cast<float>(g.b / pairs);
    slope[eta] += static_cast<float>(g.eta / pairs);
  });
  return loss;
}

void distillation_target(std::span<const float> reward, std::span<const float> tag, double beta,
                         std::span<float> target) {
  double most = -1e300;
  const auto blend = [&](std::size_t m) {
    return beta * static_cast<double>(reward[m]) + (1 - beta) * static_cast<double>(tag[m]);
  };
  for (std::size_t m = 0; m < reward.size(); ++m)
    if (!std::isnan(reward[m])) most = std::max(most, blend(m));
  double sum = 0;
  for (std::size_t m = 0; m < reward.size(); ++m)
    if (!std::isnan(reward[m])) sum += std::exp(blend(m) - most);
  for (std::size_t m = 0; m < reward.size(); ++m)
    target[m] =
        std::isnan(reward[m]) ? kNotObserved : static_cast<float>(std::exp(blend(m) - most) / sum);
}
void share_target(std::span<const float> reward, std::span<const float> tag, double beta,
                  std::span<float> target) {
  const auto weight = static_cast<float>(beta);
  float sum = 0;
  for (std::size_t m = 0; m < reward.size(); ++m) {
    target[m] = weight * reward[m] + (1 - weight) * tag[m];  // NaN where the reward is
    if (!std::isnan(target[m])) sum += target[m];
  }
  for (float& t : target) t = sum > 0 ? t / sum : kNotObserved;
}

namespace {

// p over the models with a target, 0 elsewhere; false without any.
bool softmax_of_observed(std::span<const float> target, std::span<const float> s,
                         std::vector<double>& p) {
  double most = -1e300;
  for (std::size_t m = 0; m < s.size(); ++m)
    if (!std::isnan(target[m])) most = std::max(most, static_cast<double>(s[m]));
  p.assign(s.size(), 0.0);
  double sum = 0;
  for (std::size_t m = 0; m < s.size(); ++m) {
    if (std::isnan(target[m])) continue;
    p[m] = std::exp(static_cast<double>(s[m]) - most);
    sum += p[m];
  }
  for (double& v : p) v /= sum;
  return sum > 0;
}

}  // namespace

double gate_loss(std::span<const float> target, const GateTerms& terms, std::span<const float> s,
                 std::span<float> slope) {
  thread_local std::vector<double> p;
  if (!softmax_of_observed(target, s, p)) return 0;
  double cost = 0;
  double highest = 0;
  double tied = 0;
  for (std::size_t m = 0; m < s.size(); ++m) {
    if (std::isnan(target[m])) continue;
    if (terms.cost_weight > 0) cost += p[m] * static_cast<double>(terms.cost[m]);
    const auto t = static_cast<double>(target[m]);
    tied = t > highest ? 1 : tied + (t == highest ? 1 : 0);
    highest = std::max(highest, t);
  }
  double loss = terms.cost_weight * cost;
  for (std::size_t m = 0; m < s.size(); ++m) {
    if (std::isnan(target[m])) continue;
    const auto t = static_cast<double>(target[m]);
    const double log_p = std::log(std::max(p[m], 1e-300));
    const double top = t == highest ? terms.top / tied : 0;
    loss += (t > 0 ? t * (std::log(t) - log_p) : 0) - top * log_p;
    double d = (1 + terms.top) * p[m] - t - top;
    if (terms.cost_weight > 0)
      d += terms.cost_weight * p[m] * (static_cast<double>(terms.cost[m]) - cost);
    slope[m] += static_cast<float>(d);
  }
  return loss;
}

void reinforce(std::span<const double> p, std::size_t action, double advantage, double bonus,
               std::span<double> slope) {
  double entropy = 0;
  for (const double v : p) entropy -= v > 0 ? v * std::log(v) : 0;
  for (std::size_t m = 0; m < p.size(); ++m) {
    slope[m] = advantage * (p[m] - (m == action ? 1 : 0));
    if (p[m] > 0) slope[m] += bonus * p[m] * (std::log(p[m]) + entropy);
  }
}

double chance_at_least(std::span<const double> small, std::span<const double> large, double slack) {
  double n = 0;
  for (const double s : small)
    for (const double l : large) n += s >= l - slack - kSame ? 1 : 0;
  return n / static_cast<double>(small.size() * large.size());
}

double mean_difference(std::vector<double> y) {
  std::sort(y.begin(), y.end());
  const auto n = static_cast<double>(y.size());
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * (2 * static_cast<double>(i) + 1 - n);
  return n > 0 ? 2 * sum / (n * n) : 0;
}

double most_telling_slack(std::span<const double> gaps) {
  std::vector<double> slacks{0};
  for (const double g : gaps)
    if (g < 0) slacks.push_back(-g);
  std::sort(slacks.begin(), slacks.end());
  slacks.erase(std::unique(slacks.begin(), slacks.end()), slacks.end());
  const std::size_t step = 1 + slacks.size() / kMostSlacks;
  double most = -1;
  double best = 0;
  std::vector<double> y(gaps.size());
  for (std::size_t k = 0; k < slacks.size(); k += step) {
    for (std::size_t i = 0; i < gaps.size(); ++i) y[i] = gaps[i] >= -slacks[k] - kSame ? 1 : 0;
    const double difference = mean_difference(y);
    if (difference <= most + kSame) continue;
    most = difference;
    best = slacks[k];
  }
  return best;
}

}  // namespace swy::route
