// keyword: literal phrases and regular expressions in the text.
//
// What: with A = any, R = regex, L = all, N = none and "in" = occurs in the text in scope,
//   true  <=>  |{p in A} + {r in R}| >= min_matches  and  every p of L is in  and  no p of N is in
// where the first clause falls away when A and R are empty. value = number of different phrases and
// patterns of A, R and L that occur; label = the one of them that ends first in the text (literals
// before patterns), as it was configured: a label goes into records, so it never quotes the prompt.
// Unknown: no text in scope.
// Cost: one automaton pass for all literals (src/text/phrases.h) and one for all patterns (RE2,
// linear). When it loses: paraphrase, misspelling (use fuzzy), negation ("no python please").
// Source: none; the rule type is common to rule-based routers. Test: keyword_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"
#include "text/phrases.h"
#include "text/regex.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> any;
  std::vector<std::string> all;
  std::vector<std::string> none;
  std::vector<std::string> regex;
  bool case_sensitive = false;
  bool word_boundaries = true;
  std::int64_t min_matches = 1;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("any", any, "literal phrases, min_matches of which must occur");
    b.field("all", all, "literal phrases that must all occur");
    b.field("none", none, "literal phrases that must not occur");
    b.field("regex", regex, "RE2 patterns, counted together with any");
    b.field("case_sensitive", case_sensitive, "whether case matters, for phrases and patterns");
    b.field("word_boundaries", word_boundaries,
            "a phrase's edge that is a word character must be at a word's edge; not for patterns");
    b.field("min_matches", min_matches, {1, 100000}, "how many of any and regex must occur");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

// Which of the phrases and patterns occurred; reused by the thread so that a decision allocates
// nothing after warm-up.
struct Seen {
  std::vector<std::uint8_t> phrase;
  std::vector<std::uint32_t> patterns;
};

Seen& seen_of_thread() {
  thread_local Seen seen;
  return seen;
}

struct Parts {
  text::PhraseSet phrases;  // any, then all, then none
  std::optional<text::RegexSet> regex;
  chat::Scope scope;
};

class Keyword final : public Signal {
 public:
  Keyword(Options options, Parts parts) : o_(std::move(options)), parts_(std::move(parts)) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r.text(parts_.scope)); });
  }
  [[nodiscard]] double cost_us() const override { return parts_.regex ? 5 : 3; }

 private:
  [[nodiscard]] Fact fact(std::string_view text) const {
    if (text.empty()) return {};
    const std::size_t any_end = o_.any.size();
    const std::size_t all_end = any_end + o_.all.size();
    Seen& seen = seen_of_thread();
    seen.phrase.assign(parts_.phrases.size(), 0);
    ShortText first;
    std::size_t any = 0;
    std::size_t all = 0;
    std::size_t none = 0;
    parts_.phrases.for_each(text, [&](const text::PhraseMatch& m) {
      if (std::exchange(seen.phrase[m.phrase], std::uint8_t{1}) != 0) return;
      (m.phrase < any_end ? any : m.phrase < all_end ? all : none) += 1;
      if (m.phrase < all_end && first.empty()) first = plugin::label(phrase(m.phrase));
    });
    if (parts_.regex && parts_.regex->matching(text, seen.patterns)) {
      any += seen.patterns.size();
      if (first.empty()) first = plugin::label(o_.regex[seen.patterns.front()]);
    }
    const bool counted = !o_.any.empty() || !o_.regex.empty();
    const bool holds = (!counted || any >= static_cast<std::size_t>(o_.min_matches)) &&
                       all == o_.all.size() && none == 0;
    return {plugin::truth(holds), 1, static_cast<double>(any + all), first};
  }
  [[nodiscard]] std::string_view phrase(std::size_t i) const {
    return i < o_.any.size() ? o_.any[i] : o_.all[i - o_.any.size()];
  }

  Options o_;
  Parts parts_;
};

// What can be told without the text: an empty signal, and one that can never be true.
bool check(const Options& o, const base::Doc& node, BuildContext& ctx) {
  base::Diagnostics& diag = ctx.diag();
  const std::size_t before = diag.errors();
  if (o.any.empty() && o.all.empty() && o.none.empty() && o.regex.empty()) {
    diag.error(node.mark(), "keyword needs phrases: give any, all, none or regex");
  }
  const std::size_t counted = o.any.size() + o.regex.size();
  if (o.min_matches > 1 && static_cast<std::size_t>(o.min_matches) > counted) {
    diag.error(plugin::mark_of(node, "min_matches"),
               fmt::format("min_matches is {}, but any and regex hold {} together", o.min_matches,
                           counted));
  }
  for (const std::string& p : o.none) {
    if (std::find(o.all.begin(), o.all.end(), p) == o.all.end()) continue;
    diag.error(plugin::mark_of(node, "none"),
               fmt::format("'{}' is in all and in none: never true", p));
  }
  for (const auto& [key, list] :
       {std::pair{"any", &o.any}, {"all", &o.all}, {"none", &o.none}, {"regex", &o.regex}}) {
    plugin::no_empty(ctx, node, key, *list);
    for (auto p = list->begin(); p != list->end(); ++p) {
      if (std::find(list->begin(), p, *p) == p) continue;
      diag.error(plugin::mark_of(node, key), fmt::format("{} holds '{}' twice", key, *p));
    }
  }
  return diag.errors() == before;
}

}  // namespace

std::unique_ptr<Signal> make_keyword(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  if (!check(o, node, ctx) || !scope) return nullptr;
  std::vector<std::string> phrases = o.any;
  phrases.insert(phrases.end(), o.all.begin(), o.all.end());
  phrases.insert(phrases.end(), o.none.begin(), o.none.end());
  auto set = text::PhraseSet::build(phrases, {!o.case_sensitive, o.word_boundaries});
  if (!set) {
    ctx.diag().error(node.mark(), set.error().message);
    return nullptr;
  }
  Parts parts{std::move(*set), std::nullopt, *scope};
  if (!o.regex.empty()) {
    auto regex = text::RegexSet::compile(o.regex, {.ignore_case = !o.case_sensitive});
    if (!regex) {
      ctx.diag().error(plugin::mark_of(node, "regex"), regex.error().message);
      return nullptr;
    }
    parts.regex = std::move(*regex);
  }
  return std::make_unique<Keyword>(std::move(o), std::move(parts));
}

}  // namespace swy::route
