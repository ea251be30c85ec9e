// fallback: the first estimator that has seen enough.
//
// Formula: for every candidate the quality of the first part whose evidence reaches `evidence`; of
// nobody's, the quality with the most evidence, then the last part that knows one. Quality comes
// with its own variance and evidence; of the other fields the first known value counts. A list of
// estimators is the same with `evidence: 0`, and says so in fewer words. Cost: the parts'. When it
// loses: at the edge a belief jumps from one part to the other; `blend` does not, and shrinkage
// inside an estimator does it gradually. Candidates are believed by different parts: comparisons
// between them are only as good as the parts agree on the scale. Source: the Fallback of
// request-routing.md section 2. Tests: fallback_test.cc.
#include <cmath>

#include "route/estimator/parts.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> of;
  double evidence = 20;
  void bind(base::OptionBinder& b) {
    b.field("of", of, "estimators by configured or type name, the preferred first; required");
    b.field("evidence", evidence, {.min = 0, .max = 1e12},
            "observations below which the next one is asked");
  }
};

class Fallback final : public Combined<Fallback> {
 public:
  Fallback(Parts parts, double evidence) : Combined(std::move(parts)), evidence_(evidence) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    for (const auto& part : parts().all()) {
      BeliefBuffer said(out.size());
      part->estimate(q, said.all());
      for (std::size_t i = 0; i < out.size(); ++i) take(said.all()[i], out[i]);
    }
  }

 private:
  static double seen(const Belief& b) { return std::isnan(b.evidence) ? 0 : b.evidence; }
  void take(const Belief& from, Belief& into) const {
    const bool enough = !std::isnan(into.quality) && seen(into) >= evidence_;
    const bool better =
        std::isnan(into.quality) || seen(from) >= evidence_ || seen(from) >= seen(into);
    if (!enough && !std::isnan(from.quality) && better) {
      into.quality = from.quality;
      into.quality_var = from.quality_var;
      into.evidence = from.evidence;
    }
    for (double Belief::* const field :
         {&Belief::cost_micro, &Belief::latency_ms, &Belief::latency_p95_ms, &Belief::p_fail}) {
      if (std::isnan(into.*field)) into.*field = from.*field;
    }
  }
  double evidence_;
};

}  // namespace

std::unique_ptr<Estimator> make_fallback(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  auto parts = Parts::named(o.of, "fallback", node.mark(), ctx);
  if (!parts) return nullptr;
  return std::make_unique<Fallback>(std::move(*parts), o.evidence);
}

}  // namespace swy::route
