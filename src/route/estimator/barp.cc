// barp: a policy that was rewarded, one draw at a time, for quality less price, whatever the price.
//
// Formula: scores s_m(x, w) = a_m . x + w b_m . x, pi = softmax(s), w in 0..1 the weight of money.
// Training pretends to know no outcome but that of the model it drew: w ~ U(0, 1), m ~ pi(x, w),
// reward r = (1 - w) quality_m - w c_m with c_m the model's mean cost (the dearest is 1; unknown:
// 1); slopes (r - baseline)(pi - [m]) with a baseline that follows the mean reward, and an entropy
// bonus (REINFORCE). The epoch is chosen by the expected reward on held-out rows, for which all
// outcomes are read. At serving time w is the option `weight`, so one set of weights serves every
// preference. quality = pi: a share that ranks, not a probability of being right. Cost: 2 x
// features x models. When it loses: full tables say more than draws from them, so `linear` with
// `utility` learns faster from the same rows; it is for logs of one choice a question. Source:
// variant of BaRP (arXiv 2510.07429; request-routing.md 5.10). Deviations: fixed features and a map
// linear in x and w in place of its networks. Tests: barp_test.cc, preference_losses_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"
#include "math/draw.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  double weight = 0;
  double entropy = 0.01;
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("weight", weight, {.min = 0, .max = 1}, "of money against quality, when it serves");
    b.field("entropy", entropy, {.min = 0, .max = 100}, "bonus for undecided draws in training");
    training.bind(b, "of the draws and the order of the rows");
  }
};

// softmax of the two halves of s at w; over the models that are in.
void policy_at(std::span<const float> s, double w, const std::vector<bool>& in,
               std::vector<double>& p) {
  const std::size_t n = in.size();
  p.assign(n, 0.0);
  double most = -HUGE_VAL;
  const auto score = [&](std::size_t m) {
    return static_cast<double>(s[m]) + w * static_cast<double>(s[n + m]);
  };
  for (std::size_t m = 0; m < n; ++m) most = in[m] ? std::max(most, score(m)) : most;
  double sum = 0;
  for (std::size_t m = 0; m < n; ++m) {
    if (in[m]) p[m] = std::exp(score(m) - most);
    sum += p[m];
  }
  for (double& v : p) v /= sum;
}

class Barp final : public QualityModel {
 public:
  Barp(LinearScores head, double weight)
      : head_(std::move(head)), weight_(weight), all_(head_.outputs / 2, true) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> s;
    thread_local std::vector<double> p;
    if (quality.empty()) return;
    s.resize(head_.outputs);
    head_.scores(x, s);
    policy_at(s, weight_, all_, p);
    std::copy(p.begin(), p.end(), quality.begin());
  }
  void write(WeightFile& out) const override { out.tensors["weights"] = head_.weights; }

 private:
  LinearScores head_;
  double weight_;
  std::vector<bool> all_;
};

// What training knows of a row: who was observed, and the reward of each at w.
class Rewards {
 public:
  explicit Rewards(const LearnedRows& rows) : rows_(rows) {
    double most = 0;
    for (const ObservedModel& m : rows.models)
      if (const double c = m.cost_usd.mean_without(kNoRow); c > most) most = c;
    for (const ObservedModel& m : rows.models) {
      const double c = m.cost_usd.mean_without(kNoRow);
      cost_.push_back(std::isnan(c) || most == 0 ? 1 : c / most);
    }
  }
  // False: nobody was.
  bool observed(std::uint32_t row, std::vector<bool>& in) const {
    in.assign(cost_.size(), false);
    for (std::size_t m = 0; m < in.size(); ++m)
      in[m] = !std::isnan(rows_.models[m].quality.value[row]);
    return std::find(in.begin(), in.end(), true) != in.end();
  }
  [[nodiscard]] double at(std::uint32_t row, std::size_t m, double w) const {
    return (1 - w) * static_cast<double>(rows_.models[m].quality.value[row]) - w * cost_[m];
  }

 private:
  const LearnedRows& rows_;
  std::vector<double> cost_;
};

std::unique_ptr<QualityModel> fit(const LearnedRows& rows, const Options& o) {
  const std::size_t n = rows.models.size();
  const Rewards rewards(rows);
  base::Rng rng(static_cast<std::uint64_t>(o.training.seed), 0xBA29, rows.x.rows());
  double baseline = 0;
  std::vector<bool> in;
  std::vector<double> p, d(n);
  const ScoreLoss loss = [&](std::uint32_t row, std::span<const float> s, std::span<float> slope) {
    if (!rewards.observed(row, in)) return 0.0;
    const double w = rng.uniform();
    policy_at(s, w, in, p);
    const std::size_t m = math::draw(p.size(), rng.uniform(), [&](std::size_t i) { return p[i]; });
    const double reward = rewards.at(row, m, w);
    reinforce(p, m, reward - baseline, o.entropy, d);
    baseline += 0.01 * (reward - baseline);  // the mean of the last hundred or so
    for (std::size_t k = 0; k < n; ++k) {
      slope[k] = static_cast<float>(d[k]);
      slope[n + k] = static_cast<float>(w * d[k]);
    }
    double expected = 0;
    for (const double fixed : {0.0, 0.5, 1.0}) {
      policy_at(s, fixed, in, p);
      for (std::size_t k = 0; k < n; ++k)
        expected += in[k] ? p[k] * rewards.at(row, k, fixed) / 3 : 0;
    }
    return -expected;
  };
  return std::make_unique<Barp>(LinearScores::fit(rows.x, 2 * n, loss, o.training.descent()),
                                o.weight);
}

}  // namespace

std::unique_ptr<Estimator> make_barp(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const LearnedType type{
      "barp",
      {},
      [o](const WeightFile& w, std::size_t dims) -> Result<std::unique_ptr<QualityModel>> {
        SWY_TRY(auto head, LinearScores::read(w, dims, 2 * w.models.size()));
        return std::make_unique<Barp>(std::move(head), o.weight);
      },
      [o](const LearnedRows& rows) { return fit(rows, o); }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
