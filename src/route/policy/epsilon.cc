// epsilon: another policy, and a small share of uniform exploration so that every candidate keeps
// being observed.
//
// Formula: p_i = (1 - epsilon) * inner_i + epsilon / n over the n unmasked candidates. Right
// because off-policy estimates (IPS, doubly robust: request-routing.md 3.9) need every action to
// have probability at least some known floor: epsilon / n. Cost: the inner policy's plus
// O(candidates). Loses epsilon times the mean regret of a uniform draw: the price of knowing.
// Propensity: exactly p_i, which the core draws from; also candidates of unknown quality are
// explored, on purpose. Scores and reason are the inner policy's. Put it outside `sticky` to
// explore within sessions, inside to keep them whole. Deviations: none. Tests: epsilon_test.cc,
// conformance_test.cc.
#include "route/policy/around.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double epsilon = 0.05;
  const base::Doc* inner = nullptr;

  void bind(base::OptionBinder& binder) {
    binder.field("epsilon", epsilon, {.min = 0, .max = 1}, "share of uniform exploration");
    binder.node("inner", inner, "the policy that decides the rest, for example utility");
  }
};

class Epsilon final : public AroundPolicy {
 public:
  Epsilon(double epsilon, std::unique_ptr<Policy> inner)
      : AroundPolicy(std::move(inner)), epsilon_(epsilon) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner().weigh(q, beliefs, out);
    const double share = epsilon_ / static_cast<double>(count_unmasked(q));
    for (std::size_t i = 0; i < out.probability.size(); ++i) {
      if (!q.masked(i)) out.probability[i] = (1 - epsilon_) * out.probability[i] + share;
    }
    out.why.append("; ");
    out.why.append_number(100 * epsilon_, 1);
    out.why.append(" % explore");
  }

 private:
  double epsilon_;
};

}  // namespace

std::unique_ptr<Policy> make_epsilon(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  auto inner = inner_policy(node, options.inner, "epsilon", ctx);
  if (!inner) return nullptr;
  return std::make_unique<Epsilon>(options.epsilon, std::move(inner));
}

}  // namespace swy::route
