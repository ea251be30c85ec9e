// composition: first the category of the prompt, then what is known of the models in it.
//
// Formula: p = softmax(W x + b) over the table's domains, fitted by cross-entropy; k = argmax p.
// quality of model m = (sum of m's outcomes in k + shrink * its mean) / (n + shrink) when p_k >=
// confidence, else its mean over the whole table (so that the best generalist leads). With `memory`
// or `active` a subset of the models is chosen that maximises sum_k n_k max quality within the
// sizes (math/expert_subset.h): the others stay unknown, with `active` also what k was not given
// to. Right because the best model of a single prompt is noise while that of a category is not.
// Cost: features x categories. When it loses: a wrong category is silent; where models differ
// within a category. Source: variant of Composition of Experts (arXiv 2412.01868;
// request-routing.md 4.3). Deviations: a linear head in place of its classifier; shrinkage;
// outcomes in place of a judge's scores. Beside `clusters: { by: domain }`: the category is told by
// dense features and taken whole, not by words and in shares. Tests: composition_test.cc,
// math/expert_subset_test.cc (known answers).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "math/expert_subset.h"
#include "math/kernels.h"
#include "route/detail/named.h"
#include "route/estimator/labels.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"

namespace swy::route {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();

struct Options : LearnedOptions {
  double confidence = 0.3;
  double shrink = 10;
  base::NumberMap sizes;
  double memory = kUnknownNumber;
  double active = kUnknownNumber;
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("confidence", confidence, {.min = 0, .max = 1},
            "probability of a category below which the means over the whole table count");
    b.field("shrink", shrink, {.min = 0, .max = 1e6},
            "pseudo-observations of every category at the model's mean over the whole table");
    b.field("sizes", sizes, "model: size, in any unit, for memory and active");
    b.field("memory", memory, {.min = 0}, "size that the models that are kept have together");
    b.field("active", active, {.min = 0}, "size that a prompt uses on average");
    training.bind(b, "of the order of the rows");
  }
  [[nodiscard]] bool bounded() const { return !std::isnan(memory) || !std::isnan(active); }
};

class Composition final : public QualityModel {
 public:
  // value: category * models + model, then the means over the whole table; NaN: not believed.
  Composition(LinearScores head, std::vector<float> value, float confidence)
      : head_(std::move(head)), value_(std::move(value)), confidence_(confidence) {}

  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> p;
    p.resize(head_.outputs);
    head_.scores(x, p);
    math::best_kernels().softmax(p.data(), p.size());
    const auto top = std::max_element(p.begin(), p.end());
    const bool sure = *top >= confidence_;
    const std::size_t k = sure ? static_cast<std::size_t>(top - p.begin()) : head_.outputs;
    std::copy_n(value_.begin() + static_cast<std::ptrdiff_t>(k * quality.size()), quality.size(),
                quality.begin());
  }
  void write(WeightFile& out) const override {
    out.tensors["weights"] = head_.weights;
    out.tensors["confidence"] = {confidence_};
    std::vector<float>& value = out.tensors["value"] = value_;
    for (float& v : value) v = unknown_to_file(v);
  }

 private:
  LinearScores head_;
  std::vector<float> value_;
  float confidence_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  const auto found = w.tensors.find("value");
  const std::size_t models = w.models.size();
  const std::size_t rows =
      found == w.tensors.end() || models == 0 ? 0 : found->second.size() / models;
  if (rows < 2) return fail(ErrorCode::kParse, "composition: weights without categories");
  SWY_TRY(auto value, w.tensor("value", rows * models));
  SWY_TRY(const auto confidence, w.tensor("confidence", 1));
  SWY_TRY(auto head, LinearScores::read(w, dims, rows - 1));
  for (float& v : value) v = unknown_from_file(v);
  return std::make_unique<Composition>(std::move(head), std::move(value), confidence[0]);
}

struct Categories {
  std::vector<std::uint32_t> of;  // by row
  std::vector<double> share;      // of the rows
};

Categories categories_of(std::span<const std::string> domains) {
  Labels labels = numbered(domains);
  Categories c{std::move(labels.of), std::vector<double>(labels.count, 0.0)};
  for (const std::uint32_t k : c.of) c.share[k] += 1 / static_cast<double>(domains.size());
  return c;
}

