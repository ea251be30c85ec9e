// context: how long the prompt is, in estimated tokens.
//
// What: value = Reading::tokens_in(), which counts every message and the tool declarations. True
// when above < tokens < below, both exclusive; with neither bound, when there are tokens at all.
// Unknown: a request without messages.
// Cost: the estimate is made once per decision and shared with guards and price. Linear in the
// prompt. When it loses: the estimate knows no model's own tokenizer, so near a bound it can fall
// on the wrong side. The confidence says so: with a relative error of standard deviation s = 0.1,
// P(tokens > bound) = Phi((tokens - bound) / (s tokens)). Source: none; s is a deliberately wide
// figure, the measured error is in src/text/tokens.cc. Test: context_test.cc.
#include <cmath>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

constexpr double kRelativeError = 0.1;

struct Options {
  plugin::Bounds bounds;
  void bind(base::OptionBinder& b) { bounds.bind(b, {0, 1e12}); }
};

// Probability that the true count is above the bound.
double p_above(double tokens, double bound) {
  if (tokens <= 0) return bound < 0 ? 1 : 0;
  return 0.5 * std::erfc((bound - tokens) / (kRelativeError * tokens * std::sqrt(2.0)));
}

class Context final : public Signal {
 public:
  explicit Context(const plugin::Bounds& bounds) : bounds_(bounds) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 2; }
  [[nodiscard]] bool reads_text() const override { return false; }

 private:
  [[nodiscard]] Fact fact(Reading& r) const {
    if (r.request().messages.empty()) return {};
    const auto tokens = static_cast<double>(r.tokens_in());
    const bool holds = bounds_.hold(tokens);
    const double over = std::isnan(bounds_.above) ? 1 : p_above(tokens, bounds_.above);
    const double not_under = std::isnan(bounds_.below) ? 0 : p_above(tokens, bounds_.below);
    const double inside = std::max(0.0, over - not_under);
    const double sure = !bounds_.given() ? 1 : holds ? inside : 1 - inside;
    return {plugin::truth(holds), static_cast<float>(sure), tokens, {}};
  }

  plugin::Bounds bounds_;
};

}  // namespace

std::unique_ptr<Signal> make_context(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (!o.bounds.check(ctx, node)) return nullptr;
  return std::make_unique<Context>(o.bounds);
}

}  // namespace swy::route
