// linear: a linear function of the prompt's features for every model.
//
// Formula: `loss: squared`: ridge regression of its quality (math/ridge.h), the penalty with the
// least squared error on held-out folds. `loss: hinge`: a support vector machine: y max(0, 1 - s) +
// (1 - y) max(0, 1 + s) at the margin s = w.x + b, and quality = sigma(slope s + bias) by Platt
// scaling (math/platt.h) of margins that either half of the rows gives the other. Cost: features
// x models products. When it loses: outcomes that turn on more than directions of the embedding;
// see auto for what it is worth beside domains and neighbours. Source: Hoerl and Kennard 1970; the
// quality half of CARROT (arXiv 2502.03261) and Tryage's predicted loss (request-routing.md 4.5)
// with a linear regressor; Cortes and Vapnik 1995. Deviation: the SVM is descended on with Adam.
// Tests: linear_test.cc, math/ridge_test.cc, math/platt_test.cc.
#include <fmt/format.h>

#include <cmath>

#include "math/platt.h"
#include "math/ridge.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {
  std::string loss = "squared";
  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("loss", loss, "squared: ridge regression; hinge: a support vector machine");
  }
};

using Columns = std::span<const std::vector<float>>;

class Linear final : public QualityModel {
 public:
  // logistic: quality = sigma(w.x + b), else w.x + b.
  Linear(math::RidgeModel model, bool logistic) : model_(std::move(model)), logistic_(logistic) {
    model_.held_out = {};
  }
  void predict(std::span<const float> x, std::span<double> quality) const override {
    model_.predict(x, quality);
    if (!logistic_) return;
    for (double& q : quality) q = 1 / (1 + std::exp(-q));
  }
  void write(WeightFile& out) const override {
    out.tensors["weights"] = model_.weights;
    out.tensors["bias"] = model_.bias;
    if (logistic_) out.tensors["logistic"] = {1};
  }

 private:
  math::RidgeModel model_;
  bool logistic_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  math::RidgeModel m;
  m.dims = dims;
  m.outputs = w.models.size();
  SWY_TRY(m.weights, w.tensor("weights", m.outputs * dims));
  SWY_TRY(m.bias, w.tensor("bias", m.outputs));
  return std::make_unique<Linear>(std::move(m), w.tensors.count("logistic") != 0);
}

// ---- squared

// math::fit_ridge() without a matrix of all rows.
Result<std::unique_ptr<QualityModel>> fit_squared(std::size_t dims, const Observed& past,
                                                  const RowStream& rows) {
  const math::RidgeOptions options;
  math::RidgeSums sums(dims, past.patterns().of, std::min(options.folds, past.rows()));
  std::vector<float> y(past.models().size());
  std::size_t row = 0;
  SWY_DO(rows([&](std::span<const float> x) {
    for (std::size_t m = 0; m < y.size(); ++m) y[m] = past.models()[m].quality.value[row];
    sums.add(x, y);
    ++row;
  }));
  return std::make_unique<Linear>(sums.fit(options.penalties), false);
}

// ---- hinge

// Which half a row is in; not by its parity, which tables that alternate would be split by.
std::uint32_t half_of(std::uint32_t row) {
  return static_cast<std::uint32_t>((row * 0x9E3779B97F4A7C15ULL) >> 63U);
}

// Margins fitted on one half of the rows, or on all of them (of: 2).
LinearScores fit_margins(const math::Matrix& x, Columns y, std::uint32_t of) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < x.rows(); ++i)
    if (of == 2 || half_of(i) == of) rows.push_back(i);
  math::Matrix part(rows.size(), x.cols());
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(x.row(rows[i]).begin(), x.row(rows[i]).end(), part.row(i).begin());
  const ScoreLoss loss = [&](std::uint32_t row, std::span<const float> s, std::span<float> slope) {
    double sum = 0;
    for (std::size_t m = 0; m < s.size(); ++m) {
      const float v = y[m][rows[row]];
      if (std::isnan(v)) continue;
      sum += static_cast<double>(v * std::max(0.0F, 1 - s[m]) + (1 - v) * std::max(0.0F, 1 + s[m]));
      slope[m] += (s[m] > -1 ? 1 - v : 0) - (s[m] < 1 ? v : 0);
    }
    return sum;
  };
  return LinearScores::fit(part, y.size(), loss, {});
}

// Margins of every row from the half that does not hold it, by model.
std::vector<std::vector<double>> held_out_margins(const math::Matrix& x, Columns y) {
  std::vector<std::vector<double>> margin(y.size(), std::vector<double>(x.rows()));
  std::vector<float> s(y.size());
  for (const std::uint32_t half : {0U, 1U}) {
    const LinearScores fitted = fit_margins(x, y, 1 - half);
    for (std::uint32_t i = 0; i < x.rows(); ++i) {
      if (half_of(i) != half) continue;
      fitted.scores(x.row(i), s);
      for (std::size_t m = 0; m < s.size(); ++m) margin[m][i] = static_cast<double>(s[m]);
    }
  }
  return margin;
}

std::unique_ptr<QualityModel> fit_hinge(const math::Matrix& x, Columns y) {
  const LinearScores all = fit_margins(x, y, 2);
  const auto margin = held_out_margins(x, y);
  math::RidgeModel model;
  model.dims = x.cols();
  model.outputs = y.size();
  for (std::size_t m = 0; m < y.size(); ++m) {
    const math::Platt platt = math::fit_platt(margin[m], y[m]);
    const auto slope = static_cast<float>(platt.slope);
    const float* w = all.weights.data() + m * (x.cols() + 1);
    for (std::size_t d = 0; d < x.cols(); ++d) model.weights.push_back(slope * w[d]);
    model.bias.push_back(slope * w[x.cols()] + static_cast<float>(platt.bias));
  }
  return std::make_unique<Linear>(std::move(model), true);
}

}  // namespace

std::unique_ptr<Estimator> make_linear(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.loss != "squared" && o.loss != "hinge") {
    ctx.diag().error(node.mark(), fmt::format("loss: '{}' should be squared or hinge", o.loss));
    return nullptr;
  }
  LearnedType type{"linear", {}, read};
  if (o.loss == "hinge") {
    type.fit = fit_hinge;
  } else {
    type.fit_stream = fit_squared;
  }
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
