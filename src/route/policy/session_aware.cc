// session_aware: what staying with the session's model is worth and what leaving it costs, term by
// term, on top of the inner policy's scores.
//
// Formula: with previous model p and inner scores s (request-routing.md 4.1, agentic-routing.md
// 8.8; SAAR of vLLM Semantic Router):
//   held    = .45 reuse + .35 min(1, h / 8192) + .20 min(1, turns / 8), at most 1; reuse is the
//             share of the prompt that was sent before, h its tokens, turns the larger of the
//             conversation's and those that the session remembers
//   kept    = prefix * held * warmth; warmth is the share of the session's last prompt that its
//             provider had cached, .5 when not known
//   mult(a) = 1 + 1.5 max(pressure(p), pressure(a)); pressure = what caching saves per token of
//             input, over the most that it saves at any candidate
//   s'(p)   = s(p) + stay + kept * mult(p)
//   s'(a)   = s(a) - handoff - kept * mult(a) - history * min(1, switches / 8) - margin
//             - stay again, where s(a) <= s(p)
// and the highest s' has it, ties as everywhere. A new start (idle for longer than `idle`, or
// another rule than the session's last one after that had held for `drift` turns) sets every term
// to 0: the inner policy decides. p is locked while the last message is a tool's result, and before
// `min_turns` turns unless it is a new start: s' = s, but s'(p) is at least the highest + .45.
// Right because a switch loses the provider's prefix cache and the conversation's voice, and how
// much depends on how long the conversation is, how warm the cache and how dear the model. Cost:
// the inner policy's plus O(candidates). Loses where the constants, which are published and not
// learned, do not fit the unit of the inner scores: it belongs around `utility`. Propensity: 1 with
// a session, else the inner policy's. Unknown scores: none but p's lock speaks for them while
// another is known; when nothing is known p stays. A guard that forbids p ends the session's hold.
//
// Variant of SAAR: without its table of quality gaps and hand-off costs (inner scores hold what is
// believed of quality, so a gap would count twice) and without response ids held by a provider (no
// such conversation passes here); its bias in tool loops never decides, because the lock comes
// first. `drift` above 1 keeps rules that alternate from ending continuity at every turn. See
// `sticky` for one margin and one price. Tests: session_aware_test.cc, conformance_test.cc.
#include <algorithm>

#include "route/policy/around.h"
#include "route/policy/pick.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Terms {
  double stay = 0.1;
  double prefix = 0.2;
  double handoff = 0.05;
  double history = 0.04;
  double margin = 0.05;
  double idle_s = 300;
  std::int64_t min_turns = 1;
  std::int64_t drift = 1;
};

struct Options {
  Terms terms;
  const base::Doc* inner = nullptr;

  void bind(base::OptionBinder& binder) {
    constexpr base::Range kWeight{0, 1000};
    binder.field("stay", terms.stay, kWeight,
                 "what the model of the session gets; taken from no better");
    binder.field("prefix", terms.prefix, kWeight, "worth of a long conversation in a warm cache");
    binder.field("handoff", terms.handoff, kWeight, "cost of another model taking over");
    binder.field("history", terms.history, kWeight, "cost of a switch after eight others");
    binder.field("margin", terms.margin, kWeight, "what another model must lead by besides");
    binder.field("idle_s", terms.idle_s, {0, 1e9}, "seconds after which a session starts anew");
    binder.field("min_turns", terms.min_turns, {0, 1000},
                 "answers before the session may move at all");
    binder.field("drift", terms.drift, {1, 1000},
                 "turns that a rule must have held for another rule to start the session anew");
    binder.node("inner", inner, "the policy whose scores count, for example utility");
  }
};

constexpr double kLockLead = 0.45;
constexpr double kUnknownWarmth = 0.5;
constexpr double kLongHistory = 8192;  // tokens
constexpr double kManyTurns = 8;
constexpr double kDearest = 1.5;  // how much more a prefix counts at the dearest cache

