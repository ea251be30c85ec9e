// carrot: quality and cost of an answer, predicted apart from each other.
//
// Formula: three regressions on the prompt's features: every model's quality, its answer length (in
// thousands of tokens) and its cost (in thousandths of USD, for cards without a price). linear:
// ridge, each with a penalty of its own (math/ridge.h). knn: means over the k rows of highest
// cosine that were observed, k from 2, 4, ..., 512 by the squared error over five folds, one k for
// each of the three. Expected cost of a priced card: prompt tokens * input + predicted tokens *
// output; a prediction is cut to what was observed of that model. `utility` then maximises (1 - mu)
// q - mu c. Cost: linear: 3 x features x models; knn: features x rows, as
// bytes (math/dense_index.h). When it loses: lengths that
// wording does not tell; then the model's mean, which all other estimators use, is as good. Source:
// CARROT (arXiv 2502.03261); request-routing.md 5.5. Deviations: features instead of a trained
// RoBERTa; costs are not scaled by 100. Tests: carrot_test.cc (known answer, units).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "math/dense_index.h"
#include "math/kernels.h"
#include "math/ridge.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

constexpr double kThousand = 1000;
constexpr std::size_t kFolds = 5;
constexpr std::size_t kMostNeighbours = 512;
constexpr std::size_t kTuningRows = 1000;
constexpr std::array kTargets = {"quality", "kilotokens", "millicost"};
constexpr std::size_t kN = kTargets.size();

struct Options : LearnedOptions {
  std::string by = "linear";
  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("by", by, "linear: ridge regressions; knn: means over the nearest rows");
  }
};

using Columns = std::vector<std::vector<float>>;  // by model, then row

std::array<Columns, kN> targets_of(const LearnedRows& rows) {
  std::array<Columns, kN> t;
  const auto thousandth = [](std::vector<float> v, double factor) {
    for (float& x : v) x = static_cast<float>(static_cast<double>(x) * factor);
    return v;
  };
  for (const ObservedModel& m : rows.models) {
    t[0].push_back(m.quality.value);
    t[1].push_back(thousandth(m.tokens_out.value, 1 / kThousand));
    t[2].push_back(thousandth(m.cost_usd.value, kThousand));
  }
  return t;
}

// Writes a prediction in thousands over a mean, where there is one.
void put(double thousands, double factor, double& mean) {
  if (!std::isnan(mean) && !std::isnan(thousands)) mean = thousands * factor;
}

class CarrotLinear final : public QualityModel {
 public:
  struct Head {
    math::RidgeModel model;
    std::vector<float> least, most;  // observed, by model
  };
  explicit CarrotLinear(std::array<Head, kN> heads) : heads_(std::move(heads)) {}

  static std::unique_ptr<QualityModel> fit(const LearnedRows& rows) {
    const auto targets = targets_of(rows);
    std::array<Head, kN> heads;
    for (std::size_t t = 0; t < kN; ++t) {
      heads[t].model = math::fit_ridge(rows.x, targets[t]);
      heads[t].model.held_out = {};
      for (const std::vector<float>& column : targets[t]) {
        float least = std::numeric_limits<float>::max();
        float most = 0;
        for (const float v : column) {
          if (std::isnan(v)) continue;
          least = std::min(least, v);
          most = std::max(most, v);
        }
        heads[t].least.push_back(std::min(least, most));
        heads[t].most.push_back(most);
      }
    }
    return std::make_unique<CarrotLinear>(std::move(heads));
  }
  static Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
    std::array<Head, kN> heads;
    const std::size_t n = w.models.size();
    for (std::size_t t = 0; t < kN; ++t) {
      const std::string name = kTargets[t];
      heads[t].model.dims = dims;
      heads[t].model.outputs = n;
      SWY_TRY(heads[t].model.weights, w.tensor(name + ".weights", n * dims));
      SWY_TRY(heads[t].model.bias, w.tensor(name + ".bias", n));
      SWY_TRY(heads[t].least, w.tensor(name + ".least", n));
      SWY_TRY(heads[t].most, w.tensor(name + ".most", n));
    }
    return std::make_unique<CarrotLinear>(std::move(heads));
  }
  void predict(std::span<const float> x, std::span<double> quality) const override {
    heads_[0].model.predict(x, quality);
  }
  void predict_all(std::span<const float> x, std::span<double> quality,
                   std::span<double> tokens_out, std::span<double> cost_usd) const override {
    predict(x, quality);
    thread_local std::vector<double> said;
    said.resize(tokens_out.size());
    say(1, x, said);
    for (std::size_t m = 0; m < said.size(); ++m) put(said[m], kThousand, tokens_out[m]);
    say(2, x, said);
    for (std::size_t m = 0; m < said.size(); ++m) put(said[m], 1 / kThousand, cost_usd[m]);
  }
  void write(WeightFile& out) const override {
    for (std::size_t t = 0; t < kN; ++t) {
      const std::string name = kTargets[t];
      out.tensors[name + ".weights"] = heads_[t].model.weights;
      out.tensors[name + ".bias"] = heads_[t].model.bias;
      out.tensors[name + ".least"] = heads_[t].least;
      out.tensors[name + ".most"] = heads_[t].most;
    }
  }

 private:
  void say(std::size_t t, std::span<const float> x, std::span<double> out) const {
    const Head& head = heads_[t];
    head.model.predict(x, out);
    for (std::size_t m = 0; m < out.size(); ++m)
      out[m] = std::min(std::max(out[m], static_cast<double>(head.least[m])),
                        static_cast<double>(head.most[m]));
  }
  std::array<Head, kN> heads_;
};

