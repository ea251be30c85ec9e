// sticky: stay with the model that served the session before, unless the inner policy sees clearly
// more in another one.
//
// Formula: with previous model p unmasked and b the unmasked candidate of the highest inner score
// s: p keeps the session unless s_b - s_p > margin + lost; otherwise, and without a session, the
// inner policy's distribution. lost = cost * cache * n * (input - cached_input) / cost_unit is the
// price of the prefix cache that a switch throws away: n prompt tokens up to the last answer, of
// which the share `cache` would be billed at p's cached price. While a tool loop is open (the last
// message is a tool's result) p keeps the session whatever the scores say: the model that called
// must read the answer (request-routing.md section 6, 11). Right because a switch loses the
// provider's prefix cache and the conversation's voice; the margin is what that is worth, in the
// unit of the inner policy's score (utility: points of quality at weight 1). It is useful around
// policies whose scores measure worth, such as utility; around `first` the scores are list
// positions and only margin: inf (always keep) makes sense. Cost: the inner policy's plus
// O(candidates). Loses when the topic changes within a session by less than the margin shows. A
// previous model whose score is unknown is left, unless nothing is known of any candidate or the
// margin is infinite: then it stays. Propensity: 1 when it stays, else the inner policy's. A guard
// that forbids the previous model ends the stay. Deviation from vLLM-SR's session rules
// (request-routing.md 4.1; session_aware has them): one margin and one price instead of eight
// additive terms, so the lost prefix counts once; what is idle for long is not told apart. Tests:
// sticky_test.cc, conformance_test.cc.
#include <algorithm>

#include "route/policy/around.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  double margin = 0.05;
  double cache = 0;
  MoneyOptions money;
  bool tool_loop = true;
  const base::Doc* inner = nullptr;

  void bind(base::OptionBinder& binder) {
    binder.field("margin", margin, {.min = 0},
                 "score by which another model must lead before the session moves; inf: never");
    binder.field("cache", cache, {.min = 0, .max = 1},
                 "share of the conversation so far that the provider still has cached");
    money.bind(binder);
    binder.field("tool_loop", tool_loop,
                 "the model that called a tool also reads its result, whatever the scores say");
    binder.node("inner", inner, "the policy that decides without a session, for example utility");
  }
};

class Sticky final : public AroundPolicy {
 public:
  Sticky(const Options& o, std::unique_ptr<Policy> inner)
      : AroundPolicy(std::move(inner)),
        margin_(o.margin),
        cache_(o.cache),
        per_micro_(o.money.per_micro()),
        tool_loop_(o.tool_loop) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner().weigh(q, beliefs, out);
    const std::size_t previous = previous_candidate(q);
    if (previous == kNobody) return;
    const std::size_t best = best_by(q, beliefs, out.score);
    const bool looping = tool_loop_ && q.reading.history().reads_tool_result;
    const double margin = margin_ + lost_prefix(q, previous);
    if (!looping && !stays(out.score, previous, best, margin)) {
      out.why.append("; the session moves");
      return;
    }
    std::fill(out.probability.begin(), out.probability.end(), 0.0);
    out.probability[previous] = 1;
    out.why.clear();
    out.why.append(q.card(previous).name);
    out.why.append(looping ? " keeps the session: it reads the result of its tool"
                           : " keeps the session");
    if (!looping && best != kNobody && best != previous && !std::isnan(out.score[previous])) {
      out.why.append(": ");
      out.why.append(q.card(best).name);
      out.why.append(" leads by ");
      out.why.append_number(out.score[best] - out.score[previous]);
      out.why.append(", margin ");
      out.why.append_number(margin);
    }
  }

 private:
  static bool stays(std::span<const double> score, std::size_t previous, std::size_t best,
                    double margin) {
    if (best == kNobody || std::isinf(margin)) return true;
    return score[best] - score[previous] <= margin;  // false when the previous one's is unknown
  }

  // What leaving costs, in the inner policy's unit; 0 without prices.
  [[nodiscard]] double lost_prefix(const Question& q, std::size_t previous) const {
    if (cache_ == 0 || per_micro_ == 0) return 0;
    const Price& price = q.card(previous).price;
    const double saved = price.input - price.cached_input;  // micro-USD per token
    if (std::isnan(saved) || saved <= 0) return 0;
    const auto tokens = static_cast<double>(q.reading.tokens_in());
    return per_micro_ * cache_ * tokens * q.reading.history().earlier * saved;
  }

  double margin_;
  double cache_;
  double per_micro_;
  bool tool_loop_;
};

}  // namespace

std::unique_ptr<Policy> make_sticky(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  auto inner = inner_policy(node, options.inner, "sticky", ctx);
  if (!inner) return nullptr;
  return std::make_unique<Sticky>(options, std::move(inner));
}

}  // namespace swy::route
