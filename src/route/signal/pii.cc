// pii: personal data and secrets in the text.
//
// What: spans of src/text/pii.h with one of `types` (all when empty) and at least min_confidence.
// True when there is one; value = how many spans; label = the type of the first; confidence = the
// probability that truth is right: 1 - prod (1 - confidence of each span), or, when there is none,
// kClean. Unknown: no text in scope. Cost: linear in the text; patterns alone 1 us for 1 KB, with
// names and places 35 us. When it loses: names in small letters and in languages unlike its
// training text, numbers in words. Source: src/text/pii.h. Test: pii_test.cc.
#include "text/pii.h"
#include "route/detail/pii_types.h"

namespace swy::route {
namespace {

// Share of the sentences without a span, in the development part of the synthetic set, in which
// none was found and none was there, rounded down.
constexpr float kClean = 0.95F;

struct Options {
  std::vector<std::string> types;
  double min_confidence = 0.5;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("types", types, "types that count, such as EMAIL_ADDRESS; empty: all");
    b.field("min_confidence", min_confidence, {0, 1}, "a less certain span does not count");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Pii final : public Signal {
 public:
  Pii(text::PiiOptions options, chat::Scope scope) : o_(options), scope_(scope) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override {
    return (o_.types & ((1U << text::kTaggedPiiTypes) - 1)) != 0 ? 35 : 2;
  }

 private:
  [[nodiscard]] Fact fact(Reading& reading) const {
    const std::string_view text = reading.text(scope_);
    if (text.empty()) return {Truth::kFalse, 1, 0, {}};
    thread_local std::vector<text::PiiSpan> spans;
    text::detect_pii(text, o_, spans);
    if (spans.empty() && reading.cut(scope_)) return plugin::not_all_read();
    if (spans.empty()) return {Truth::kFalse, kClean, 0, {}};
    float none = 1;
    for (const text::PiiSpan& s : spans) none *= 1 - s.confidence;
    return {Truth::kTrue, 1 - none, static_cast<double>(spans.size()),
            plugin::label(to_string(spans.front().type))};
  }

  text::PiiOptions o_;
  chat::Scope scope_;
};

}  // namespace

std::unique_ptr<Signal> make_pii(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const auto types = plugin::pii_types(ctx, node, "types", o.types);
  if (!scope || !types) return nullptr;
  return std::make_unique<Pii>(
      text::PiiOptions{.types = *types, .min_confidence = static_cast<float>(o.min_confidence)},
      *scope);
}

}  // namespace swy::route
