// Writers for the messages of the OpenAI chat dialect: what the scripted upstream answers and what
// demo and test clients send. Each function appends to a string that the caller owns, in canonical
// form (equal arguments, equal bytes). Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "chat/answer.h"

namespace swy::chat {

// What all messages of one answer share.
struct AnswerHead {
  std::string_view id;  // "chatcmpl-..."
  std::string_view model;
  std::int64_t created = 0;  // seconds since 1970
};

// One chat.completion object with one choice.
void append_completion(std::string& out, const AnswerHead& head, std::string_view content,
                       std::string_view finish_reason, const Usage& usage);

// The frames of a stream, each a whole SSE event ("data: {...}\n\n"), in this order: role,
// content..., finish, usage (only if the request asked for it), done. with_usage: such a request;
// every frame then has "usage":null.
void append_role_chunk(std::string& out, const AnswerHead& head, bool with_usage);
void append_content_chunk(std::string& out, const AnswerHead& head, std::string_view content,
                          bool with_usage);
void append_finish_chunk(std::string& out, const AnswerHead& head, std::string_view finish_reason,
                         bool with_usage);
void append_usage_chunk(std::string& out, const AnswerHead& head, const Usage& usage);
void append_done(std::string& out);

struct ModelEntry {
  std::string_view id;
  std::int64_t created = 0;
  std::string_view owned_by;
};
// GET /v1/models.
void append_model_list(std::string& out, std::span<const ModelEntry> models);

// A request body with one user message; max_tokens <= 0: not given.
void append_request(std::string& out, std::string_view model, std::string_view prompt, bool stream,
                    std::int64_t max_tokens);

}  // namespace swy::chat
