// flags: quality less the price of money and of whatever else somebody minds, as a weighted sum.
//
// Formula: argmax q - cost * c / cost_unit - sum over the flags that apply of weight_j * C_j(m),
// with C_j(m) a number that is written down of every model (size, age, verbosity, who hosts it). A
// flag applies always, or where its signal `when` is true. With q = 1 - predicted loss and `cost:
// 0` this is Tryage's argmin L(z, m) + sum_j lambda_j C_j(m); sweeping a weight draws the front. A
// model that a flag does not name counts as the worst that it names. Cost: O(candidates x flags),
// no allocation. Loses what every weighted sum loses: a weight is a rate of exchange, no limit (a
// guard is one). Unknown quality is never chosen; unknown cost counts as the worst known. Flags
// that are read from the prompt let whoever writes the prompt choose: name signals of metadata or
// roles. Propensity: 1. Source: variant of Tryage (arXiv 2308.11601; request-routing.md 4.5), of
// which any estimator of quality stands for the predicted losses (`linear` regresses as it does).
// Tests: flags_test.cc (known answer), conformance_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "route/detail/named.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  const base::Doc* flags = nullptr;
  MoneyOptions money;

  void bind(base::OptionBinder& binder) {
    binder.node("flags", flags,
                "map of name: { weight: NUMBER, of: { MODEL: NUMBER }, when: SIGNAL }; required");
    money.bind(binder);
  }
};

struct FlagOptions {
  double weight = 1;
  base::NumberMap of;
  std::string when;

  void bind(base::OptionBinder& binder) {
    binder.field("weight", weight, {.min = 0, .max = 1e12}, "quality that one unit is worth");
    binder.field("of", of, "model: how much of it the model has");
    binder.field("when", when, "signal that raises the flag; absent: always");
  }
};

struct Flag {
  std::string name;
  std::vector<double> charge;  // by ExpertId: weight times how much
  std::optional<FactId> when;
};

class Flags final : public Policy {
 public:
  Flags(std::vector<Flag> flags, double per_micro)
      : flags_(std::move(flags)), per_micro_(per_micro) {
    for (const Flag& f : flags_)
      if (f.when) needs_.push_back(*f.when);
    std::sort(needs_.begin(), needs_.end());
    needs_.erase(std::unique(needs_.begin(), needs_.end()), needs_.end());
  }

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const double worst = per_micro_ > 0 ? worst_known(q, beliefs, &Belief::cost_micro) : 0.0;
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i)) continue;
      const double cost = std::isnan(beliefs[i].cost_micro) ? worst : beliefs[i].cost_micro;
      out.score[i] = beliefs[i].quality - (std::isnan(cost) ? 0.0 : per_micro_ * cost);
    }
    for (const Flag& f : flags_) {
      if (f.when && q.fact(*f.when).truth != Truth::kTrue) continue;
      for (std::size_t i = 0; i < beliefs.size(); ++i) out.score[i] -= f.charge[q.candidates[i]];
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    explain(q, best, out);
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return needs_; }

 private:
  void explain(const Question& q, std::size_t best, Distribution& out) const {
    out.why.append(q.card(best).name);
    out.why.append(" is worth most: ");
    out.why.append_number(out.score[best]);
    for (const Flag& f : flags_) {
      if (f.when && q.fact(*f.when).truth != Truth::kTrue) continue;
      out.why.append(", ");
      out.why.append(f.name);
      out.why.append(" -");
      out.why.append_number(f.charge[q.candidates[best]]);
    }
  }

  std::vector<Flag> flags_;
  double per_micro_;
  std::vector<FactId> needs_;
};

// nullopt after an error was reported.
std::optional<Flag> read_flag(const std::string& name, const base::Doc& node, BuildContext& ctx) {
  const base::Mark mark = node.mark();
  FlagOptions o;
  const std::size_t before = ctx.diag().errors();
  base::DocBinder binder(node, ctx.diag(), {});
  o.bind(binder);
  binder.finish();
  const std::string option = "flag " + name;
  if (o.of.empty()) ctx.diag().error(mark, option + ": say of which models");
  Flag flag{name, {}, std::nullopt};
  double worst = -HUGE_VAL;
  for (const auto& [model, much] : o.of) {
    (void)model_named(model, option, mark, ctx);
    worst = std::max(worst, much);
  }
  flag.charge.assign(ctx.catalogue().size(), o.weight * worst);
  if (!o.when.empty()) flag.when = signal_named(o.when, option, mark, ctx);
  if (ctx.diag().errors() != before) return std::nullopt;
  for (const auto& [model, much] : o.of)
    flag.charge[*ctx.catalogue().find(model)] = o.weight * much;
  return flag;
}

}  // namespace

std::unique_ptr<Policy> make_flags(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  if (options.flags == nullptr || !options.flags->is_map() || options.flags->members().empty()) {
    ctx.diag().error(node.mark(),
                     "flags: give flags: { NAME: { weight: NUMBER, of: { MODEL: "
                     "NUMBER } } }");
    return nullptr;
  }
  std::vector<Flag> flags;
  for (const auto& m : options.flags->members()) {
    auto flag = read_flag(m.key, m.value, ctx);
    if (!flag) return nullptr;
    flags.push_back(std::move(*flag));
  }
  return std::make_unique<Flags>(std::move(flags), options.money.per_micro());
}

}  // namespace swy::route
