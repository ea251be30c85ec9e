// Trie: strings to numbers, with every prefix of a text found in one walk.
//
// When to use: vocabularies, where the longest entry (or all entries) at a place of a text is
// wanted. A double array (Aoe 1989): the child of node n for byte b is the unit base[n] + b, and it
// exists if that unit's check is n; one memory access a byte. Cost: 12 bytes a unit, of which most
// are used. Threading: immutable after build. Ownership: owns its units; keys are not kept.
// Test: trie_test.cc.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace swy::text::tok {

class Trie {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  static constexpr std::uint32_t kRoot = 0;
  using Entry = std::pair<std::string_view, std::uint32_t>;

  Trie() : units_(257) {}
  // Of equal keys the last one stands. The empty key is left out.
  explicit Trie(std::vector<Entry> entries);

  // Moves `node` along `byte`; false if there is no such child.
  bool step(std::uint32_t& node, unsigned char byte) const {
    const std::uint32_t next = units_[node].base + byte;
    if (units_[next].check != node) return false;
    node = next;
    return true;
  }
  [[nodiscard]] std::uint32_t value(std::uint32_t node) const { return units_[node].value; }

  // The value of exactly this key, or kNone.
  [[nodiscard]] std::uint32_t find(std::string_view key) const {
    std::uint32_t node = kRoot;
    for (const char c : key)
      if (!step(node, static_cast<unsigned char>(c))) return kNone;
    return value(node);
  }

 private:
  struct Unit {
    std::uint32_t base = 1;
    std::uint32_t check = kNone;
    std::uint32_t value = kNone;
  };
  class Builder;
  std::vector<Unit> units_;
};

}  // namespace swy::text::tok
