// HTTP/1.1 as bytes: incremental parsers that hand out the head and then body pieces as they
// arrive, and serialisers that append to a string. No sockets, no waiting.
//
// Parsing is total and strict: what could be read in two ways (two Content-Length, Content-Length
// with Transfer-Encoding, folded lines, odd transfer codings, bad chunk sizes, no or two Host) is
// an error, because a gateway that guesses differently from its upstream can be smuggled through.
// The result does not depend on how the input is split. Threading: one thread per object.
// Ownership: heads own their bytes; body pieces are views into the caller's input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "switchyard/result.h"
#include "wire/headers.h"

namespace swy::wire {

struct Limits {
  std::size_t head_bytes = 64 * 1024;  // start line and fields; also trailers and one chunk line
  std::size_t fields = 128;
  std::uint64_t body_bytes = UINT64_MAX;
};

struct RequestHead {
  std::string method;
  std::string target;  // as sent
  int minor = 1;       // HTTP/1.minor: 0 or 1
  Headers headers;
  std::optional<std::uint64_t> content_length;  // nullopt: chunked, or no body at all
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  int minor = 1;
  Headers headers;
  std::optional<std::uint64_t> content_length;  // nullopt: chunked, until close, or no body
  bool chunked = false;
  bool keep_alive = true;
};

enum class Event : std::uint8_t {
  kNeedMore,  // give the unconsumed bytes again, with more behind them
  kHead,      // head() is complete
  kBody,      // step.body is the next piece of the decoded body
  kEnd,       // the message is complete; nothing more is consumed until reset()
};

struct Step {
  Event event = Event::kNeedMore;
  std::size_t consumed = 0;  // drop so many bytes from the front of the input
  std::string_view body;     // inside the consumed part of the input
};

// Errors: kParse (malformed), kTooLarge (a limit), kUnsupported (a transfer coding or version we do
// not speak). After an error the connection is of no more use.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits = {});
  ~RequestParser();
  Result<Step> next(std::string_view input);
  RequestHead& head();
  void reset();  // for the next message

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseParser {
 public:
  explicit ResponseParser(const Limits& limits = {});
  ~ResponseParser();
  // request_was_head: the answer to HEAD has no body whatever its fields say.
  void reset(bool request_was_head = false);
  Result<Step> next(std::string_view input);
  // The connection ended. ok: that is how this body ends (kEnd). kClosed: it was cut short.
  Status finish_at_close();
  ResponseHead& head();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string_view reason_phrase(int status);  // "" when not known

// Append the parts of a head; it ends with kHeadEnd. The caller has put Content-Length,
// Transfer-Encoding, Connection and Host where they belong, and nothing passed here holds CR or LF
// (Headers never does).
void append_request_line(std::string& out, std::string_view method, std::string_view target);
void append_status_line(std::string& out, int status);
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);
void append_fields(std::string& out, const Headers& headers);
inline constexpr std::string_view kHeadEnd = "\r\n";

// The line before a chunk of this size (not 0). After the chunk comes kChunkEnd; after the last
// one, kLastChunk.
class ChunkLine {
 public:
  explicit ChunkLine(std::size_t size);
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 18> text_;  // 16 hexadecimal digits, CR, LF
  std::size_t size_ = 0;
};
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace swy::wire
