// The two types of output guard: phrases (literals and patterns) and pii.
//
// Cost: one automaton pass, one RE2 search per pattern and match, or one PII pass, per window. When
// it loses: what is longer than the window. Source: none. Test: output_test.cc.
#include "route/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/check.h"
#include "route/grounded.h"
#include "text/phrases.h"
#include "text/pii.h"
#include "text/regex.h"

namespace swy::route {
namespace {

constexpr std::array<std::string_view, 3> kActions = {"block", "mask", "annotate"};

struct Options {
  std::string action = "block";
  std::int64_t window = 256;
  std::vector<std::string> any, regex, types;
  std::string replace = "[removed]";
  bool case_sensitive = false;
  double min_confidence = 0.7;
  bool pii = false;
  void bind(base::OptionBinder& b) {
    b.field("action", action, "block, mask or annotate");
    b.field("window", window, {64, 65536},
            "bytes of the answer that are looked at together, and held back meanwhile");
    if (pii) {
      b.field("types", types, "types of personal data, such as API_KEY; empty: all");
      b.field("min_confidence", min_confidence, {0, 1}, "a less certain span does not count");
      return;
    }
    b.field("any", any, "literal phrases, whole words");
    b.field("regex", regex, "RE2 patterns");
    b.field("case_sensitive", case_sensitive, "whether case matters, for phrases and patterns");
    b.field("replace", replace, "what stands for a masked phrase");
  }
};

void without_overlap(std::vector<OutputHit>& hits, std::size_t from) {
  const auto first = hits.begin() + static_cast<std::ptrdiff_t>(from);
  std::sort(first, hits.end(), [](const OutputHit& a, const OutputHit& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::size_t end = 0;
  hits.erase(std::remove_if(first, hits.end(),
                            [&](const OutputHit& h) {
                              if (h.begin < end) return true;
                              end = h.end;
                              return false;
                            }),
             hits.end());
}

class Phrases final : public OutputGuard {
 public:
  Phrases(std::optional<text::PhraseSet> set, std::vector<text::Regex> patterns,
          std::string replacement)
      : set_(std::move(set)),
        patterns_(std::move(patterns)),
        replacement_(std::move(replacement)) {}
  void find(std::string_view text, std::vector<OutputHit>& out) const override {
    const std::size_t before = out.size();
    if (set_) {
      set_->for_each(
          text, [&](const text::PhraseMatch& m) { out.push_back({m.begin, m.end, replacement_}); });
    }
    for (const text::Regex& r : patterns_) {
      std::size_t at = 0;
      while (at < text.size()) {
        const auto m = r.find(text.substr(at));
        if (!m) break;
        if (m->end > m->begin) out.push_back({at + m->begin, at + m->end, replacement_});
        at += std::max(m->end, m->begin + 1);
      }
    }
    without_overlap(out, before);
  }

 private:
  std::optional<text::PhraseSet> set_;
  std::vector<text::Regex> patterns_;
  std::string replacement_;
};

class PiiOutput final : public OutputGuard {
 public:
  explicit PiiOutput(text::PiiOptions options) : options_(options) {
    for (std::size_t i = 0; i < text::kPiiTypes; ++i)
      names_[i] = fmt::format("[{}]", to_string(static_cast<text::PiiType>(i)));
  }
  void find(std::string_view text, std::vector<OutputHit>& out) const override {
    thread_local std::vector<text::PiiSpan> spans;
    text::detect_pii(text, options_, spans);
    for (const text::PiiSpan& s : spans)
      out.push_back({s.begin, s.end, names_[static_cast<std::size_t>(s.type)]});
  }

 private:
  text::PiiOptions options_;
  std::array<std::string, text::kPiiTypes> names_;
};

std::unique_ptr<OutputGuard> make_phrases(const Options& o, const base::Doc& node,
                                          base::Diagnostics& diag) {
  if (o.any.empty() && o.regex.empty()) {
    diag.error(node.mark(), "phrases needs any or regex");
    return nullptr;
  }
  std::optional<text::PhraseSet> set;
  if (!o.any.empty()) {
    auto built = text::PhraseSet::build(o.any, {!o.case_sensitive, true});
    if (!built) return diag.error(base::mark_of(node, "any"), built.error().message), nullptr;
    set = std::move(*built);
  }
  std::vector<text::Regex> patterns;
  for (const std::string& p : o.regex) {
    auto built = text::Regex::compile(p, {.ignore_case = !o.case_sensitive});
    if (!built) return diag.error(base::mark_of(node, "regex"), built.error().message), nullptr;
    patterns.push_back(std::move(*built));
  }
  return std::make_unique<Phrases>(std::move(set), std::move(patterns), o.replace);
}

std::unique_ptr<OutputGuard> make_pii_output(const Options& o, const base::Doc& node,
                                             base::Diagnostics& diag) {
  text::PiiOptions options{.types = o.types.empty() ? text::kAllPii : 0,
                           .min_confidence = static_cast<float>(o.min_confidence)};
  for (const std::string& name : o.types) {
    const auto type = text::pii_type(name);
    if (!type) {
      diag.error(base::mark_of(node, "types"),
                 fmt::format("types holds types such as API_KEY, not '{}'", name));
      return nullptr;
    }
    options.types |= text::pii_bit(*type);
  }
  return std::make_unique<PiiOutput>(options);
}

}  // namespace

std::unique_ptr<OutputGuard> make_output_guard(const std::string& name, const base::Doc& node,
                                               base::Diagnostics& diag) {
  const base::Doc* type = node.is_map() ? node.find("type") : nullptr;
  if (type == nullptr || !type->is_scalar()) {
    diag.error(node.mark(), "an output guard needs a `type`: phrases, pii or grounding");
    return nullptr;
  }
  const std::vector<std::string> known = output_guard_types();
  SWY_ASSERT(type->text() != "grounding");  // make_grounding_guard()
  if (std::find(known.begin(), known.end(), type->text()) == known.end()) {
    diag.error(type->mark(), fmt::format("unknown output guard type '{}'{}", type->text(),
                                         base::did_you_mean(type->text(), known)));
    return nullptr;
  }
  Options o;
  o.pii = type->text() == "pii";
  const std::size_t before = diag.errors();
  base::DocBinder binder(node, diag, {"type"});
  o.bind(binder);
  binder.finish();
  const auto action = std::find(kActions.begin(), kActions.end(), o.action);
  if (action == kActions.end()) {
    diag.error(base::mark_of(node, "action"),
               fmt::format("action is one of block, mask, annotate, not '{}'", o.action));
  }
  if (diag.errors() != before) return nullptr;
  auto guard = o.pii ? make_pii_output(o, node, diag) : make_phrases(o, node, diag);
  if (guard == nullptr) return nullptr;
  guard->name = name;
  guard->action = static_cast<OutputGuard::Action>(action - kActions.begin());
  guard->window = static_cast<std::size_t>(o.window);
  return guard;
}

std::vector<std::string> output_guard_types() { return {"phrases", "pii", "grounding"}; }

std::vector<base::OptionInfo> output_guard_options(std::string_view type) {
  if (type == "grounding") return grounding_guard_options();
  Options o;
  o.pii = type == "pii";
  base::ListBinder lister;
  o.bind(lister);
  return lister.all();
}

}  // namespace swy::route
