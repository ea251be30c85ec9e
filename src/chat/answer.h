// What an upstream answered: one whole completion (AnswerDoc), or a stream event by event
// (StreamScan). Both only look; the bytes go on to the client unchanged.
//
// Threading: one thread at a time each. Ownership: Answer borrows from its AnswerDoc until the next
// read(). A StreamScan owns what it keeps and is small (no parser inside): thousands of streams on
// a worker share that worker's JsonDoc, which is only used during feed().
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "switchyard/result.h"

namespace swy::chat {

struct Usage {
  std::int64_t prompt = 0;
  std::int64_t completion = 0;
  std::int64_t cached = 0;     // part of prompt; 0 when the upstream does not say (billed in full)
  std::int64_t reasoning = 0;  // part of completion; 0 when the upstream does not say
  bool estimated = false;      // counted here, not stated by the upstream
  bool operator==(const Usage&) const = default;
};

// A provider's error envelope. Strings are empty where the envelope has null or nothing.
struct WireError {
  std::string message, type, param, code;
};

struct Answer {
  std::string_view id, model;
  std::string_view finish_reason;  // of the first choice; empty: none given
  std::size_t choices = 0;
  std::size_t content_bytes = 0;  // text of all choices, as UTF-8 (reasoning text not included)
  std::size_t tool_calls = 0;     // over all choices
  bool refusal = false;           // some choice has a refusal text
  std::optional<Usage> usage;
  std::optional<WireError> error;  // set: the body is an error envelope and nothing above counts
};

class AnswerDoc {
 public:
  // kProtocol: neither a chat completion nor an error envelope (an upstream that lies about what it
  // speaks).
  [[nodiscard]] Result<Answer> read(std::string_view body);

 private:
  base::JsonDoc doc_;
};

// What one event of a stream was, and so what to do with it.
enum class StreamStep : std::uint8_t {
  kChunk,   // pass it on
  kUsage,   // pass it on if the client asked for usage: no choice in it, only the token counts
  kDone,    // [DONE]
  kError,   // the upstream reports a failure: pass it on, the stream has failed (error())
  kBroken,  // not what a chat stream may contain: do not pass it on (finish() says why)
};

class StreamScan {
 public:
  // event: the SSE event name, "" for unnamed ones; data: its payload. parser: any JsonDoc of this
  // thread.
  StreamStep feed(base::JsonDoc& parser, std::string_view event, std::string_view data);

  // At the end of the connection. OK: [DONE] was seen, or every choice has its finish_reason.
  // kClosed: cut. kProtocol: broken. kUnavailable: the upstream reported an error (error() has it).
  [[nodiscard]] Status finish() const;

  [[nodiscard]] bool first_content() const { return deltas_ > 0; }  // some delta carried output
  [[nodiscard]] std::uint64_t chunks() const { return chunks_; }    // events that were chunks
  [[nodiscard]] std::uint64_t deltas() const {
    return deltas_;
  }  // deltas that carried output of any kind
  [[nodiscard]] std::uint64_t content_bytes() const { return content_bytes_; }
  [[nodiscard]] std::uint64_t tool_calls() const { return tool_calls_; }
  [[nodiscard]] bool refusal() const { return refusal_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::string& finish_reason() const {
    return finish_reason_;
  }  // the latest one
  [[nodiscard]] const std::optional<Usage>& usage() const {
    return usage_;
  }  // stated by the upstream
  [[nodiscard]] const std::optional<WireError>& error() const { return error_; }
  // The stated usage, or prompt_tokens and one token per delta, flagged as estimated.
  [[nodiscard]] Usage usage_or_estimate(std::int64_t prompt_tokens) const;

 private:
  StreamStep broken(std::string why);
  StreamStep read_error(const base::Json& root);
  StreamStep read_chunk(const base::Json& root);
  bool read_choice(const base::Json& choice);  // false: a wrong type
  bool read_delta(const base::Json& delta);    // true: it carries output

  std::uint64_t chunks_ = 0;
  std::uint64_t deltas_ = 0;
  std::uint64_t content_bytes_ = 0;
  std::uint64_t tool_calls_ = 0;
  std::bitset<128> started_;  // by choice index; 128 is the most choices a request may ask for
  std::bitset<128> finished_;
  bool refusal_ = false;
  bool done_ = false;
  std::string finish_reason_;
  std::string broken_;
  std::optional<Usage> usage_;
  std::optional<WireError> error_;
};

}  // namespace swy::chat
