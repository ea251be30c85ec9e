#include "chat/dialect/openai_parts.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace swy::chat {

using base::Json;
using base::JsonIter;

namespace {

std::string text_of(const Json& object, std::string_view key) {
  const auto v = object.find(key);
  if (!v || v->is_null()) return "";
  if (const auto s = v->as_string()) return std::string(s->substr(0, kMaxErrorText));
  return v->to_string().substr(0, kMaxErrorText);
}

}  // namespace

std::optional<Usage> usage_in(const Json& usage) {
  Usage u;
  u.prompt = usage.integer_or("prompt_tokens", -1);
  u.completion = usage.integer_or("completion_tokens", -1);
  if (u.prompt < 0 || u.completion < 0) return std::nullopt;
  // A part larger than the whole would give negative costs; the whole is what counts.
  if (const auto d = usage.find("prompt_tokens_details")) {
    u.cached = std::clamp<std::int64_t>(d->integer_or("cached_tokens", 0), 0, u.prompt);
  }
  if (const auto d = usage.find("completion_tokens_details")) {
    u.reasoning = std::clamp<std::int64_t>(d->integer_or("reasoning_tokens", 0), 0, u.completion);
  }
  return u;
}

std::optional<WireError> error_of(const Json& error) {
  if (error.is_null()) return std::nullopt;
  WireError e;
  if (error.is_object()) {
    e = {text_of(error, "message"), text_of(error, "type"), text_of(error, "param"),
         text_of(error, "code")};
  } else {
    e.message = std::string(error.as_string().value_or("").substr(0, kMaxErrorText));
  }
  return e;
}

std::optional<WireError> error_in(const Json& root) {
  if (const auto error = root.find("error")) return error_of(*error);
  if (root.string_or("object", "") == "error") return error_of(root);
  return std::nullopt;
}

std::size_t text_bytes(const Json& content) {
  if (const auto s = content.as_string()) return s->size();
  std::size_t n = 0;
  content.each([&](const Json& part) { n += part.string_or("text", "").size(); });
  return n;
}

}  // namespace swy::chat
