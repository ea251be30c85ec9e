// metadata: one field of the request's metadata, or one of its headers.
//
// What: label = the field's value; value = the number it spells, when it spells one. True when all
// configured tests pass: equals (one of a list of texts) and regex (found anywhere in the value);
// with no test, when the field is there. Unknown: the field is absent. With `exists: true` an
// absent field is false instead, so that `!name` means "absent". A field given several times counts
// once: the first. Cost: a few comparisons; the regex is RE2, linear in the value. When it loses:
// clients may write what they like; do not grant rights by it (use role). Source: none. Test:
// metadata_test.cc.
#include <algorithm>
#include <charconv>

#include "route/detail/plugin.h"
#include "text/regex.h"

namespace swy::route {
namespace {

struct Options {
  std::string key;
  std::string source = "metadata";
  std::vector<std::string> equals;
  std::string regex;
  bool exists = false;
  void bind(base::OptionBinder& b) {
    b.field("key", key, "name of the field; header names in any case; required");
    b.field("source", source, "metadata (of the request body) or header");
    b.field("equals", equals, "a text or a list: the values that pass, compared exactly");
    b.field("regex", regex, "RE2 pattern that must be found in the value");
    b.field("exists", exists, "an absent field is false instead of unknown");
  }
};

// The whole text as a finite decimal number; NaN otherwise.
double number(std::string_view s) {
  double v = plugin::kNaN;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
  return error == std::errc() && end == s.data() + s.size() && std::isfinite(v) ? v : plugin::kNaN;
}

class Metadata final : public Signal {
 public:
  Metadata(Options options, plugin::Source source, std::optional<text::Regex> regex)
      : o_(std::move(options)), source_(source), regex_(std::move(regex)) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& r) { return fact(find(r)); });
  }
  [[nodiscard]] double cost_us() const override { return regex_ ? 0.5 : 0.03; }
  [[nodiscard]] bool reads_text() const override { return false; }

 private:
  [[nodiscard]] std::optional<std::string_view> find(const Reading& r) const {
    std::optional<std::string_view> first;
    plugin::each_field(r, source_, o_.key, [&](std::string_view value) {
      first = value;
      return false;
    });
    return first;
  }
  [[nodiscard]] Fact fact(std::optional<std::string_view> value) const {
    if (!value) return {o_.exists ? Truth::kFalse : Truth::kUnknown, 1, plugin::kNaN, {}};
    const bool equal = o_.equals.empty() ||
                       std::find(o_.equals.begin(), o_.equals.end(), *value) != o_.equals.end();
    const bool holds = equal && (!regex_ || regex_->matches(*value));
    return {plugin::truth(holds), 1, number(*value), plugin::label(*value)};
  }

  Options o_;
  plugin::Source source_;
  std::optional<text::Regex> regex_;
};

}  // namespace

std::unique_ptr<Signal> make_metadata(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto source = plugin::choose(ctx, node, "source", o.source, plugin::kSources);
  if (o.key.empty())
    ctx.diag().error(plugin::mark_of(node, "key"), "metadata needs key: the field to look at");
  if (!source || o.key.empty()) return nullptr;
  if (*source == plugin::Source::kHeader) plugin::to_lower(o.key);
  std::optional<text::Regex> regex;
  if (!o.regex.empty()) {
    auto made = text::Regex::compile(o.regex);
    if (!made) {
      ctx.diag().error(plugin::mark_of(node, "regex"), made.error().message);
      return nullptr;
    }
    regex = std::move(*made);
  }
  return std::make_unique<Metadata>(std::move(o), *source, std::move(regex));
}

}  // namespace swy::route
