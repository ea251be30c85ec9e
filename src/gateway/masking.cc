// Masking of request bodies. Two passes over the strings: placeholders that the client wrote itself
// are never given out, so an answer that repeats them stays as it is. Test: masking_test.cc.
#include "gateway/masking.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/splice.h"

namespace swy::gateway {
namespace {

class Avoid final : public chat::TextRewriter {
 public:
  explicit Avoid(text::PiiVault& vault) : vault_(vault) {}
  bool rewrite(const chat::JsonPlace& /*place*/, std::string& text) override {
    vault_.avoid(text);
    return false;
  }

 private:
  text::PiiVault& vault_;
};

class Mask final : public chat::TextRewriter {
 public:
  Mask(const Demands& d, text::PiiVault& vault)
      : options_{.types = d.mask, .min_confidence = d.confidence}, vault_(vault) {}
  bool rewrite(const chat::JsonPlace& place, std::string& text) override {
    if (!chat::is_request_text(place)) return false;
    text::detect_pii(text, options_, spans_);
    if (spans_.empty()) return false;
    std::string out;
    vault_.mask(text, spans_, out);
    text = std::move(out);
    return true;
  }

 private:
  text::PiiOptions options_;
  text::PiiVault& vault_;
  std::vector<text::PiiSpan> spans_;
};

}  // namespace

Demands demands_of(const route::Plan& plan, const route::Rule& rule, const route::Scratch& scratch,
                   const Card& chosen) {
  Demands d;
  for (const std::uint16_t g : rule.guards) {
    const route::NamedGuard& named = plan.guards[g];
    const route::Demand one = named.guard->demand(scratch, chosen);
    if (one.mask != 0) {
      d.mask |= one.mask;
      d.confidence = std::min(d.confidence, one.mask_confidence);
    }
    if (one.note.empty()) continue;
    d.notes += fmt::format("{}{}={}", d.notes.empty() ? "" : "; ", named.name, one.note.view());
  }
  for (const std::uint16_t o : rule.output) d.output.push_back(plan.output_guards[o].get());
  return d;
}

Demands demands_of_all(const route::Plan& plan, const route::Rule& rule,
                       const route::Scratch& scratch) {
  Demands all;
  for (std::size_t c = 0; c < rule.candidates.size(); ++c) {
    if (scratch.masked_by[c] >= 0) continue;
    Demands one = demands_of(plan, rule, scratch, plan.catalogue[rule.candidates[c]]);
    all.mask |= one.mask;
    all.confidence = std::min(all.confidence, one.confidence);
    if (one.notes.size() > all.notes.size()) all.notes = std::move(one.notes);
    all.output = std::move(one.output);  // the rule's: the same for all
  }
  return all;
}

Result<std::string> mask_request(std::string_view body, const Demands& demands,
                                 text::PiiVault& vault) {
  std::string out;
  Avoid avoid(vault);
  Mask mask(demands, vault);
  const auto seen = chat::splice_strings(body, avoid, out);
  const auto done = seen ? chat::splice_strings(body, mask, out) : seen;
  if (!done)
    return fail(ErrorCode::kInternal, "the request could not be masked: " + done.error().message);
  return out;
}

}  // namespace swy::gateway
