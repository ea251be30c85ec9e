// language: the natural language of the text.
//
// What: label = the language's ISO 639 code; confidence = the detector's estimate that it is right.
// True when the code is one of `any`; with an empty list, when a language was detected. A plain
// code stands for its scripts too: zh passes zh-Hant. Unknown: no text in scope, too little of it,
// mostly code, or a confidence below min_confidence. Cost: CLD2 over the first 4 KiB of prose. When
// it loses: a few words, names, mixed languages, close relatives (no and da). Source: CLD2 (Sites,
// 2013), through src/text/language.h. Test: language_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"
#include "text/language.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> any;
  double min_confidence = 0.5;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("any", any, "ISO 639 codes that pass; empty: every detected language");
    b.field("min_confidence", min_confidence, {0, 1}, "a less certain detection is unknown");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

// "en", "haw", "zh-Hant": two or three lower-case letters, then perhaps a script.
bool is_code(std::string_view s) {
  const std::size_t n = std::min(s.find('-'), s.size());
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return (n == 2 || n == 3) &&
         std::all_of(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(n), lower);
}

class LanguageSignal final : public Signal {
 public:
  LanguageSignal(Options options, chat::Scope scope) : o_(std::move(options)), scope_(scope) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r.text(scope_)); });
  }
  [[nodiscard]] double cost_us() const override { return 50; }

 private:
  [[nodiscard]] Fact fact(std::string_view text) const {
    const text::Language found = text::detect_language(text);
    if (found.confidence <= 0 || static_cast<double>(found.confidence) < o_.min_confidence)
      return {};
    const std::string_view plain = found.code.substr(0, found.code.find('-'));
    const bool in =
        o_.any.empty() || std::any_of(o_.any.begin(), o_.any.end(), [&](const std::string& c) {
          return c == found.code || c == plain;
        });
    return {plugin::truth(in), found.confidence, plugin::kNaN, plugin::label(found.code)};
  }

  Options o_;
  chat::Scope scope_;
};

}  // namespace

std::unique_ptr<Signal> make_language(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  bool ok = scope.has_value();
  for (const std::string& code : o.any) {
    if (is_code(code)) continue;
    ctx.diag().error(plugin::mark_of(node, "any"),
                     fmt::format("any holds ISO 639 codes such as en or zh-Hant, not '{}'", code));
    ok = false;
  }
  if (!ok) return nullptr;
  return std::make_unique<LanguageSignal>(std::move(o), *scope);
}

}  // namespace swy::route
