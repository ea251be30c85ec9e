// blend: the weighted mean of what several estimators believe.
//
// Formula: over the parts that know a candidate's quality, with weights w scaled to sum 1: q = sum
// w q_i; variance = sum w (v_i + q_i^2) - q^2, so that parts which differ make it doubtful (unknown
// where one of theirs is); evidence = sum w e_i of those that say it. Cost, latency and the chance
// of failure are means over the parts that know them. Cost: the parts'. When it loses: parts of
// different scales (a rank beside a probability) mix to neither: calibrate them first; `auto`
// weighs by what held on the table, these weights are given. Source: the Blend of
// request-routing.md section 2. Tests: blend_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "route/estimator/parts.h"

namespace swy::route {
namespace {

struct Options {
  base::NumberMap of;
  void bind(base::OptionBinder& b) {
    b.field("of", of, "estimator by configured or type name: its weight; required");
  }
};

class Blend final : public Combined<Blend> {
 public:
  Blend(Parts parts, std::vector<double> weights)
      : Combined(std::move(parts)), weights_(std::move(weights)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    thread_local std::vector<Sums> sums;
    BeliefBuffer said(out.size() * weights_.size());
    for (std::size_t p = 0; p < weights_.size(); ++p)
      parts().all()[p]->estimate(q, said.all().subspan(p * out.size(), out.size()));
    sums.assign(out.size(), Sums{});  // after the parts, which may be blends
    for (std::size_t p = 0; p < weights_.size(); ++p) {
      for (std::size_t i = 0; i < out.size(); ++i)
        sums[i].add(said.all()[p * out.size() + i], weights_[p]);
    }
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = sums[i].mean();
  }

 private:
  struct Mean {
    double sum = 0, weight = 0;
    void add(double v, double w) {
      if (std::isnan(v)) return;
      sum += w * v;
      weight += w;
    }
    [[nodiscard]] double value() const { return weight > 0 ? sum / weight : kUnknownNumber; }
  };
  struct Sums {
    Mean quality, square, evidence, cost, latency, p95, fail;
    void add(const Belief& b, double w) {
      quality.add(b.quality, w);
      if (!std::isnan(b.quality)) {
        square.sum += w * (b.quality_var + b.quality * b.quality);  // NaN stays
        square.weight += w;
        evidence.add(b.evidence, w);
      }
      cost.add(b.cost_micro, w);
      latency.add(b.latency_ms, w);
      p95.add(b.latency_p95_ms, w);
      fail.add(b.p_fail, w);
    }
    [[nodiscard]] Belief mean() const {
      Belief b;
      b.quality = quality.value();
      const double variance = square.value() - b.quality * b.quality;
      b.quality_var = std::isnan(variance) ? variance : std::clamp(variance, 0.0, 0.25);
      b.evidence = evidence.value();
      b.cost_micro = cost.value();
      b.latency_ms = latency.value();
      b.latency_p95_ms = p95.value();
      b.p_fail = fail.value();
      return b;
    }
  };
  std::vector<double> weights_;  // above 0
};

}  // namespace

std::unique_ptr<Estimator> make_blend(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  std::vector<std::string> names;
  std::vector<double> weights;
  for (const auto& [name, weight] : o.of) {
    if (!(weight > 0)) {
      ctx.diag().error(node.mark(), fmt::format("blend: the weight of {} is not above 0", name));
      return nullptr;
    }
    names.push_back(name);
    weights.push_back(weight);
  }
  auto parts = Parts::named(names, "blend", node.mark(), ctx);
  if (!parts) return nullptr;
  return std::make_unique<Blend>(std::move(*parts), std::move(weights));
}

}  // namespace swy::route