class SessionAware final : public AroundPolicy {
 public:
  SessionAware(const Terms& terms, std::unique_ptr<Policy> inner)
      : AroundPolicy(std::move(inner)), terms_(terms) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    inner().weigh(q, beliefs, out);
    const std::size_t previous = previous_candidate(q);
    if (previous == kNobody) return;
    const bool anew = starts_anew(q);
    const std::string_view lock = lock_of(q, anew);
    if (anew && lock.empty()) return out.why.append("; the session starts anew");
    const double before = out.score[previous];
    if (lock.empty()) {
      adjust(q, previous, out.score);
    } else {
      hold(q, beliefs, previous, out.score);
    }
    std::size_t best = best_by(q, beliefs, out.score);
    if (best == kNobody) best = previous;  // nothing is known of any
    std::fill(out.probability.begin(), out.probability.end(), 0.0);
    out.probability[best] = 1;
    out.why.clear();
    out.why.append(q.card(best).name);
    out.why.append(best == previous ? " keeps the session" : " takes the session over: ");
    if (!lock.empty()) {
      out.why.append(": ");
      out.why.append(lock);
    } else if (best != previous) {
      out.why.append_number(out.score[best]);
      out.why.append(" against ");
      out.why.append_number(out.score[previous]);
    } else if (!std::isnan(before)) {
      out.why.append(": staying is worth ");
      out.why.append_number(out.score[best] - before);
    }
  }

 private:
  [[nodiscard]] bool starts_anew(const Question& q) const {
    const SessionPast& past = q.work().past;
    if (past.idle_s > terms_.idle_s) return true;  // false when unknown
    return !past.rule.empty() && past.rule != q.rule && past.rule_turns >= terms_.drift;
  }

  // Why the session may not move; "" when it may.
  [[nodiscard]] std::string_view lock_of(const Question& q, bool anew) const {
    if (q.reading.history().reads_tool_result) return "it reads the result of its tool";
    const std::uint32_t turns = std::max(1U, q.work().past.turns);  // somebody served it
    return !anew && turns < terms_.min_turns ? "the session is young" : "";
  }

  // The share of `prefix` that the conversation so far is worth at the cheapest cache.
  static double held(const Question& q) {
    const History& h = q.reading.history();
    const double tokens = h.earlier * static_cast<double>(q.reading.tokens_in());
    const double turns = std::max(h.user_turns, q.work().past.turns);
    return std::min(1.0, 0.45 * h.earlier + 0.35 * std::min(1.0, tokens / kLongHistory) +
                             0.2 * std::min(1.0, turns / kManyTurns));
  }

  // USD per million tokens that a cached prefix saves; 0 when not known.
  static double saved_by_caching(const Card& card) {
    const double saved = card.price.input - card.price.cached_input;
    return saved > 0 ? saved : 0;
  }

  void adjust(const Question& q, std::size_t previous, std::span<double> score) const {
    const SessionPast& past = q.work().past;
    const double warmth = std::isnan(past.warmth) ? kUnknownWarmth : past.warmth;
    const double kept = terms_.prefix * held(q) * std::clamp(warmth, 0.0, 1.0);
    double most = 0;
    for (std::size_t i = 0; i < score.size(); ++i)
      if (!q.masked(i)) most = std::max(most, saved_by_caching(q.card(i)));
    const auto multiple = [&](std::size_t i) {
      const double pressure =
          std::max(saved_by_caching(q.card(previous)), saved_by_caching(q.card(i)));
      return 1 + (most > 0 ? kDearest * pressure / most : 0.0);
    };
    const double moved = terms_.history * std::min(1.0, past.switches / kManyTurns);
    const double base = score[previous];
    for (std::size_t i = 0; i < score.size(); ++i) {  // NaN stays NaN
      if (i == previous) continue;
      const double no_better = score[i] <= base ? terms_.stay : 0.0;
      score[i] -= terms_.handoff + kept * multiple(i) + moved + terms_.margin + no_better;
    }
    score[previous] += terms_.stay + kept * multiple(previous);
  }

  static void hold(const Question& q, std::span<const Belief> beliefs, std::size_t previous,
                   std::span<double> score) {
    const std::size_t best = best_by(q, beliefs, score);
    if (best == kNobody) return;
    const double least = score[best] + kLockLead;
    if (!(score[previous] >= least)) score[previous] = least;
  }

  Terms terms_;
};

}  // namespace

std::unique_ptr<Policy> make_session_aware(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  auto inner = inner_policy(node, options.inner, "session_aware", ctx);
  if (!inner) return nullptr;
  return std::make_unique<SessionAware>(options.terms, std::move(inner));
}

}  // namespace swy::route
