// PhraseSet: finds many literal phrases in a text in one pass.
//
// When to use: keyword signals, deny lists, markers: up to some ten thousand literal phrases. For
// patterns use regex.h, for misspellings fuzzy.h. Threading: immutable after build(); every const
// function may run on any thread. Ownership: owns its tables; the text is borrowed until return.
// Nothing is allocated while matching (count_distinct: only for more than 1,024 phrases).
//
// whole_words asks for a word boundary at each edge of a match whose own character is a word
// character, so "cat" is not in "concatenate" while "```" and "#include" match anywhere ("#include"
// still wants a boundary after its e). CJK characters border on everything (utf8.h, is_boundary).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "switchyard/result.h"
#include "text/detail/start_filter.h"

namespace swy::text {

struct PhraseOptions {
  bool ignore_case = true;  // simple folding, utf8.h
  bool whole_words = true;
};

struct PhraseMatch {
  std::uint32_t phrase = 0;  // index in the list given to build()
  std::size_t begin = 0;     // bytes in the text
  std::size_t end = 0;
};

class PhraseSet {
 public:
  // Fails for an empty phrase, one that is not UTF-8, or a set whose table would pass 64 MiB. An
  // empty list is a set that never matches. Equal phrases each report their own index.
  static Result<PhraseSet> build(std::span<const std::string> phrases, PhraseOptions options = {});

  // The match that ends first; of several ending together the longest.
  [[nodiscard]] std::optional<PhraseMatch> find_first(std::string_view text) const;
  [[nodiscard]] bool contains_any(std::string_view text) const {
    return find_first(text).has_value();
  }
  // How many different phrases occur; stops looking once `stop_at` are found.
  [[nodiscard]] std::size_t count_distinct(
      std::string_view text, std::size_t stop_at = std::numeric_limits<std::size_t>::max()) const;
  // Calls f(PhraseMatch) for every match, overlapping ones included, by growing end, longer first.
  // f may return void, or bool: false stops.
  template <typename F>
  void for_each(std::string_view text, F&& f) const {
    scan(
        text,
        [](void* self, const PhraseMatch& m) -> bool {
          auto& call = *static_cast<std::remove_reference_t<F>*>(self);
          if constexpr (std::is_void_v<decltype(call(m))>) {
            call(m);
            return true;
          } else {
            return call(m);
          }
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }
  [[nodiscard]] std::size_t size() const { return phrases_.size(); }

 private:
  struct Phrase {
    std::uint32_t code_points = 0;
    std::uint32_t next_same = 0;  // another phrase with the same text, or kNone
    bool word_left = false;       // wants a boundary on this side
    bool word_right = false;
  };
  struct State {
    std::uint32_t phrase = 0;  // the phrase that ends here, or kNone
    std::uint32_t link = 0;  // the state of the longest proper suffix at which a phrase ends, or 0
  };
  using Visit = bool (*)(void*, const PhraseMatch&);
  struct Trie;

  void scan(std::string_view text, Visit visit, void* self) const;
  [[nodiscard]] std::size_t next_start(std::string_view text, std::size_t from) const;
  bool report(std::string_view text, std::size_t end, std::uint32_t state, Visit visit,
              void* self) const;
  [[nodiscard]] std::size_t begin_of(std::string_view text, std::size_t end,
                                     std::uint32_t code_points) const;

  PhraseOptions options_;
  std::array<std::uint8_t, 256>
      class_{};                     // byte -> column; 0 is "in no phrase". ASCII is folded here
  std::array<bool, 256> begins_{};  // a phrase may begin with this byte
  StartFilter filter_;
  std::uint32_t columns_ = 1;
  std::vector<std::uint32_t> next_;  // [row + column] -> the next state's row, state * columns_;
                                     // top bit: something ends there
  std::vector<State> states_;
  std::vector<Phrase> phrases_;
};

}  // namespace swy::text
