#include "chat/answer.h"

#include "chat/dialect/openai_parts.h"

namespace swy::chat {

using base::Json;
using base::JsonIter;

namespace {

Status read_choice(Answer& a, const Json& choice) {
  const auto message = choice.find("message");
  if (!message || !message->is_object()) {
    return fail(ErrorCode::kProtocol, "the upstream's answer has a choice without a message");
  }
  if (a.choices++ == 0) a.finish_reason = choice.string_or("finish_reason", "");
  if (const auto content = message->find("content")) a.content_bytes += text_bytes(*content);
  if (const auto calls = message->find("tool_calls")) a.tool_calls += calls->size();
  if (const auto call = message->find("function_call"); call && call->is_object()) ++a.tool_calls;
  a.refusal = a.refusal || !message->string_or("refusal", "").empty();
  return {};
}

}  // namespace

Result<Answer> AnswerDoc::read(std::string_view body) {
  const auto root = doc_.parse(body);
  if (!root) return fail(ErrorCode::kProtocol, "the upstream's answer is " + root.error().message);
  Answer a;
  a.error = error_in(*root);
  if (a.error) return a;
  const auto choices = root->find("choices");
  if (!choices || !choices->is_array()) {
    return fail(ErrorCode::kProtocol,
                "the upstream's answer is not a chat completion (no list of choices)");
  }
  for (JsonIter it(*choices); !it.done(); it.next()) SWY_DO(read_choice(a, it.value()));
  if (a.choices == 0) return fail(ErrorCode::kProtocol, "the upstream's answer has no choices");
  a.id = root->string_or("id", "");
  a.model = root->string_or("model", "");
  if (const auto usage = root->find("usage")) a.usage = usage_in(*usage);
  return a;
}

}  // namespace swy::chat
