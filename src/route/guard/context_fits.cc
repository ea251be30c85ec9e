// context_fits: the prompt and the answer must fit the model's context window.
//
// What: denies when  ceil(tokens_in (1 + margin)) + answer > context,  where answer = the request's
// max_tokens, or `reserve` when it states none (at most the card's max_output, where stated). Also
// when the request's max_tokens exceeds a stated max_output. A card without a context is taken to
// have `unstated_context` tokens: the smallest window that chat models in use have, so short
// requests pass and long ones are denied rather than sent to fail. 0 denies such cards always. Why
// a margin: tokens_in is an estimate that knows no model's tokenizer; 0.1 is wider than its usual
// error on prose. Cost: a few operations. When it loses: texts that a tokenizer cuts unusually
// finely (rare scripts, base64) can pass and then be refused by the model. Source: none. Test:
// context_fits_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  double margin = 0.1;
  std::int64_t reserve = 1024;
  std::int64_t unstated_context = 4096;
  void bind(base::OptionBinder& b) {
    b.field("margin", margin, {0, 10}, "share added to the estimated prompt tokens");
    b.field("reserve", reserve, {0, 1e9},
            "tokens kept for the answer when the request has no max_tokens");
    b.field("unstated_context", unstated_context, {0, 1e12},
            "context taken for a model that states none; 0: deny it always");
  }
};

// Requests may state any number; above this, sums stay exact in double and no window comes near.
constexpr std::int64_t kMostTokens = 1'000'000'000'000;

class ContextFits final : public Guard {
 public:
  explicit ContextFits(const Options& options) : o_(options) {}

  [[nodiscard]] Verdict check(const Question& q, std::size_t candidate) const override {
    const Card& card = q.card(candidate);
    if (const auto fixed = check_card(card)) return *fixed;
    const auto& asked = q.reading.request().max_tokens;
    if (asked && card.max_output > 0 && *asked > card.max_output) {
      return deny("max_tokens is ", *asked, ", the model writes at most ", card.max_output);
    }
    std::int64_t answer = std::clamp(asked.value_or(o_.reserve), std::int64_t{0}, kMostTokens);
    if (!asked && card.max_output > 0) answer = std::min(answer, card.max_output);
    const auto tokens_in =
        static_cast<double>(std::clamp(q.reading.tokens_in(), std::int64_t{0}, kMostTokens));
    const auto prompt = static_cast<std::int64_t>(std::ceil(tokens_in * (1 + o_.margin)));
    const std::int64_t context = card.context > 0 ? card.context : o_.unstated_context;
    if (prompt + answer <= context) return {};
    return deny(
        "needs ", prompt + answer,
        card.context > 0 ? " tokens, context is " : " tokens, context is not stated and taken as ",
        context);
  }

  [[nodiscard]] std::optional<Verdict> check_card(const Card& card) const override {
    if (card.context > 0 || o_.unstated_context > 0) return std::nullopt;
    return Verdict{false, {"the model's context is not stated"}};
  }

 private:
  static Verdict deny(std::string_view a, std::int64_t n, std::string_view b, std::int64_t limit) {
    Verdict v{false, {a}};
    v.why.append_number(static_cast<double>(n), 0);
    v.why.append(b);
    v.why.append_number(static_cast<double>(limit), 0);
    return v;
  }

  Options o_;
};

}  // namespace

std::unique_ptr<Guard> make_context_fits(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  return std::make_unique<ContextFits>(o);
}

}  // namespace swy::route
