// The fields of an OpenAI chat-completions body, one reader each. Private to the dialect.
//
// A reader looks at one top-level value, fills its part of the Request and says in the provider's
// words what is wrong. Views go into the parsed document; text that is in no document (numbers of
// metadata) goes into Target::scratch.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/json.h"
#include "chat/openai.h"

namespace swy::chat {

using Decoded = tl::expected<void, RequestError>;

struct Target {
  Request& request;
  std::string& scratch;          // reserved for the largest use, so that views into it stay
  bool new_max_tokens = false;   // max_completion_tokens was read: max_tokens does not count
  bool new_tool_choice = false;  // likewise for tool_choice and function_call
};

using FieldReader = Decoded (*)(Target&, std::string_view name, const base::Json&);

struct Field {
  std::string_view name;
  FieldReader read;
};

// The reader of a top-level key and its number (below kFieldCount), or nullptr for keys that are
// not looked at.
inline constexpr std::size_t kFieldCount = 17;
[[nodiscard]] const Field* find_field(std::string_view name, std::size_t& number);

// Errors in the provider's words.
[[nodiscard]] tl::unexpected<RequestError> missing(std::string param);
[[nodiscard]] tl::unexpected<RequestError> repeated(std::string param);
[[nodiscard]] tl::unexpected<RequestError> too_many(std::string param, std::size_t limit);

}  // namespace swy::chat
