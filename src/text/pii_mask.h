// Masking: spans of a text replaced by placeholders such as [PERSON_1], and back.
//
// When to use: before a prompt goes to a model that must not see personal data, and on its answer.
// The same text of the same type gets the same placeholder everywhere in one vault, so a model can
// still tell who is who. A placeholder that the text holds already is never given out. Threading:
// one thread at a time. Ownership: the vault owns the originals; it is never written to disk or
// logs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "text/pii.h"

namespace swy::text {

class PiiVault {
 public:
  // Placeholders that occur in this text are not given out. Call for every text before mask().
  void avoid(std::string_view text);
  // Appends text with the spans replaced. REQUIRES: spans in order, within text, no overlap.
  void mask(std::string_view text, const std::vector<PiiSpan>& spans, std::string& out);
  // Appends text with the placeholders of this vault replaced by what they stand for.
  void restore(std::string_view text, std::string& out) const;
  // What "[PERSON_1]" stands for; nullptr: none of this vault's.
  [[nodiscard]] const std::string* find(std::string_view placeholder) const;
  [[nodiscard]] std::size_t size() const { return original_.size(); }

 private:
  std::string_view placeholder(PiiType type, std::string_view original);
  std::map<std::string, std::string, std::less<>> original_;  // by placeholder
  std::map<std::pair<PiiType, std::string>, std::string> given_;
  std::unordered_set<std::string> taken_;
  std::array<std::uint32_t, kPiiTypes> next_{};
};

// Longest placeholder: [US_DRIVER_LICENSE_4294967295].
inline constexpr std::size_t kMaxPlaceholder = 40;

// The way back over a stream whose pieces cut placeholders anywhere: holds back only what may be
// the beginning of one, so at most kMaxPlaceholder bytes. Any split gives the same text.
class PiiRestorer {
 public:
  // Appends what can be said now. last: nothing more comes. json: the text is JSON, so what a
  // placeholder stands for is escaped as inside a JSON string.
  void push(const PiiVault& vault, std::string_view piece, bool last, std::string& out,
            bool json = false);
  [[nodiscard]] bool holds() const { return !held_.empty(); }

 private:
  std::string held_;
};

}  // namespace swy::text
