// structure: what the text is made of: code, mathematics, tables, questions, length.
//
// What: `feature` names one judgement or one count of src/text/structure.h.
//   Judgements: code, math, table, json. value = the probability that the text has it; true when
//   that is at least 0.5; confidence = the probability that this answer is right. Counts:
//   questions, list_items, urls, headings, lines, words, sentences, chars. Shares: digits_share (of
//   characters), upper_case_share (of letters). value = the count or share; true when it is more
//   than 0.
// With above or below, the value must lie between them instead, both exclusive.
// Unknown: no text in scope.
// Cost: one pass over the text, made once per decision for scope last_user however many signals
// ask; other scopes pay again. When it loses: code in prose without a fence, formulas in words.
// Source: none; the judgements are hand-made scores, measured in src/text. Test: structure_test.cc.
#include <variant>

#include "route/detail/plugin.h"
#include "text/structure.h"

namespace swy::route {
namespace {

using text::Structure;
using Judgement = text::Likely Structure::*;
using Count = std::uint32_t Structure::*;
using Share = float (Structure::*)() const;
using Feature = std::variant<Judgement, Count, Share>;

const std::array<plugin::Named<Feature>, 14> kFeatures = {{
    {"code", &Structure::has_code},
    {"math", &Structure::has_math},
    {"table", &Structure::has_table},
    {"json", &Structure::is_json},
    {"questions", &Structure::questions},
    {"list_items", &Structure::list_items},
    {"urls", &Structure::urls},
    {"headings", &Structure::headings},
    {"lines", &Structure::lines},
    {"words", &Structure::words},
    {"sentences", &Structure::sentences},
    {"chars", &Structure::code_points},
    {"digits_share", &Structure::digit_share},
    {"upper_case_share", &Structure::upper_case_share},
}};

struct Options {
  std::string feature;
  plugin::Bounds bounds;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("feature", feature, "what is looked at; required");
    bounds.bind(b, {0, 1e9});
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class StructureSignal final : public Signal {
 public:
  StructureSignal(Feature feature, const plugin::Bounds& bounds, chat::Scope scope)
      : feature_(feature), bounds_(bounds), scope_(scope) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) -> Fact {
      const std::string_view text = r.text(scope_);
      if (text.empty()) return {};
      return scope_ == chat::Scope::kLastUser ? fact(r.structure()) : fact(text::analyse(text));
    });
  }
  [[nodiscard]] double cost_us() const override { return 13; }

 private:
  [[nodiscard]] Fact fact(const Structure& s) const {
    if (const auto* judged = std::get_if<Judgement>(&feature_)) {
      const float p = (s.**judged).confidence;
      const bool holds = bounds_.given() ? bounds_.hold(p) : (s.**judged).value();
      return {plugin::truth(holds), holds ? p : 1 - p, p, {}};
    }
    const auto* count = std::get_if<Count>(&feature_);
    const double value = count != nullptr ? static_cast<double>(s.**count)
                                          : static_cast<double>((s.*std::get<Share>(feature_))());
    return {plugin::truth(bounds_.hold(value)), 1, value, {}};
  }

  Feature feature_;
  plugin::Bounds bounds_;
  chat::Scope scope_;
};

}  // namespace

std::unique_ptr<Signal> make_structure(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto feature = plugin::choose(ctx, node, "feature", o.feature, kFeatures);
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (!feature || !scope || !o.bounds.check(ctx, node)) return nullptr;
  return std::make_unique<StructureSignal>(*feature, o.bounds, *scope);
}

}  // namespace swy::route
