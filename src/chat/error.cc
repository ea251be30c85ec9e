#include "chat/error.h"

#include "base/json.h"

namespace swy::chat {

namespace {
void text_or_null(base::JsonWriter& w, std::string_view key, std::string_view value) {
  w.key(key);
  if (value.empty()) {
    w.null();
  } else {
    w.string(value);
  }
}

void append_envelope(std::string& out, std::string_view message, std::string_view type,
                     std::string_view param, std::string_view code) {
  base::JsonWriter w(out);
  w.begin_object().key("error").begin_object().field("message", message).field("type", type);
  text_or_null(w, "param", param);
  text_or_null(w, "code", code);
  w.end_object().end_object();
}
}  // namespace

std::string openai_error(std::string_view message, std::string_view type, std::string_view param,
                         std::string_view code) {
  std::string out;
  append_envelope(out, message, type, param, code);
  return out;
}

std::string sse_error_event(std::string_view message, std::string_view type, std::string_view param,
                            std::string_view code) {
  std::string out = "data: ";
  append_envelope(out, message, type, param, code);
  out += "\n\n";
  return out;
}

HttpError http_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kParse:
      return {400, "invalid_request_error", ""};
    case ErrorCode::kUnsupported:
      return {400, "invalid_request_error", "unsupported"};
    case ErrorCode::kUnauthorized:
      return {401, "authentication_error", "invalid_api_key"};
    case ErrorCode::kForbidden:
      return {403, "permission_error", "forbidden"};
    case ErrorCode::kNotFound:
      return {404, "invalid_request_error", "model_not_found"};
    case ErrorCode::kTooLarge:
      return {413, "invalid_request_error", "request_too_large"};
    case ErrorCode::kNoCandidate:
      return {422, "invalid_request_error", "no_candidate"};
    case ErrorCode::kCancelled:
      return {499, "cancelled", "client_closed_request"};
    case ErrorCode::kInternal:
    case ErrorCode::kIo:
      return {500, "server_error", "internal_error"};
    case ErrorCode::kUnavailable:
      return {502, "upstream_error", "upstream_unavailable"};
    case ErrorCode::kClosed:
      return {502, "upstream_error", "upstream_closed"};
    case ErrorCode::kProtocol:
      return {502, "upstream_error", "upstream_protocol"};
    case ErrorCode::kExhausted:
      return {503, "server_error", "overloaded"};
    case ErrorCode::kTimeout:
      return {504, "upstream_error", "timeout"};
  }
  return {500, "server_error", "internal_error"};
}

std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    case 502:
    case 504:
      return "upstream_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

ErrorReply error_reply(const RequestError& error) {
  const HttpError http = http_error(error.code);
  return {http.status, openai_error(error.message, http.type, error.param,
                                    error.openai_code.empty() ? http.code : error.openai_code)};
}

ErrorReply error_reply(const Error& error) {
  const HttpError http = http_error(error.code);
  return {http.status, openai_error(error.message, http.type, "", http.code)};
}

}  // namespace swy::chat
