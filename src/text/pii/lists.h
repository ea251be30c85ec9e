// Built-in word lists, as bits by word hash: months and days, countries and nationalities, street
// words, organisation endings, titles, common given names.
#pragma once

#include <cstdint>
#include <string_view>

namespace swy::text::pii {

enum List : std::uint32_t {
  kTimeWord = 1,
  kCountry = 2,
  kNationality = 4,
  kStreetWord = 8,
  kOrganizationWord = 16,
  kHonorific = 32,
  kGivenName = 64,
  kUnitWord = 128,  // apartment, suite, box
  kContactWord = 256,
  kCity = 512,
  kJobWord = 1024,
  kParticle = 2048,  // between the parts of names
};

// Hash of a word, to be looked up and used as a feature. REQUIRES: folded text.
std::uint64_t word_hash(std::string_view folded);
// Bits of the lists that hold the word.
std::uint32_t lists_of(std::uint64_t hash);

}  // namespace swy::text::pii
