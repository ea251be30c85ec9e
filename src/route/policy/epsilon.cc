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

class Epsilon final : public Policy {
 public:
  Epsilon(double epsilon, std::unique_ptr<Policy> inner)
      : epsilon_(epsilon), inner_(std::move(inner)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner_->weigh(q, beliefs, out);
    const double share = epsilon_ / static_cast<double>(count_unmasked(q));
    for (std::size_t i = 0; i < out.probability.size(); ++i) {
      if (!q.masked(i)) out.probability[i] = (1 - epsilon_) * out.probability[i] + share;
    }
    out.why.append("; ");
    out.why.append_number(100 * epsilon_, 1);
    out.why.append(" % explore");
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return inner_->needs(); }
  [[nodiscard]] bool reads_live() const override { return inner_->reads_live(); }
  [[nodiscard]] std::vector<double> open_account(std::size_t candidates) const override {
    return inner_->open_account(candidates);
  }
  void settle(const Settlement& what, std::span<double> account) const override {
    inner_->settle(what, account);
  }

 private:
  double epsilon_;
  std::unique_ptr<Policy> inner_;
};

}  // namespace

std::unique_ptr<Policy> make_epsilon(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.inner == nullptr) {
    ctx.diag().error(node.mark(), "epsilon: say which policy decides, for example inner: utility");
    return nullptr;
  }
  auto inner = ctx.policy(*options.inner);
  if (!inner) return nullptr;
  return std::make_unique<Epsilon>(options.epsilon, std::move(inner));
}

}  // namespace swy::route
