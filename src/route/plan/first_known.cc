// first_known(): a list of estimators as one; of every field the first known value counts. Test:
// compile_test.cc.
#include <algorithm>

#include "route/plan/compile.h"

namespace swy::route {
namespace {

class FirstKnown final : public Estimator {
 public:
  explicit FirstKnown(std::vector<std::shared_ptr<const Estimator>> chain)
      : chain_(std::move(chain)) {
    for (const auto& e : chain_) {
      for (const FactId id : e->needs()) {
        if (std::find(needs_.begin(), needs_.end(), id) == needs_.end()) needs_.push_back(id);
      }
      reads_live_ = reads_live_ || e->reads_live();
      version_ = version_ * 31 + e->version();
    }
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    for (const auto& e : chain_) {
      q.scratch.partial.assign(out.size(), Belief{});
      e->estimate(q, q.scratch.partial);
      for (std::size_t i = 0; i < out.size(); ++i) merge(out[i], q.scratch.partial[i]);
    }
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return needs_; }
  [[nodiscard]] bool reads_live() const override { return reads_live_; }
  [[nodiscard]] std::uint64_t version() const override { return version_; }
  [[nodiscard]] Status export_weights(const std::string& path) const override {
    return chain_.front()->export_weights(path);
  }
  [[nodiscard]] std::shared_ptr<const Estimator> replace(
      const Estimator* old, const std::shared_ptr<const Estimator>& fresh) const override {
    auto chain = chain_;
    bool found = false;
    for (auto& e : chain) {
      auto inside = e.get() == old ? fresh : e->replace(old, fresh);
      if (inside == nullptr) continue;
      e = std::move(inside);
      found = true;
    }
    return found ? std::make_shared<FirstKnown>(std::move(chain)) : nullptr;
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
  std::vector<std::shared_ptr<const Estimator>> chain_;
  std::vector<FactId> needs_;
  bool reads_live_ = false;
  std::uint64_t version_ = 0;
};

}  // namespace

std::shared_ptr<const Estimator> first_known(std::vector<std::shared_ptr<const Estimator>> chain) {
  if (chain.empty()) return nullptr;
  if (chain.size() == 1) return chain[0];
  return std::make_shared<FirstKnown>(std::move(chain));
}

}  // namespace swy::route
