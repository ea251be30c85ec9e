// continual_gates: a gate of its own for every model, which only that model's outcomes have made.
//
// Formula: v_m maximises the likelihood of sigma(v_m . x + b_m) on the rows that observed m, and
// on nothing else. Gates and features are standardised (mean 0, deviation 1 over their numbers);
// s_m = v_m . u / sqrt(dims); quality = softmax over the `top` highest s, 0 for the others, with a
// base expert of score 0 among them (`base`): a share that ranks, not a probability of being right.
// Right for models that come one by one: a new one is fitted without the data of the others and
// changes nothing but the normalisation. Cost: features x models. When it loses: standardised gates
// know what a model is better at than elsewhere, not how good it is; a model that is right
// everywhere has a gate of noise. Source: variant of Dynamic Routing Between Experts
// (request-routing.md 4.17, reconstructed after PHATGOOSE). Deviations: at the level of a request,
// on one vector of it; models in place of adapters. Tests: continual_gates_test.cc,
// math/top_shares_test.cc (known answers).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "math/kernels.h"
#include "math/top_shares.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  std::int64_t top = 2;
  bool base = true;
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("top", top, {.min = 1, .max = 1000}, "gates that count, the highest");
    b.field("base", base, "an expert of score 0 shares in it, so that no gate has to open");
    training.bind(b, "of the order of the rows");
  }
};

// Mean 0 and deviation 1; what is all the same becomes 0.
void standardise(std::span<float> v) {
  const float n = static_cast<float>(v.size());
  const float mean = std::accumulate(v.begin(), v.end(), 0.0F) / n;
  float square = 0;
  for (const float x : v) square += (x - mean) * (x - mean);
  const float sd = std::sqrt(square / n);
  for (float& x : v) x = sd > 1e-12F ? (x - mean) / sd : 0.0F;
}

class ContinualGates final : public QualityModel {
 public:
  // gates: standardised, one after another.
  ContinualGates(std::vector<float> gates, std::size_t top, bool base)
      : gates_(std::move(gates)), top_(top), base_(base) {}

  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> u;
    thread_local std::vector<double> s;
    u.assign(x.begin(), x.end());
    standardise(u);
    s.resize(quality.size());
    for (std::size_t m = 0; m < s.size(); ++m) {
      const float product =
          math::best_kernels().dot(gates_.data() + m * u.size(), u.data(), u.size());
      s[m] = static_cast<double>(product) / std::sqrt(static_cast<double>(u.size()));
    }
    math::top_shares(s, top_, base_, quality);
  }
  void write(WeightFile& out) const override {
    out.tensors["gates"] = gates_;
    out.tensors["top"] = {static_cast<float>(top_), base_ ? 1.0F : 0.0F};
  }

 private:
  std::vector<float> gates_;
  std::size_t top_;
  bool base_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  SWY_TRY(auto gates, w.tensor("gates", w.models.size() * dims));
  SWY_TRY(const auto top, w.tensor("top", 2));
  if (!(top[0] >= 1 && top[0] <= 1000))
    return fail(ErrorCode::kParse, "continual_gates: weights without gates that count");
  return std::make_unique<ContinualGates>(std::move(gates), static_cast<std::size_t>(top[0]),
                                          top[1] != 0);
}

std::vector<float> gate_of(const math::Matrix& x, const Column& quality,
                           const math::DescentOptions& descent) {
  std::vector<std::uint32_t> own;
  for (std::uint32_t i = 0; i < x.rows(); ++i)
    if (!std::isnan(quality.value[i])) own.push_back(i);
  const math::Matrix rows = x.only(own);
  const ScoreLoss loss = [&](std::uint32_t row, std::span<const float> s, std::span<float> slope) {
    const auto y = static_cast<double>(quality.value[own[row]]);
    const LossAt at = cross_entropy(static_cast<double>(s[0]), y);
    slope[0] = static_cast<float>(at.slope);
    return at.loss;
  };
  std::vector<float> gate = LinearScores::fit(rows, 1, loss, descent).weights;
  gate.pop_back();  // the bias
  standardise(gate);
  return gate;
}

}  // namespace

std::unique_ptr<Estimator> make_continual_gates(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const LearnedType type{"continual_gates", {}, read, [o](const LearnedRows& rows) {
                           std::vector<float> gates;
                           for (const ObservedModel& m : rows.models) {
                             const auto gate = gate_of(rows.x, m.quality, o.training.descent());
                             gates.insert(gates.end(), gate.begin(), gate.end());
                           }
                           return std::make_unique<ContinualGates>(
                               std::move(gates), static_cast<std::size_t>(o.top), o.base);
                         }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
