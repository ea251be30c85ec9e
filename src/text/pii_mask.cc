// Placeholders: "[" TYPE "_" number "]". Restoring is one pass that looks at every "[".
// Cost: linear; a map look-up per placeholder. Test: pii_mask_test.cc.
#include "text/pii_mask.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace swy::text {
namespace {

bool inside(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// Length of what looks like a placeholder at s[0] == '[': whole with its bracket, or 0. `open`: the
// text ends before that can be told.
std::size_t shape(std::string_view s, bool& open) {
  std::size_t n = 1;
  while (n < s.size() && n < kMaxPlaceholder && inside(s[n])) ++n;
  open = n == s.size() && n < kMaxPlaceholder;
  return n > 3 && n < s.size() && s[n] == ']' ? n + 1 : 0;
}

}  // namespace

void PiiVault::avoid(std::string_view text) {
  for (std::size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    bool open = false;
    if (const std::size_t n = shape(text.substr(at), open)) taken_.emplace(text.substr(at, n));
  }
}

std::string_view PiiVault::placeholder(PiiType type, std::string_view original) {
  const auto [it, fresh] = given_.try_emplace({type, std::string(original)});
  while (fresh && it->second.empty()) {
    std::string name =
        fmt::format("[{}_{}]", to_string(type), ++next_[static_cast<std::size_t>(type)]);
    if (taken_.contains(name)) continue;
    original_.emplace(name, original);
    it->second = std::move(name);
  }
  return it->second;
}

void PiiVault::mask(std::string_view text, const std::vector<PiiSpan>& spans, std::string& out) {
  std::size_t at = 0;
  for (const PiiSpan& s : spans) {
    out.append(text.substr(at, s.begin - at));
    out.append(placeholder(s.type, text.substr(s.begin, s.end - s.begin)));
    at = s.end;
  }
  out.append(text.substr(at));
}

const std::string* PiiVault::find(std::string_view placeholder) const {
  const auto it = original_.find(placeholder);
  return it == original_.end() ? nullptr : &it->second;
}

void PiiVault::restore(std::string_view text, std::string& out) const {
  PiiRestorer r;
  r.push(*this, text, true, out);
}

void PiiRestorer::push(const PiiVault& vault, std::string_view piece, bool last, std::string& out,
                       bool json) {
  std::string joined;
  std::string_view s = piece;
  if (!held_.empty()) {
    joined = std::exchange(held_, {});
    joined += piece;
    s = joined;
  }
  while (!s.empty()) {
    const std::size_t at = std::min(s.find('['), s.size());
    out.append(s.substr(0, at));
    s.remove_prefix(at);
    if (s.empty()) return;
    bool open = false;
    const std::size_t n = shape(s, open);
    if (open && !last) {
      held_.assign(s);
      return;
    }
    const std::string* original = n > 0 ? vault.find(s.substr(0, n)) : nullptr;
    const std::size_t used = original != nullptr ? n : 1;
    if (original == nullptr) {
      out += '[';
    } else if (!json) {
      out += *original;
    } else {
      std::string quoted;
      base::append_json_string(quoted, *original);
      out.append(quoted, 1, quoted.size() - 2);
    }
    s.remove_prefix(used);
  }
}

}  // namespace swy::text
