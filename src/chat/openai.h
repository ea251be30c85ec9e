// The OpenAI chat-completions dialect, request side: a body as bytes becomes a chat::Request of
// views.
//
// Use: one RequestDoc per request in flight (or a pool of them per worker); decode() again reuses
// its memory, so that a warmed-up RequestDoc allocates nothing for bodies of a size it has seen. It
// copies the body into its parser: request() borrows from the RequestDoc only, the caller's bytes
// may die after decode(). Forwarding is done with the client's bytes (splice_model), never with a
// re-serialised request, so unknown fields survive untouched. Threading: one thread at a time.
// Ownership: the RequestDoc owns all views in request() until the next decode(). Hostile input:
// depth, counts and sizes are bounded (limits below); every other input gives a RequestError.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "switchyard/chat.h"
#include "switchyard/result.h"

namespace swy::chat {

inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxMessages = 10'000;
inline constexpr std::size_t kMaxParts = 20'000;  // over all messages
inline constexpr std::size_t kMaxTools = 4'096;
inline constexpr std::size_t kMaxMetadata = 64;
inline constexpr std::size_t kMaxMetadataBytes = 4'096;  // of one value
inline constexpr std::int64_t kMaxChoices = 128;         // the provider's own limit for "n"

// Why a request is refused, in the four words of the provider's error envelope.
struct RequestError {
  ErrorCode code = ErrorCode::kInvalidArgument;  // kParse, kTooLarge or kInvalidArgument
  std::string message;
  std::string param;        // the offending field ("messages[2].content"); empty: null on the wire
  std::string openai_code;  // "invalid_type", "empty_array", ...; empty: null on the wire
};

class RequestDoc {
 public:
  RequestDoc();
  ~RequestDoc();
  RequestDoc(RequestDoc&&) noexcept;
  RequestDoc& operator=(RequestDoc&&) noexcept;

  // On failure request() is empty. Choices a reader should know: of a repeated top-level key that
  // is read here no value is right, so it is refused; "max_completion_tokens" wins over
  // "max_tokens"; a response_format or tool_choice of unknown type counts as the most demanding
  // kind, so that guards fail closed; metadata that is an object or a list is not offered to rules
  // (it is still forwarded).
  [[nodiscard]] tl::expected<void, RequestError> decode(std::string_view body);
  [[nodiscard]] const Request& request() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The body byte for byte, with only the value of the top-level "model" replaced by model
// (JSON-escaped). REQUIRES: a body that RequestDoc::decode accepted; kInvalidArgument when it has
// no or several such keys.
[[nodiscard]] Result<std::string> splice_model(std::string_view body, std::string_view model);

}  // namespace swy::chat