class CarrotKnn final : public QualityModel {
 public:
  CarrotKnn(math::Matrix rows, std::array<Columns, kN> targets, std::array<std::size_t, kN> k)
      : rows_(std::move(rows)), targets_(std::move(targets)), k_(k) {
    ask_for_enough();
  }

  static std::unique_ptr<QualityModel> fit(const LearnedRows& rows) {
    math::Matrix unit = rows.x;
    for (std::size_t i = 0; i < unit.rows(); ++i)
      math::l2_normalize(math::best_kernels(), unit.row(i));
    auto model = std::make_unique<CarrotKnn>(std::move(unit), targets_of(rows),
                                             std::array<std::size_t, kN>{});
    model->choose_neighbours();
    return model;
  }
  static Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
    const auto all = w.tensors.find("rows");
    const std::size_t n = all == w.tensors.end() ? 0 : all->second.size() / dims;
    SWY_TRY(const auto values, w.tensor("rows", n * dims));
    math::Matrix rows(n, dims);
    std::copy(values.begin(), values.end(), rows.all().begin());
    SWY_TRY(const auto k, w.tensor("neighbours", kN));
    std::array<Columns, kN> targets;
    std::array<std::size_t, kN> neighbours{};
    for (std::size_t t = 0; t < kN; ++t) {
      if (!(k[t] >= 1 && k[t] <= static_cast<float>(kMostNeighbours)))
        return fail(ErrorCode::kParse, fmt::format("carrot: {} neighbours", k[t]));
      neighbours[t] = static_cast<std::size_t>(k[t]);
      SWY_TRY(const auto cells, w.tensor(kTargets[t], w.models.size() * n));
      for (std::size_t m = 0; m < w.models.size(); ++m) {
        auto& column = targets[t].emplace_back();
        for (std::size_t i = 0; i < n; ++i) column.push_back(unknown_from_file(cells[m * n + i]));
      }
    }
    return std::make_unique<CarrotKnn>(std::move(rows), std::move(targets), neighbours);
  }
  void predict(std::span<const float> x, std::span<double> quality) const override {
    const auto nearest = nearest_to(x, most_);
    for (std::size_t m = 0; m < quality.size(); ++m) quality[m] = mean(0, m, nearest);
  }
  void predict_all(std::span<const float> x, std::span<double> quality,
                   std::span<double> tokens_out, std::span<double> cost_usd) const override {
    const auto nearest = nearest_to(x, most_);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      quality[m] = mean(0, m, nearest);
      put(mean(1, m, nearest), kThousand, tokens_out[m]);
      put(mean(2, m, nearest), 1 / kThousand, cost_usd[m]);
    }
  }
  void write(WeightFile& out) const override {
    out.tensors["rows"].assign(rows_.rows().all().begin(), rows_.rows().all().end());
    out.tensors["neighbours"].assign(k_.begin(), k_.end());
    for (std::size_t t = 0; t < kN; ++t) {
      std::vector<float>& cells = out.tensors[kTargets[t]];
      cells.clear();
      for (const std::vector<float>& column : targets_[t])
        for (const float v : column) cells.push_back(unknown_to_file(v));
    }
  }

 private:
  using Nearest = std::span<const math::NearRow>;
  // The nearest rows, best first, without those of one fold (kFolds: none). The cosine is not
  // divided by |x|, which orders nothing.
  Nearest nearest_to(std::span<const float> x, std::size_t n, std::size_t fold = kFolds) const {
    thread_local std::vector<math::NearRow> near;
    using Held = math::DenseIndex::Held;
    rows_.nearest(x, n, fold == kFolds ? Held{} : Held{kFolds, fold}, near);
    return near;
  }
  // Of the k first rows with an observation; NaN without any.
  [[nodiscard]] double mean(std::size_t t, std::size_t m, Nearest nearest) const {
    const std::vector<float>& column = targets_[t][m];
    double sum = 0;
    std::size_t n = 0;
    for (const math::NearRow& near : nearest) {
      if (std::isnan(column[near.row])) continue;
      sum += static_cast<double>(column[near.row]);
      if (++n == k_[t]) break;
    }
    return n > 0 ? sum / static_cast<double>(n) : kUnknownNumber;
  }

  // The k nearest rows where every one was observed, or where none was; else those beyond count
  // too.
  void ask_for_enough() {
    most_ = 1;
    for (std::size_t t = 0; t < kN; ++t) {
      for (const std::vector<float>& column : targets_[t]) {
        const auto missing =
            std::count_if(column.begin(), column.end(), [](float v) { return std::isnan(v); });
        if (missing == static_cast<std::ptrdiff_t>(column.size())) continue;
        most_ = std::max(most_, missing == 0 ? k_[t] : kMostNeighbours);
      }
    }
  }

  // Squared errors of k = 2, 4, ... neighbours on one row, added up over models.
  void add_errors(std::size_t row, const Columns& columns, Nearest nearest,
                  std::span<double> error) const {
    for (const std::vector<float>& column : columns) {
      if (std::isnan(column[row])) continue;
      const auto truth = static_cast<double>(column[row]);
      double sum = 0;
      double n = 0;
      std::size_t k = 0;
      for (const math::NearRow& near : nearest) {
        if (std::isnan(column[near.row])) continue;
        sum += static_cast<double>(column[near.row]);
        n += 1;
        if (n == static_cast<double>(std::size_t{2} << k)) {
          error[k++] += std::pow(sum / n - truth, 2);
          if (k == error.size()) break;
        }
      }
      // Fewer rows than neighbours: all there are.
      for (; k < error.size() && n > 0; ++k) error[k] += std::pow(sum / n - truth, 2);
    }
  }
  void choose_neighbours() {
    constexpr std::size_t kChoices = 9;  // 2 to 512
    std::array<std::array<double, kChoices>, kN> error{};
    const std::size_t rows = rows_.rows().rows();
    const std::size_t step = 1 + rows / kTuningRows;
    for (std::size_t i = 0; i < rows; i += step) {
      const auto nearest = nearest_to(rows_.rows().row(i), kMostNeighbours, i % kFolds);
      for (std::size_t t = 0; t < kN; ++t) add_errors(i, targets_[t], nearest, error[t]);
    }
    for (std::size_t t = 0; t < kN; ++t) {
      const auto best = std::min_element(error[t].begin(), error[t].end());
      k_[t] = std::size_t{2} << static_cast<std::size_t>(best - error[t].begin());
    }
    ask_for_enough();
  }

  math::DenseIndex rows_;  // of length 1
  std::array<Columns, kN> targets_;
  std::array<std::size_t, kN> k_;
  std::size_t most_ = kMostNeighbours;  // rows that are asked for
};

}  // namespace

std::unique_ptr<Estimator> make_carrot(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.by != "linear" && o.by != "knn") {
    ctx.diag().error(node.mark(), fmt::format("by: '{}' should be linear or knn", o.by));
    return nullptr;
  }
  const bool linear = o.by == "linear";
  const LearnedType type{"carrot",
                         {},
                         linear ? CarrotLinear::read : CarrotKnn::read,
                         linear ? CarrotLinear::fit : CarrotKnn::fit};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
