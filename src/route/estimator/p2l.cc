// p2l: Bradley-Terry strengths of the models that depend on the prompt.
//
// Formula: strength s_m(x) = w_m . x + b_m on the prompt's features, fitted by the log loss of
// comparisons of the models on the same row: P(a beats b) = sigma(s_a - s_b), equal outcomes
// counting half (`ties: half`); or the four results win, lose, both bad, tie with a bar of 1 and a
// spread of ties eta(x) (`ties: bag`). quality = mean over the other models with outcomes of
// e^(s_a) / (e^(s_a) + e^(s_b)): a rank, 1/2 on average, not a probability of being right. Cost:
// features x models + models^2. Loses to regressions of the outcome itself where outcomes are
// graded: ties say nothing of how hard a question is.
// Source: variant of P2L (arXiv 2502.14855); request-routing.md 3.3, 5.9. Deviations: fixed
// features and a linear head in place of a trained language model; comparisons of graded answers
// instead of votes; outcomes at least 1/2 count as good. Tests: p2l_test.cc,
// preference_losses_test.cc (known answer, finite differences).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  std::string ties = "half";
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("ties", ties, "half: half a win for both; bag: equally good and equally bad differ");
    training.bind(b, "of the order of the rows");
  }
};

class P2l final : public QualityModel {
 public:
  P2l(LinearScores head, std::vector<float> observed)
      : head_(std::move(head)), observed_(std::move(observed)) {}

  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> s;
    s.resize(head_.outputs);
    head_.scores(x, s);
    float most = 0;
    for (std::size_t m = 0; m < quality.size(); ++m) most = std::max(most, s[m]);
    for (std::size_t m = 0; m < quality.size(); ++m) s[m] = std::exp(s[m] - most);
    for (std::size_t a = 0; a < quality.size(); ++a) {
      float sum = 0;
      float n = 0;
      for (std::size_t b = 0; b < quality.size(); ++b) {
        if (a == b || observed_[b] == 0) continue;
        sum += s[a] + s[b] > 0 ? s[a] / (s[a] + s[b]) : 0.5F;
        n += 1;
      }
      quality[a] = n > 0 ? static_cast<double>(sum / n) : 0.5;
    }
  }
  void write(WeightFile& out) const override {
    out.tensors["weights"] = head_.weights;
    out.tensors["observed"] = observed_;
  }

 private:
  LinearScores head_;
  std::vector<float> observed_;  // 1: has outcomes
};

std::unique_ptr<QualityModel> fit(const math::Matrix& x,
                                  std::span<const std::vector<float>> quality, bool bag,
                                  const math::DescentOptions& options) {
  const std::size_t n = quality.size();
  std::vector<float> observed;
  for (const std::vector<float>& column : quality)
    observed.push_back(
        std::any_of(column.begin(), column.end(), [](float v) { return !std::isnan(v); }) ? 1.0F
                                                                                          : 0.0F);
  const ScoreLoss loss = [quality, n, bag](std::uint32_t row, std::span<const float> s,
                                           std::span<float> slope) {
    thread_local std::vector<float> y;
    y.resize(n);
    for (std::size_t m = 0; m < n; ++m) y[m] = quality[m][row];
    return bag ? bag_loss(y, s, slope) : bradley_terry_loss(y, s, slope);
  };
  return std::make_unique<P2l>(LinearScores::fit(x, n + (bag ? 1 : 0), loss, options),
                               std::move(observed));
}

}  // namespace

std::unique_ptr<Estimator> make_p2l(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.ties != "half" && o.ties != "bag") {
    ctx.diag().error(node.mark(), fmt::format("ties: '{}' should be half or bag", o.ties));
    return nullptr;
  }
  const bool bag = o.ties == "bag";
  const math::DescentOptions descent = o.training.descent();
  const LearnedType type{
      "p2l",
      [bag, descent](const math::Matrix& x, std::span<const std::vector<float>> quality) {
        return fit(x, quality, bag, descent);
      },
      [bag](const WeightFile& w, std::size_t dims) -> Result<std::unique_ptr<QualityModel>> {
        SWY_TRY(auto head, LinearScores::read(w, dims, w.models.size() + (bag ? 1 : 0)));
        SWY_TRY(auto observed, w.tensor("observed", w.models.size()));
        return std::make_unique<P2l>(std::move(head), std::move(observed));
      }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
