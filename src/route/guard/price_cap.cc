// price_cap: what one request may cost at most, and what a model may cost per token.
//
// What: denies when  tokens_in x input + n x answer x output > request,  where answer = the
// request's max_tokens, or `expected_output` when it states none, and n = the completions asked
// for; no cache is assumed. Denies when the card's price for input or output passes the
// per-million-token cap of that name. Fails closed: a card without the price that a cap needs is
// denied. Money is compared in integer nano-USD (switchyard/expert.h). Cost: a few operations. When
// it loses: tokens_in is an estimate, and without max_tokens an answer may be longer than expected;
// the cap bounds the expectation, not the bill. Source: none. Test: price_cap_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  double request = plugin::kNaN;
  double input = plugin::kNaN;
  double output = plugin::kNaN;
  std::int64_t expected_output = 1024;
  void bind(base::OptionBinder& b) {
    b.field("request", request, {0, 1e9}, "USD that one request may cost");
    b.field("input", input, {0, 1e9}, "USD per million prompt tokens");
    b.field("output", output, {0, 1e9}, "USD per million answer tokens");
    b.field("expected_output", expected_output, {0, 1e9},
            "answer tokens when the request has no max_tokens");
  }
};

// Token counts are cut here so that products stay inside int64 at any price a card may state below
// 9,000 USD per million.
constexpr std::int64_t kMostTokens = 1'000'000'000;

// a x b, cut at kMostTokens. REQUIRES: both at least 0.
std::int64_t bounded_product(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a > kMostTokens / b ? kMostTokens : a * b;
}

class PriceCap final : public Guard {
 public:
  explicit PriceCap(const Options& options) : o_(options) {
    if (!std::isnan(o_.request)) cap_ = static_cast<NanoUsd>(std::llround(o_.request * 1e9));
  }

  [[nodiscard]] Verdict check(const Question& q, std::size_t candidate) const override {
    const Card& card = q.card(candidate);
    const Verdict v = by_card(card);
    if (!v.allow || !cap_) return v;
    const chat::Request& r = q.reading.request();
    const std::int64_t answer =
        std::max<std::int64_t>(r.max_tokens.value_or(o_.expected_output), 0);
    const std::int64_t tokens_out = bounded_product(answer, std::max<std::int64_t>(r.n, 1));
    const std::int64_t tokens_in = std::clamp(q.reading.tokens_in(), std::int64_t{0}, kMostTokens);
    const auto cost = cost_of(card.price, tokens_in, 0, tokens_out);
    if (!cost) return Verdict{false, {"the model's price is not stated"}};
    if (*cost <= *cap_) return {};
    Verdict denied{false, {"would cost up to "}};
    denied.why.append_number(static_cast<double>(*cost) * 1e-9, 6);
    denied.why.append(" USD for ");
    denied.why.append_number(static_cast<double>(tokens_in), 0);
    denied.why.append(" + ");
    denied.why.append_number(static_cast<double>(tokens_out), 0);
    denied.why.append(" tokens, cap is ");
    denied.why.append_number(o_.request, 6);
    return denied;
  }

  [[nodiscard]] std::optional<Verdict> check_card(const Card& card) const override {
    Verdict v = by_card(card);
    if (v.allow && cap_) return std::nullopt;
    return v;
  }

 private:
  [[nodiscard]] Verdict by_card(const Card& card) const {
    if (cap_ && !card.price.known()) return Verdict{false, {"the model's price is not stated"}};
    Verdict v = part("input", card.price.input, o_.input);
    return v.allow ? part("output", card.price.output, o_.output) : v;
  }
  static Verdict part(std::string_view name, double price, double cap) {
    if (std::isnan(cap) || price <= cap) return {};
    Verdict v{false, {name}};
    if (std::isnan(price)) {
      v.why.append(" price is not stated");
      return v;
    }
    v.why.append(" costs ");
    v.why.append_number(price, 3);
    v.why.append(" USD per million tokens, cap is ");
    v.why.append_number(cap, 3);
    return v;
  }

  Options o_;
  std::optional<NanoUsd> cap_;
};

}  // namespace

std::unique_ptr<Guard> make_price_cap(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (std::isnan(o.request) && std::isnan(o.input) && std::isnan(o.output)) {
    ctx.diag().error(node.mark(), "price_cap needs a cap: give request, input or output");
    return nullptr;
  }
  return std::make_unique<PriceCap>(o);
}

}  // namespace swy::route
