// router_retriever: pilots, which are centres of the prompts that a model was best on; the nearest
// pilot says who should be asked.
//
// Formula: for every domain d of the table and every model m, pilot(d, m) = mean of the features of
// the rows of d on which m did as well as the best model of the row. Rows on which all observed
// models did the same say nothing and are left out. quality of m = (1 + max over its pilots of
// cos(x, pilot)) / 2, 0 for a model that was never best: it ranks, it is not a probability of being
// right. Adding a model adds its pilots and moves no other's unless it does better than they. Cost:
// features x pilots. When it loses: a model that is best on few rows has a pilot like one that is
// best on many, so how good a model is in general is lost; where several are right, all their
// pilots lie in the same place. Source: variant of RouterRetriever (arXiv 2409.02685;
// request-routing.md 4.11). Deviations: models in place of retrieval experts, the program's
// features in place of the base retriever's; cosine (its dot product favours long centres); all of
// the best models of a row, not the first. Tests: router_retriever_test.cc.
#include <algorithm>
#include <cmath>
#include <map>

#include "math/kernels.h"
#include "route/estimator/learned.h"

namespace swy::route {
namespace {

struct Options : LearnedOptions {};

class RouterRetriever final : public QualityModel {
 public:
  // pilots: of norm 1, one after another; model[i] is whose the i-th is.
  RouterRetriever(std::vector<float> pilots, std::vector<float> model)
      : pilots_(std::move(pilots)), model_(std::move(model)) {}

  void predict(std::span<const float> x, std::span<double> quality) const override {
    std::fill(quality.begin(), quality.end(), 0.0);
    const float norm = std::sqrt(math::best_kernels().dot(x.data(), x.data(), x.size()));
    for (std::size_t i = 0; i < model_.size(); ++i) {
      const float* pilot = pilots_.data() + i * x.size();
      const float product = math::best_kernels().dot(pilot, x.data(), x.size());
      const double cosine = norm > 0 ? static_cast<double>(product / norm) : 0;
      double& q = quality[static_cast<std::size_t>(model_[i])];
      q = std::max(q, (1 + cosine) / 2);
    }
  }
  void write(WeightFile& out) const override {
    out.tensors["pilots"] = pilots_;
    out.tensors["model"] = model_;
  }

 private:
  std::vector<float> pilots_;
  std::vector<float> model_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  const auto found = w.tensors.find("model");
  const std::size_t n = found == w.tensors.end() ? 0 : found->second.size();
  SWY_TRY(auto model, w.tensor("model", n));
  for (const float m : model) {
    if (!(m >= 0 && m < static_cast<float>(w.models.size())) || m != std::floor(m))
      return fail(ErrorCode::kParse, "router_retriever: a pilot of no model");
  }
  SWY_TRY(auto pilots, w.tensor("pilots", n * dims));
  return std::make_unique<RouterRetriever>(std::move(pilots), std::move(model));
}

// The best outcome of a row; NaN when all observed models did the same.
float best_of_row(const LearnedRows& rows, std::size_t i) {
  float least = 2;
  float most = -1;
  for (const ObservedModel& m : rows.models) {
    const float y = m.quality.value[i];
    if (std::isnan(y)) continue;
    least = std::min(least, y);
    most = std::max(most, y);
  }
  return most > least ? most : std::numeric_limits<float>::quiet_NaN();
}

std::unique_ptr<QualityModel> fit(const LearnedRows& rows) {
  std::map<std::pair<std::string_view, std::size_t>, std::vector<float>> sums;
  for (std::size_t i = 0; i < rows.x.rows(); ++i) {
    const float best = best_of_row(rows, i);
    for (std::size_t m = 0; m < rows.models.size(); ++m) {
      if (rows.models[m].quality.value[i] != best) continue;  // nor when best is NaN
      auto& sum = sums[{rows.domains[i], m}];
      sum.resize(rows.x.cols());
      math::best_kernels().axpy(1, rows.x.row(i).data(), rows.x.cols(), sum.data());
    }
  }
  std::vector<float> pilots, model;
  for (const auto& [key, sum] : sums) {
    const float norm = std::sqrt(math::best_kernels().dot(sum.data(), sum.data(), sum.size()));
    for (const float v : sum) pilots.push_back(norm > 0 ? v / norm : 0.0F);
    model.push_back(static_cast<float>(key.second));
  }
  return std::make_unique<RouterRetriever>(std::move(pilots), std::move(model));
}

}  // namespace

std::unique_ptr<Estimator> make_router_retriever(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  return make_learned({"router_retriever", {}, read, fit}, o, node, ctx);
}

}  // namespace swy::route
