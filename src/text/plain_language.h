// plain_language: a cheap, one-sided test that spares the language detector most texts in the
// languages that are asked most.
//
// When to use: before a real detector; "no" says nothing about the language. Threading: pure
// function. Ownership: the code refers to static storage.
#pragma once

#include <optional>
#include <string_view>

namespace swy::text {

struct PlainLanguage {
  std::string_view code;  // en, de, fr, es, it, pt, nl
  int letters = 0;        // outside code
};

// The language when every stretch of the first `max_bytes` bytes outside code is in it beyond
// doubt; nullopt when the text is short, has URLs, many code signs or letters that none of these
// languages uses, or any stretch of it could be something else.
std::optional<PlainLanguage> plain_language(std::string_view text, std::size_t max_bytes);

}  // namespace swy::text