// By category, shrunk; then the means over the whole table.
std::vector<double> values_of(const LearnedRows& rows, const Categories& c, double shrink) {
  const std::size_t models = rows.models.size();
  const std::size_t groups = c.share.size();
  std::vector<double> sum((groups + 1) * models, 0.0);
  std::vector<double> count(sum.size(), 0.0);
  for (std::size_t m = 0; m < models; ++m) {
    const Column& y = rows.models[m].quality;
    for (std::size_t i = 0; i < y.value.size(); ++i) {
      if (std::isnan(y.value[i])) continue;
      for (const std::size_t k : {static_cast<std::size_t>(c.of[i]), groups}) {
        sum[k * models + m] += static_cast<double>(y.value[i]);
        count[k * models + m] += 1;
      }
    }
    const double mean = y.mean_without(kNoRow);
    for (std::size_t k = 0; k < groups; ++k) {
      double& v = sum[k * models + m];
      const double n = count[k * models + m];
      v = n + shrink > 0 ? (v + (shrink > 0 ? shrink * mean : 0)) / (n + shrink) : mean;
    }
    sum[groups * models + m] = mean;
  }
  return sum;
}

// Forgets what the bounds do not allow.
void keep_within(const Options& o, const LearnedRows& rows, const Categories& c,
                 std::vector<double>& value) {
  const std::size_t models = rows.models.size();
  const std::size_t groups = c.share.size();
  std::vector<std::size_t> sized;
  std::vector<double> size;
  for (std::size_t m = 0; m < models && sized.size() < math::kMostExperts; ++m) {
    for (const auto& [name, s] : o.sizes) {
      if (name != rows.names[m]) continue;
      sized.push_back(m);
      size.push_back(s);
    }
  }
  std::vector<double> known;
  for (std::size_t k = 0; k < groups; ++k)
    for (const std::size_t m : sized) known.push_back(value[k * models + m]);
  const auto bound = [](double v) { return std::isnan(v) ? kAny : v; };
  const auto best = math::choose_experts({c.share, known, size, bound(o.memory), bound(o.active)});
  std::vector<double> kept(value.size(), kUnknownNumber);
  for (std::size_t e = 0; best && e < sized.size(); ++e) {
    if (best->kept[e] == 0) continue;
    for (std::size_t k = 0; k <= groups; ++k) {
      const bool open = k == groups || std::isnan(o.active) || best->expert[k] == e;
      if (open) kept[k * models + sized[e]] = value[k * models + sized[e]];
    }
  }
  value = std::move(kept);
}

std::unique_ptr<QualityModel> fit(const LearnedRows& rows, const Options& o) {
  const Categories c = categories_of(rows.domains);
  std::vector<double> value = values_of(rows, c, o.shrink);
  if (o.bounded()) keep_within(o, rows, c, value);
  const ScoreLoss loss = [&c](std::uint32_t row, std::span<const float> s, std::span<float> slope) {
    std::copy(s.begin(), s.end(), slope.begin());
    math::best_kernels().softmax(slope.data(), slope.size());
    const double p = static_cast<double>(slope[c.of[row]]);
    slope[c.of[row]] -= 1;
    return -std::log(std::max(p, 1e-12));
  };
  return std::make_unique<Composition>(
      LinearScores::fit(rows.x, c.share.size(), loss, o.training.descent()),
      std::vector<float>(value.begin(), value.end()), static_cast<float>(o.confidence));
}

// False after an error was reported.
bool check_bounds(const Options& o, base::Mark mark, BuildContext& ctx) {
  const std::size_t before = ctx.diag().errors();
  double least = kAny;
  for (const auto& [name, size] : o.sizes) {
    (void)model_named(name, "sizes", mark, ctx);
    if (!(size > 0)) ctx.diag().error(mark, fmt::format("sizes: {} needs a size above 0", name));
    least = std::min(least, size);
  }
  if (o.sizes.size() > math::kMostExperts)
    ctx.diag().error(mark, fmt::format("sizes: at most {} models", math::kMostExperts));
  if (o.bounded() && !(least <= o.memory || std::isnan(o.memory)))
    ctx.diag().error(mark, "memory: no model of sizes fits");
  if (o.bounded() && !(least <= o.active || std::isnan(o.active)))
    ctx.diag().error(mark, "active: no model of sizes fits");
  if (o.bounded() && o.sizes.empty())
    ctx.diag().error(mark, "memory and active need the sizes of the models");
  return ctx.diag().errors() == before;
}

}  // namespace

std::unique_ptr<Estimator> make_composition(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o) || !check_bounds(o, node.mark(), ctx)) return nullptr;
  const LearnedType type{
      "composition", {}, read, [o](const LearnedRows& rows) { return fit(rows, o); }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
