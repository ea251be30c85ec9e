// Failures as a client of the OpenAI dialect expects them: the error envelope, the error event that
// ends a stream, and which HTTP status belongs to which ErrorCode. Pure functions, thread-safe,
// results owned by the caller.
#pragma once

#include <string>
#include <string_view>

#include "chat/openai.h"
#include "switchyard/result.h"

namespace swy::chat {

// {"error":{"message":...,"type":...,"param":...,"code":...}}: always all four keys, param and code
// null when empty.
[[nodiscard]] std::string openai_error(std::string_view message, std::string_view type,
                                       std::string_view param, std::string_view code);

// The same envelope as one SSE event ("data: {...}\n\n"). The official clients raise APIError on
// it. It must be the last thing of the stream: no [DONE] after it.
[[nodiscard]] std::string sse_error_event(std::string_view message, std::string_view type,
                                          std::string_view param, std::string_view code);

struct HttpError {
  int status = 500;
  std::string_view type;  // "invalid_request_error", ...
  std::string_view code;  // "model_not_found", ...; empty: null on the wire
};

// Where a failure inside the gateway ends up. Statuses that the official clients repeat by
// themselves (408, 409, 429,
// >= 500) are given only where repeating can help. kNoCandidate is 422 "no_candidate": the request
// was understood, each of its candidates is forbidden by a guard, and repeating it will not change
// that. kCancelled is 499: never sent, kept for records.
[[nodiscard]] HttpError http_error(ErrorCode code);

// The type for a status that the gateway chooses itself (405, 408, 429, ...).
[[nodiscard]] std::string_view error_type(int status);

// A refused body as (status, envelope).
struct ErrorReply {
  int status = 400;
  std::string body;
};
[[nodiscard]] ErrorReply error_reply(const RequestError& error);
[[nodiscard]] ErrorReply error_reply(const Error& error);

}  // namespace swy::chat
