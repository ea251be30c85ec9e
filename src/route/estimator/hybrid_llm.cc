// hybrid_llm: the chance that a cheaper model's answer is as good as the reference's.
//
// Formula: reference = the model with the best mean on the table, or the one named. Label of every
// other model on every row that observed both, g = its outcome - the reference's:
//   det    [g >= 0]
//   prob   1 - (1 - y) y_ref: the chance of it, outcomes being shares of right samples
//   trans  [g >= -t], t per model the slack at which its labels differ most between rows
// A two-layer network (math/two_layer.h, relu) on the prompt's features is trained on the labels by
// cross-entropy; quality = its probability, of the reference 1. Use it with `threshold` (two
// models) or with `cheapest_passing`, whose bar is then the chance asked for. When it loses: labels
// of two equal outcomes say nothing of which is better than the other, so it never finds a model
// that beats the reference. Cost: as mlp. Source: variant of HybridLLM (arXiv 2404.14618);
// request-routing.md 5.2. Deviations: fixed features in place of a trained DeBERTa; one head for
// every model beside the reference; means of samples in place of the samples. Tests:
// hybrid_llm_test.cc, preference_losses_test.cc (known answers).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "route/estimator/learned.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

struct Options : NetworkOptions {
  std::string label = "trans", reference;
  void bind(base::OptionBinder& b) {
    NetworkOptions::bind(b, "hidden units");
    b.field("label", label, "what is learned: det, prob or trans");
    b.field("reference", reference, "the model that others are as good as; absent: the best");
  }
};

using Columns = std::vector<std::vector<float>>;

std::size_t best_of(std::span<const std::vector<float>> quality) {
  std::size_t best = 0;
  double most = -1;
  for (std::size_t m = 0; m < quality.size(); ++m) {
    double sum = 0;
    double n = 0;
    for (const float v : quality[m]) {
      if (std::isnan(v)) continue;
      sum += static_cast<double>(v);
      n += 1;
    }
    if (n == 0 || sum / n <= most) continue;
    most = sum / n;
    best = m;
  }
  return best;
}

// REQUIRES: best < quality.size().
Columns labels_of(std::span<const std::vector<float>> quality, std::size_t best,
                  const std::string& recipe) {
  const std::vector<float>& reference = quality[best];
  Columns labels(quality.begin(), quality.end());
  for (std::vector<float>& column : labels) {
    std::vector<double> gaps;
    for (std::size_t i = 0; i < column.size(); ++i)
      if (const float g = column[i] - reference[i]; !std::isnan(g))
        gaps.push_back(static_cast<double>(g));
    const double slack = recipe == "trans" ? most_telling_slack(gaps) : 0;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const float y = column[i];
      const float r = reference[i];
      if (std::isnan(y + r)) {
        column[i] = std::numeric_limits<float>::quiet_NaN();
      } else if (recipe == "prob") {
        column[i] = 1 - (1 - y) * r;
      } else {
        const auto mine = static_cast<double>(y);
        const auto theirs = static_cast<double>(r);
        column[i] = static_cast<float>(chance_at_least({&mine, 1}, {&theirs, 1}, slack));
      }
    }
  }
  for (float& v : labels[best]) v = std::isnan(v) ? v : 1.0F;
  return labels;
}

}  // namespace

std::unique_ptr<Estimator> make_hybrid_llm(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.label != "det" && o.label != "prob" && o.label != "trans") {
    ctx.diag().error(node.mark(), fmt::format("label: '{}' should be det, prob or trans", o.label));
    return nullptr;
  }
  if (!o.reference.empty() && !ctx.catalogue().find(o.reference)) {
    ctx.diag().error(node.mark(),
                     fmt::format("reference: there is no model '{}'{}", o.reference,
                                 base::did_you_mean(o.reference, ctx.catalogue().names())));
    return nullptr;
  }
  LearnedType type = network_type("hybrid_llm", o, math::HiddenUnit::kRelu, false);
  type.fit_rows = [inner = std::move(type.fit), o](const LearnedRows& rows) {
    Columns quality;
    for (const ObservedModel& m : rows.models) quality.push_back(m.quality.value);
    const auto named = std::find(rows.names.begin(), rows.names.end(), o.reference);
    const std::size_t best = named == rows.names.end()
                                 ? best_of(quality)
                                 : static_cast<std::size_t>(named - rows.names.begin());
    return inner(rows.x, quality.empty() ? quality : labels_of(quality, best, o.label));
  };
  type.fit = {};
  return make_learned(type, o.learned, node, ctx);
}

}  // namespace swy::route
