// newcomers: another policy, and a small share of traffic for models that are new, until enough is
// known of them.
//
// New is a candidate that the tables of `table` observed at least once and fewer than `until`
// times: the directory in which the gateway keeps what it learned of models added while it runs
// (onboarding in docs/reference/onboarding.md). Formula: p_i = (1 - share) * inner_i + share / k
// for the k unmasked newcomers, (1 - share) * inner_i for the others; without newcomers the inner
// policy's distribution as it is. Right because a few probes say what a model is worth on average
// and little of where: what it answers to real traffic does, and with a known propensity that is
// what off-policy estimates and estimators that learn need. Cost: the inner policy's plus
// O(candidates). Loses share times the newcomer's regret while it is new. A model that no table
// here names is not explored: nobody has probed it. Deviations: none; epsilon
// (epsilon.cc) is the same for every candidate and for ever. Tests: newcomers_test.cc,
// conformance_test.cc.
#include <cmath>

#include "route/estimator/outcome_tables.h"
#include "route/policy/around.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> table;
  double share = 0.05;
  std::int64_t until = 200;
  const base::Doc* inner = nullptr;

  void bind(base::OptionBinder& binder) {
    binder.field("table", table, "outcomes of models that were added: the onboarding's directory");
    binder.field("share", share, {.min = 0, .max = 1}, "of the requests, for all new models");
    binder.field("until", until, {.min = 1, .max = 1e9},
                 "a model with so many observations is not new any more");
    binder.node("inner", inner, "the policy that decides the rest, for example utility");
  }
};

class Newcomers final : public AroundPolicy {
 public:
  Newcomers(double share, std::vector<std::uint32_t> seen, std::unique_ptr<Policy> inner)
      : AroundPolicy(std::move(inner)), share_(share), seen_(std::move(seen)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner().weigh(q, beliefs, out);
    std::size_t fresh = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < out.probability.size(); ++i) {
      if (q.masked(i) || seen_[q.candidates[i]] == 0) continue;
      ++fresh;
      last = i;
    }
    if (fresh == 0) return;
    const double each = share_ / static_cast<double>(fresh);
    for (std::size_t i = 0; i < out.probability.size(); ++i) {
      if (q.masked(i)) continue;
      out.probability[i] *= 1 - share_;
      if (seen_[q.candidates[i]] > 0) out.probability[i] += each;
    }
    out.why.append("; ");
    out.why.append_number(100 * share_, 1);
    out.why.append(" % to new models: ");
    out.why.append(q.card(last).name);
    out.why.append(" seen ");
    out.why.append_number(seen_[q.candidates[last]], 0);
    out.why.append(" times");
  }

 private:
  double share_;
  std::vector<std::uint32_t> seen_;  // by ExpertId: observations of a new model; 0: it is not new
};

// By card: its observations where it is new, else 0.
std::vector<std::uint32_t> new_cards(const record::OutcomeTable& table, std::int64_t until,
                                     const Catalogue& catalogue) {
  std::vector<std::uint32_t> seen(catalogue.size(), 0);
  for (std::size_t id = 0; id < seen.size(); ++id) {
    const Card& card = catalogue[static_cast<ExpertId>(id)];
    const std::size_t m = table.model_index(card.name, card.name_in_tables());
    if (m == record::OutcomeTable::npos) continue;
    std::int64_t n = 0;
    for (std::size_t row = 0; row < table.rows() && n < until; ++row)
      n += std::isnan(table.cell(row, m).quality) ? 0 : 1;
    seen[id] = n < until ? static_cast<std::uint32_t>(n) : 0;
  }
  return seen;
}

}  // namespace

std::unique_ptr<Policy> make_newcomers(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.inner == nullptr || o.table.empty()) {
    ctx.diag().error(node.mark(),
                     "newcomers: say which policy decides and where outcomes of new models are, "
                     "for example inner: utility, table: probes/");
    return nullptr;
  }
  auto inner = ctx.policy(*o.inner);
  if (!inner) return nullptr;
  const std::size_t before = ctx.diag().errors();
  std::vector<std::uint32_t> seen(ctx.catalogue().size(), 0);
  if (const auto table = load_tables(o.table, mark_of(node, "table"), ctx))
    seen = new_cards(*table, o.until, ctx.catalogue());
  if (ctx.diag().errors() != before) return nullptr;
  return std::make_unique<Newcomers>(o.share, std::move(seen), std::move(inner));
}

}  // namespace swy::route
