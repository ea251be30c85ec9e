// zooter: how the models' rewards on a prompt are shared among them, distilled into one linear map.
//
// Formula: r = beta * reward + (1 - beta) * mean reward of the row's domain, the second part so
// that one noisy reward counts less. target = softmax(r) (`target: softmax`) or r / sum r (`target:
// share`; a row on which nobody was right says nothing). s_m(x) = w_m . x + b_m fitted by
//   KL(target || p) + cost * sum_m p_m c_m + top * mean over the highest targets of -log p
// with p = softmax(s) over the models that the row observed and c_m the model's mean cost, the
// dearest being 1 (unknown: 1). quality = p: a share, 1 / models on average; it ranks, it is not a
// probability of being right. Cost: features x models. When it loses: rewards between 0 and 1 make
// nearly equal targets under softmax, so little is learned beyond the means; without `cost` a model
// that is right wherever another is takes everything.
// Source: variant of Zooter (arXiv 2311.08692; request-routing.md 5.3) as it stands; with `beta: 1,
// target: share` and `cost` above 0 of TableDART's path gate (4.15), its paths being models; with
// `beta: 1, target: share, top: 1` of PRISM's strategy adapter (4.12), whose breadth rule is the
// flow `prism`. Deviations: fixed features and a linear head in place of a trained encoder;
// recorded outcomes in place of a reward model's; tags are the table's domains. Tests:
// zooter_test.cc, preference_losses_test.cc (known answers).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "math/kernels.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  double beta = 0.3;
  std::string target = "softmax";
  double cost = 0;
  double top = 0;
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("beta", beta, {.min = 0, .max = 1}, "share of the row's own reward, not its domain's");
    b.field("target", target, "softmax of the rewards, or their share: 0 where a model was wrong");
    b.field("cost", cost, {.min = 0, .max = 1e6},
            "weight of the expected cost, of which the dearest model's is 1");
    b.field("top", top, {.min = 0, .max = 1e6}, "weight of the best model being the first");
    training.bind(b, "of the order of the rows");
  }
};

class Zooter final : public QualityModel {
 public:
  explicit Zooter(LinearScores head) : head_(std::move(head)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> s;
    if (quality.empty()) return;
    s.resize(quality.size());
    head_.scores(x, s);
    math::best_kernels().softmax(s.data(), s.size());
    std::copy(s.begin(), s.end(), quality.begin());
  }
  void write(WeightFile& out) const override { out.tensors["weights"] = head_.weights; }

 private:
  LinearScores head_;
};

// By row: the targets of all models.
math::Matrix targets_of(const LearnedRows& rows, const Options& o) {
  const std::size_t n = rows.models.size();
  struct Sum {
    double sum = 0;
    double n = 0;
  };
  std::map<std::string, std::vector<Sum>, std::less<>> tags;
  for (std::size_t i = 0; i < rows.x.rows(); ++i) {
    auto& tag = tags.try_emplace(rows.domains[i], n).first->second;
    for (std::size_t m = 0; m < n; ++m) {
      const float v = rows.models[m].quality.value[i];
      if (std::isnan(v)) continue;
      tag[m].sum += static_cast<double>(v);
      tag[m].n += 1;
    }
  }
  math::Matrix targets(rows.x.rows(), n);
  std::vector<float> reward(n), mean(n);
  for (std::size_t i = 0; i < rows.x.rows(); ++i) {
    const auto& tag = tags.find(rows.domains[i])->second;
    for (std::size_t m = 0; m < n; ++m) {
      reward[m] = rows.models[m].quality.value[i];
      mean[m] = tag[m].n > 0 ? static_cast<float>(tag[m].sum / tag[m].n) : 0.0F;
    }
    (o.target == "share" ? share_target : distillation_target)(reward, mean, o.beta,
                                                               targets.row(i));
  }
  return targets;
}

std::vector<float> costs_of(const LearnedRows& rows) {
  double most = 0;
  for (const ObservedModel& m : rows.models)
    if (const double c = m.cost_usd.mean_without(kNoRow); c > most) most = c;
  std::vector<float> cost;
  for (const ObservedModel& m : rows.models) {
    const double c = m.cost_usd.mean_without(kNoRow);
    cost.push_back(std::isnan(c) || most == 0 ? 1.0F : static_cast<float>(c / most));
  }
  return cost;
}

}  // namespace

std::unique_ptr<Estimator> make_zooter(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.target != "softmax" && o.target != "share") {
    ctx.diag().error(node.mark(), fmt::format("target: '{}' should be softmax or share", o.target));
    return nullptr;
  }
  const LearnedType type{
      "zooter",
      {},
      [](const WeightFile& w, std::size_t dims) -> Result<std::unique_ptr<QualityModel>> {
        SWY_TRY(auto head, LinearScores::read(w, dims, w.models.size()));
        return std::make_unique<Zooter>(std::move(head));
      },
      [o](const LearnedRows& rows) -> std::unique_ptr<QualityModel> {
        const math::Matrix targets = targets_of(rows, o);
        const std::vector<float> cost = costs_of(rows);
        const GateTerms terms{cost, o.cost, o.top};
        const ScoreLoss loss = [&](std::uint32_t row, std::span<const float> s,
                                   std::span<float> slope) {
          return gate_loss(targets.row(row), terms, s, slope);
        };
        return std::make_unique<Zooter>(
            LinearScores::fit(rows.x, rows.models.size(), loss, o.training.descent()));
      }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
