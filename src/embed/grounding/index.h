// Index: where each loose form of a context stands, how rare it is, and which sentences of the
// context speak of what a sentence of the answer says.
//
// When to use: inside src/embed. Threading: one owner. Ownership: keeps its memory between texts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "embed/grounding/items.h"

namespace swy::embed::grounding {

inline constexpr std::uint32_t kNowhere = 0xFFFFFFFF;
inline constexpr std::size_t kMaxPlaces = 64;  // of one form that are looked at
inline constexpr std::size_t kTopSentences = 3;

class Index {
 public:
  void build(const Items& items);
  // First place of the form, then next(place); kNowhere ends. In the order of the text.
  [[nodiscard]] std::uint32_t first(std::uint64_t loose) const;
  [[nodiscard]] std::uint32_t next(std::uint32_t place) const { return next_[place]; }
  // ln(1 + sentences / sentences with the form), over its largest value: 0..1. 1: it is not there.
  [[nodiscard]] float rarity(std::uint64_t loose) const;

  // Sentences with the largest sum of rarity over the items' different forms, best first; kNowhere
  // where there are fewer. The earlier one wins ties.
  using Top = std::array<std::uint32_t, kTopSentences>;
  [[nodiscard]] Top top(std::span<const Item> items);

 private:
  struct Slot {
    std::uint64_t loose = 0;
    std::uint32_t first = kNowhere;
    std::uint32_t last = kNowhere;
    std::uint32_t sentences = 0;
  };
  [[nodiscard]] std::size_t find(std::uint64_t loose) const;

  const Items* items_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> next_;
  std::vector<float> score_;
  std::vector<std::uint32_t> touched_;
  std::vector<std::uint64_t> seen_;
};

}  // namespace swy::embed::grounding
