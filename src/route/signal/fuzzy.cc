// fuzzy: phrases in the text in spite of misspellings.
//
// What: value = the best similarity of any configured phrase, label = that phrase as it was
// configured; true when the similarity reaches the threshold. Similarity is the share of the
// phrase's character n-grams that occur in the best window of the text (src/text/fuzzy.h); below
// 0.05 it is reported as 0, without a label. Unknown: no text in scope. Cost: one pass over the
// text's n-grams, and a window search for the phrases that can reach 0.05. When it loses: short
// phrases have few n-grams, so that one wrong letter costs much; near words with another meaning
// ("booking", "banking") look alike. Source: n-gram overlap, as in approximate string matching
// since Ukkonen 1992 (q-grams). Test: fuzzy_test.cc.
#include "text/fuzzy.h"
#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> any;
  double threshold = 0.8;
  std::int64_t n = 3;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("any", any, "phrases, one of which must occur; required");
    b.field("threshold", threshold, {0.1, 1}, "similarity from which a phrase counts as found");
    b.field("n", n, {2, 5}, "characters per n-gram");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

// Below this a similarity is noise: a shared n-gram or two.
constexpr float kFloor = 0.05F;

class Fuzzy final : public Signal {
 public:
  Fuzzy(Options options, chat::Scope scope, text::FuzzyMatcher matcher)
      : phrases_(std::move(options.any)),
        threshold_(static_cast<float>(options.threshold)),
        scope_(scope),
        matcher_(std::move(matcher)) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r.text(scope_)); });
  }
  [[nodiscard]] double cost_us() const override { return 12; }

 private:
  [[nodiscard]] Fact fact(std::string_view text) const {
    if (text.empty()) return {};
    const text::FuzzyScore best = matcher_.best(text, kFloor);
    if (best.score <= 0) return {Truth::kFalse, 1, 0, {}};
    return {plugin::truth(best.score >= threshold_), 1, best.score,
            plugin::label(phrases_[best.phrase])};
  }

  std::vector<std::string> phrases_;
  float threshold_;
  chat::Scope scope_;
  text::FuzzyMatcher matcher_;
};

}  // namespace

std::unique_ptr<Signal> make_fuzzy(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (o.any.empty())
    ctx.diag().error(plugin::mark_of(node, "any"), "fuzzy needs phrases: give any");
  if (o.any.empty() || !plugin::no_empty(ctx, node, "any", o.any) || !scope) return nullptr;
  auto matcher = text::FuzzyMatcher::build(o.any, static_cast<std::size_t>(o.n));
  if (!matcher) {
    ctx.diag().error(plugin::mark_of(node, "any"), matcher.error().message);
    return nullptr;
  }
  return std::make_unique<Fuzzy>(std::move(o), *scope, std::move(*matcher));
}

}  // namespace swy::route
