// price: what the call is expected to cost: tokens times the card's price.
//
// Formula: cost_micro = tokens_in * input + n * out * output, where out = min(output_tokens,
// max_tokens of the request, max_output of the card) and n the choices asked for. USD per million
// tokens is micro-USD per token, so no unit changes. Right up to the guess of the answer's length,
// which is the same for all candidates; `knn` knows better where it has seen similar prompts and
// comes before it. Always the last of every estimator chain. Cost: one token estimate per work,
// then O(candidates). Loses where models differ in verbosity (reasoning models), and with prompt
// caches: cached_input is not used here because nobody knows before the call what the provider has
// cached. Unknown: a card without input or output price stays NaN, never 0 (request-routing.md
// section 6, pitfall 9). Test: price_test.cc.
#include "route/estimator/expected_output.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

struct Options {
  std::int64_t output_tokens = 400;

  void bind(base::OptionBinder& binder) {
    binder.field("output_tokens", output_tokens, {.min = 0, .max = 1e9},
                 "tokens an answer is assumed to have");
  }
};

class PriceEstimator final : public Estimator {
 public:
  explicit PriceEstimator(const Options& o)
      : output_tokens_(static_cast<double>(o.output_tokens)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    const chat::Request& request = q.reading.request();
    const std::int64_t tokens_in = q.reading.tokens_in();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Card& card = q.card(i);
      out[i].cost_micro = expected_cost_micro(request, card, tokens_in,
                                              expected_output(request, card, output_tokens_));
    }
  }

 private:
  double output_tokens_;
};

}  // namespace

std::unique_ptr<Estimator> make_price(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  return std::make_unique<PriceEstimator>(options);
}

}  // namespace swy::route
