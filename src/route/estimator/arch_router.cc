// arch_router: the model that somebody wrote down for the route which the conversation asks for.
//
// Formula: route = label of `signal`; its model in `models`, else `default`, has quality 1 and
// every other candidate of the rule 0, with variance p (1 - p), p being the signal's confidence. A
// route that nobody mapped, "other" and a signal that does not know give `default`; without
// `default` everything stays unknown, so that the next estimator of the list or the order of the
// rule decides. Routes are data: a new model is a changed line of `models`, a new route a
// description of the signal. Cost: the signal's. Loses when descriptions overlap, and where no
// route says which model is better: it never learns. Source: variant of Arch-Router (arXiv
// 2506.16655; request-routing.md 4.6). Deviations: the signal `preference` (or any with labels) in
// place of a 1.5 B model that writes the route's name; so there is no reply whose quotes could be
// repaired. Unlike the original the confidence is not thrown away. Tests: arch_router_test.cc.
#include <fmt/format.h>

#include "route/detail/named.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {
namespace {

struct Options {
  std::string signal;
  const base::Doc* models = nullptr;
  std::string fallback;

  void bind(base::OptionBinder& b) {
    b.field("signal", signal,
            "signal whose label is the route, for example a preference; required");
    b.node("models", models, "map of route: model; required");
    b.field("default", fallback, "model for every other route, and where the signal does not know");
  }
};

class ArchRouter final : public Estimator {
 public:
  ArchRouter(FactId signal, std::vector<std::pair<std::string, ExpertId>> models, ExpertId fallback)
      : signal_(signal), models_(std::move(models)), fallback_(fallback) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    const Fact& fact = q.fact(signal_);
    const ExpertId meant = model_for(fact);
    if (meant == kNoExpert) return;
    const double p = fact.truth == Truth::kUnknown ? 0.5 : static_cast<double>(fact.confidence);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].quality = q.candidates[i] == meant ? 1 : 0;
      out[i].quality_var = p * (1 - p);
    }
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return {&signal_, 1}; }

 private:
  [[nodiscard]] ExpertId model_for(const Fact& fact) const {
    if (fact.truth == Truth::kUnknown) return fallback_;
    for (const auto& [route, model] : models_) {
      if (fact.label.view() == route) return model;
    }
    return fallback_;
  }

  FactId signal_;
  std::vector<std::pair<std::string, ExpertId>> models_;
  ExpertId fallback_;
};

}  // namespace

std::unique_ptr<Estimator> make_arch_router(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  const auto signal = signal_named(o.signal, "arch_router", node.mark(), ctx);
  const auto model = [&](const std::string& name, base::Mark mark) {
    return model_named(name, "arch_router", mark, ctx).value_or(kNoExpert);
  };
  std::vector<std::pair<std::string, ExpertId>> models;
  if (o.models == nullptr || !o.models->is_map() || o.models->members().empty()) {
    ctx.diag().error(node.mark(), "arch_router: models is a map of route: model");
  } else {
    for (const auto& m : o.models->members()) {
      if (m.value.is_scalar()) {
        models.emplace_back(m.key, model(m.value.text(), m.value.mark()));
      } else {
        ctx.diag().error(m.value.mark(), "arch_router: a route has one model");
      }
    }
  }
  const ExpertId fallback = o.fallback.empty() ? kNoExpert : model(o.fallback, node.mark());
  if (ctx.diag().errors() != before) return nullptr;
  return std::make_unique<ArchRouter>(*signal, std::move(models), fallback);
}

}  // namespace swy::route
