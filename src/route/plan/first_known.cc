// first_known(): a list of estimators as one; of every field the first known value counts. Test:
// compile_test.cc.
#include "route/estimator/parts.h"
#include "route/plan/compile.h"

namespace swy::route {
namespace {

class FirstKnown final : public Combined<FirstKnown> {
 public:
  explicit FirstKnown(Parts chain) : Combined(std::move(chain)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    for (const auto& e : parts().all()) {
      q.scratch.partial.assign(out.size(), Belief{});
      e->estimate(q, q.scratch.partial);
      for (std::size_t i = 0; i < out.size(); ++i) merge(out[i], q.scratch.partial[i]);
    }
  }
  [[nodiscard]] Status export_weights(const std::string& path) const override {
    return parts().all().front()->export_weights(path);
  }

 private:
  static void keep(double& known, double candidate) {
    if (known != known) known = candidate;
  }
  static void merge(Belief& into, const Belief& from) {
    if (into.quality != into.quality) {  // a quality goes with its own variance and evidence
      into.quality = from.quality;
      into.quality_var = from.quality_var;
      into.evidence = from.evidence;
    }
    keep(into.cost_micro, from.cost_micro);
    keep(into.latency_ms, from.latency_ms);
    keep(into.latency_p95_ms, from.latency_p95_ms);
    keep(into.p_fail, from.p_fail);
  }
};

}  // namespace

std::shared_ptr<const Estimator> first_known(std::vector<std::shared_ptr<const Estimator>> chain) {
  if (chain.empty()) return nullptr;
  if (chain.size() == 1) return chain[0];
  return std::make_shared<FirstKnown>(Parts(std::move(chain)));
}

}  // namespace swy::route
