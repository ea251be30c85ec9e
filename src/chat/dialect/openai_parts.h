// Pieces that whole answers and stream chunks of the OpenAI dialect have in common. Private to
// chat; pure functions.
#pragma once

#include <cstddef>
#include <optional>

#include "base/json.h"
#include "chat/answer.h"

namespace swy::chat {

// Longest text kept from an upstream's error: enough for a person, too little to fill a record.
inline constexpr std::size_t kMaxErrorText = 2'048;

// A usage object; nullopt when it is not one or its counts are missing or negative.
[[nodiscard]] std::optional<Usage> usage_in(const base::Json& usage);
// The error that a "error" member (an object, or just a text) reports; nullopt for null.
[[nodiscard]] std::optional<WireError> error_of(const base::Json& error);
// The error envelope that a whole document is, if it is one: {"error":...}, or
// {"object":"error","message":...} as some servers write it.
[[nodiscard]] std::optional<WireError> error_in(const base::Json& root);
// Bytes of text in a "content" value: a string, or a list of text parts.
[[nodiscard]] std::size_t text_bytes(const base::Json& content);

}  // namespace swy::chat
