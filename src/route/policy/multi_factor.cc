// multi_factor: quality, price, the wait that the load causes now, and what is still doubted, in
// absolute units.
//
// Formula: U = quality*q - cost*c/cost_unit - wait*max(0, w - patience) + doubt*sd, with w the
// seconds to the first token expected now: w = ttft * max(1, (in_flight + 1) / slots), the recent
// time to the first token stretched by the requests in flight beyond what the model serves at once
// (MixLLM, arXiv 2502.18482: q - a c - b max(0, wait - T) + kappa uncertainty; variant of vLLM-SR's
// multi-factor selection). Right because waiting costs nothing until it is felt, and because
// absolute units keep a dominated candidate harmless: min-max over the candidates, as vLLM-SR does
// it, lets any new candidate move every score (request-routing.md 4.1 g, section 6). Cost:
// O(candidates). Loses when the time to the first token is an old memory: nothing is known of a
// model that was not called, and the record's live view says which numbers were used. Unknown wait
// or cost: the worst known among the candidates; when none is known the term drops. Unknown
// quality: never chosen. Propensity: 1. Deviations: no percentile columns, no per-set
// normalisation; limits on price and context are guards. Tests: multi_factor_test.cc,
// conformance_test.cc.
#include <algorithm>

#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double quality = 1;
  MoneyOptions money;
  double wait = 0.02;
  double patience = 1;
  double slots = 8;
  double doubt = 0;

  void bind(base::OptionBinder& binder) {
    binder.field("quality", quality, {.min = 0, .max = 1e12},
                 "worth of one point of expected quality (0 to 1)");
    money.bind(binder);
    binder.field("wait", wait, {.min = 0, .max = 1e12},
                 "worth of one second of waiting for the first token, beyond patience");
    binder.field("patience", patience, {.min = 0, .max = 1e6}, "seconds that nobody minds");
    binder.field("slots", slots, {.min = 1, .max = 1e9},
                 "requests that a model serves at once; more than these wait in line");
    binder.field("doubt", doubt, {.min = 0, .max = 100},
                 "worth of one standard deviation of doubt: above 0 tries what is little known");
  }
};

class MultiFactor final : public Policy {
 public:
  explicit MultiFactor(const Options& o) : o_(o) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const double dearest = worst_known(q, beliefs, &Belief::cost_micro);
    const double longest = longest_wait(q);
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (q.masked(i) || std::isnan(beliefs[i].quality)) continue;
      double cost = beliefs[i].cost_micro;
      if (std::isnan(cost)) cost = std::isnan(dearest) ? 0 : dearest;
      out.score[i] = o_.quality * beliefs[i].quality + o_.doubt * doubt_of(beliefs[i]).sd -
                     o_.money.per_micro() * cost - wait_price(wait_of(q, i), longest);
    }
    const std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) return choose_unknowing(q, "quality", out);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(" has the highest utility ");
    out.why.append_number(out.score[best]);
    const double wait = wait_of(q, best);
    out.why.append(", wait ");
    out.why.append_number(wait, 2);
    out.why.append(std::isnan(wait) && !std::isnan(longest) ? " s: counted as the longest" : " s");
  }
  [[nodiscard]] bool reads_live() const override { return true; }

 private:
  // Seconds to the first token, were it asked now; NaN: not known.
  [[nodiscard]] double wait_of(const Question& q, std::size_t i) const {
    if (q.candidates[i] >= q.live.size()) return kUnknownNumber;
    const fleet::LiveStats& s = q.live[q.candidates[i]];
    const double load = (static_cast<double>(s.in_flight) + 1) / o_.slots;
    return s.ttft_ms / 1e3 * std::max(1.0, load);
  }
  [[nodiscard]] double longest_wait(const Question& q) const {
    double longest = kUnknownNumber;
    for (std::size_t i = 0; i < q.candidates.size(); ++i) {
      const double w = q.masked(i) ? kUnknownNumber : wait_of(q, i);
      if (!std::isnan(w) && !(longest >= w)) longest = w;
    }
    return longest;
  }
  [[nodiscard]] double wait_price(double wait, double longest) const {
    if (std::isnan(wait)) wait = longest;
    return std::isnan(wait) ? 0.0 : o_.wait * std::max(0.0, wait - o_.patience);
  }
  Options o_;
};

}  // namespace

std::unique_ptr<Policy> make_multi_factor(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<MultiFactor>(options);
}

}  // namespace swy::route
