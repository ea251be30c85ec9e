// StreamScan: a chat stream, judged while it passes.
//
// Every payload is parsed whole (simdjson): cheaper shortcuts that look for substrings cannot tell
// "error" as a key from "error" as content, and would let malformed JSON pass. Cost per chunk of
// 250 bytes: see scan_chunk in chat_bench.cc. States: open -> (every started choice finished) ->
// [DONE]; error and broken are final. Test: stream_scan_test.cc.
#include <fmt/format.h>

#include "chat/answer.h"
#include "chat/dialect/openai_parts.h"

namespace swy::chat {

using base::Json;
using base::JsonIter;

namespace {
constexpr std::size_t kMaxReason = 64;  // a finish_reason longer than this is cut

// What an object of a stream says at its top level.
struct Members {
  std::optional<Json> choices, usage, error;
  bool old_error = false;  // {"object":"error", ...}
};

Members members_of(const Json& root) {
  Members m;
  for (JsonIter it(root); !it.done(); it.next()) {
    const std::string_view key = it.key();
    if (key == "choices") {
      m.choices = it.value();
    } else if (key == "usage") {
      m.usage = it.value();
    } else if (key == "error") {
      m.error = it.value();
    } else if (key == "object") {
      m.old_error = it.value().as_string() == "error";
    }
  }
  return m;
}
}  // namespace

StreamStep StreamScan::broken(std::string why) {
  if (broken_.empty()) broken_ = std::move(why);
  return StreamStep::kBroken;
}

StreamStep StreamScan::read_error(const Json& root) {
  error_ = error_in(root);
  if (!error_) error_ = error_of(root);  // "event: error" with the error itself as payload
  if (!error_) error_.emplace();
  return StreamStep::kError;
}

bool StreamScan::read_choice(const Json& choice) {
  if (!choice.is_object()) return false;
  bool output = false;
  std::int64_t index = 0;
  bool finished = false;
  for (JsonIter it(choice); !it.done(); it.next()) {
    const Json value = it.value();
    if (it.key() == "index") {
      index = value.as_integer().value_or(-1);
    } else if (it.key() == "finish_reason") {
      const auto reason = value.as_string();
      finished = reason && !reason->empty();
      if (finished) finish_reason_ = reason->substr(0, kMaxReason);
    } else if (it.key() == "delta") {
      if (!value.is_object() && !value.is_null()) return false;
      output = read_delta(value);
    }
  }
  if (index < 0 || index >= static_cast<std::int64_t>(started_.size())) return false;
  started_.set(static_cast<std::size_t>(index));
  if (finished) finished_.set(static_cast<std::size_t>(index));
  deltas_ += output ? 1U : 0U;
  return true;
}

bool StreamScan::read_delta(const Json& delta) {
  bool output = false;
  for (JsonIter it(delta); !it.done(); it.next()) {
    const std::string_view key = it.key();
    const Json value = it.value();
    if (key == "content") {
      const std::size_t n = text_bytes(value);
      content_bytes_ += n;
      output = output || n > 0;
    } else if (key == "tool_calls") {
      for (JsonIter call(value); !call.done(); call.next()) {
        tool_calls_ +=
            call.value().find("id") ? 1U : 0U;  // only the first fragment of a call has its id
        output = true;
      }
    } else if (key == "refusal") {
      const bool some = !value.as_string().value_or("").empty();
      refusal_ = refusal_ || some;
      output = output || some;
    } else if (key == "reasoning_content" || key == "reasoning" || key == "function_call" ||
               key == "audio") {
      output = output || value.is_object() || !value.as_string().value_or("").empty();
    }
  }
  return output;
}

StreamStep StreamScan::feed(base::JsonDoc& parser, std::string_view event, std::string_view data) {
  if (!broken_.empty()) return StreamStep::kBroken;
  if (data.empty() && event != "error") return StreamStep::kChunk;
  if (error_) return broken("the upstream's stream goes on after its error");
  if (done_) return broken("the upstream's stream goes on after [DONE]");
  if (data == "[DONE]") {
    if (chunks_ == 0) return broken("the upstream's stream ended before its first chunk");
    done_ = true;
    return StreamStep::kDone;
  }
  const auto root = parser.parse(data);
  if (event == "error") {
    if (root) return read_error(*root);
    error_.emplace().message = std::string(data.substr(0, kMaxErrorText));
    return StreamStep::kError;
  }
  if (!root) return broken("an event of the upstream's stream is " + root.error().message);
  if (!root->is_object()) return broken("an event of the upstream's stream is no JSON object");
  return read_chunk(*root);
}

StreamStep StreamScan::read_chunk(const Json& root) {
  const Members m = members_of(root);
  if ((m.error && !m.error->is_null()) || m.old_error) return read_error(root);
  const bool has_usage = m.usage && !m.usage->is_null();
  if (has_usage) {
    if (const auto usage = usage_in(*m.usage)) usage_ = usage;
  }
  if (!m.choices) return has_usage ? StreamStep::kUsage : StreamStep::kChunk;
  if (!m.choices->is_array()) return broken("a chunk's \"choices\" is not a list");
  ++chunks_;
  bool any = false;
  for (JsonIter it(*m.choices); !it.done(); it.next(), any = true) {
    if (!read_choice(it.value())) return broken("a choice of a chunk has a wrong type");
  }
  return !any && has_usage ? StreamStep::kUsage : StreamStep::kChunk;
}

Status StreamScan::finish() const {
  if (!broken_.empty()) return fail(ErrorCode::kProtocol, broken_);
  if (error_) return fail(ErrorCode::kUnavailable, "the upstream reported: " + error_->message);
  if (done_ || (started_.any() && started_ == finished_)) return {};
  return fail(ErrorCode::kClosed,
              fmt::format("the upstream's stream was cut after {} chunks", chunks_));
}

Usage StreamScan::usage_or_estimate(std::int64_t prompt_tokens) const {
  if (usage_) return *usage_;
  Usage u;
  u.prompt = prompt_tokens;
  u.completion = static_cast<std::int64_t>(deltas_);
  u.estimated = true;
  return u;
}

}  // namespace swy::chat
