// plainly_english: a cheap, one-sided test that spares the language detector most English texts.
//
// When to use: before a real detector; "no" says nothing about the language. Threading: pure
// function. Ownership: nothing is kept.
#pragma once

#include <optional>
#include <string_view>

namespace swy::text {

// The number of letters when every stretch of the text is English beyond doubt; nullopt when it is
// short, has code, URLs or letters beyond ASCII, or any stretch of it could be something else.
std::optional<int> plainly_english(std::string_view text);

}  // namespace swy::text
