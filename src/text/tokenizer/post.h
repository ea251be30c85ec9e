// PostProcessor: the "post_processor" of a tokenizer.json: special tokens around one or two texts,
// and offsets without the space that byte-level tokens begin with.
//
// When to use: last. Threading: immutable. Ownership: owns its templates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "text/tokenizer.h"

namespace swy::text::tok {

struct TemplatePart {
  enum class Kind : std::uint8_t { kSpecial, kFirst, kSecond };
  Kind kind = Kind::kFirst;
  std::uint8_t type_id = 0;
  std::vector<TokenId> ids;  // kSpecial
};
using Template = std::vector<TemplatePart>;

struct PostProcessor {
  Template single = {{TemplatePart::Kind::kFirst, 0, {}}};
  Template pair = {{TemplatePart::Kind::kFirst, 0, {}}, {TemplatePart::Kind::kSecond, 1, {}}};
  bool trim_offsets = false;
  bool add_prefix_space = false;  // how trim_offsets treats the first token

  [[nodiscard]] std::size_t special_count(bool of_pair) const {
    std::size_t n = 0;
    for (const TemplatePart& p : of_pair ? pair : single) n += p.ids.size();
    return n;
  }
};

}  // namespace swy::text::tok
