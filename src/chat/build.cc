#include "chat/build.h"

namespace swy::chat {

using base::JsonWriter;

namespace {

void write_head(JsonWriter& w, const AnswerHead& head, std::string_view object) {
  w.field("id", head.id)
      .field("object", object)
      .field("created", head.created)
      .field("model", head.model);
}

void write_usage(JsonWriter& w, const Usage& u) {
  w.key("usage").begin_object();
  w.field("prompt_tokens", u.prompt).field("completion_tokens", u.completion);
  w.field("total_tokens", u.prompt + u.completion);
  w.key("prompt_tokens_details").begin_object().field("cached_tokens", u.cached).end_object();
  w.key("completion_tokens_details")
      .begin_object()
      .field("reasoning_tokens", u.reasoning)
      .end_object();
  w.end_object();
}

// One chunk with one choice; write_delta fills the delta object, finish_reason "" is null.
template <typename WriteDelta>
void append_chunk(std::string& out, const AnswerHead& head, std::string_view finish_reason,
                  bool with_usage, WriteDelta&& write_delta) {
  out += "data: ";
  JsonWriter w(out);
  w.begin_object();
  write_head(w, head, "chat.completion.chunk");
  w.key("choices").begin_array().begin_object().field("index", 0).key("delta").begin_object();
  write_delta(w);
  w.end_object().key("finish_reason");
  if (finish_reason.empty()) {
    w.null();
  } else {
    w.string(finish_reason);
  }
  w.end_object().end_array();
  if (with_usage) w.key("usage").null();
  w.end_object();
  out += "\n\n";
}

}  // namespace

void append_completion(std::string& out, const AnswerHead& head, std::string_view content,
                       std::string_view finish_reason, const Usage& usage) {
  JsonWriter w(out);
  w.begin_object();
  write_head(w, head, "chat.completion");
  w.key("choices").begin_array().begin_object().field("index", 0).key("message").begin_object();
  w.field("role", "assistant").field("content", content).key("refusal").null().end_object();
  w.key("logprobs").null().field("finish_reason", finish_reason).end_object().end_array();
  write_usage(w, usage);
  w.end_object();
}

void append_role_chunk(std::string& out, const AnswerHead& head, bool with_usage) {
  append_chunk(out, head, "", with_usage,
               [](JsonWriter& w) { w.field("role", "assistant").field("content", ""); });
}

void append_content_chunk(std::string& out, const AnswerHead& head, std::string_view content,
                          bool with_usage) {
  append_chunk(out, head, "", with_usage, [&](JsonWriter& w) { w.field("content", content); });
}

void append_finish_chunk(std::string& out, const AnswerHead& head, std::string_view finish_reason,
                         bool with_usage) {
  append_chunk(out, head, finish_reason, with_usage, [](JsonWriter&) {});
}

void append_usage_chunk(std::string& out, const AnswerHead& head, const Usage& usage) {
  out += "data: ";
  JsonWriter w(out);
  w.begin_object();
  write_head(w, head, "chat.completion.chunk");
  w.key("choices").begin_array().end_array();
  write_usage(w, usage);
  w.end_object();
  out += "\n\n";
}

void append_done(std::string& out) { out += "data: [DONE]\n\n"; }

void append_model_list(std::string& out, std::span<const ModelEntry> models) {
  JsonWriter w(out);
  w.begin_object().field("object", "list").key("data").begin_array();
  for (const ModelEntry& m : models) {
    w.begin_object().field("id", m.id).field("object", "model").field("created", m.created);
    w.field("owned_by", m.owned_by).end_object();
  }
  w.end_array().end_object();
}

void append_request(std::string& out, std::string_view model, std::string_view prompt, bool stream,
                    std::int64_t max_tokens) {
  JsonWriter w(out);
  w.begin_object().field("model", model);
  w.key("messages").begin_array().begin_object().field("role", "user").field("content", prompt);
  w.end_object().end_array();
  if (stream) w.field("stream", true);
  if (max_tokens > 0) w.field("max_completion_tokens", max_tokens);
  w.end_object();
}

}  // namespace swy::chat
