// BodyReader: takes the body of one HTTP/1.1 message out of the bytes that follow its head, piece
// by piece.
//
// Threading: one thread. Ownership: pieces are views into the caller's input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "switchyard/result.h"
#include "wire/http.h"

namespace swy::wire {

class BodyReader {
 public:
  // line_limit: of one chunk line, and of all trailers together. body_limit: of the decoded body.
  BodyReader(std::size_t line_limit, std::uint64_t body_limit)
      : line_limit_(line_limit), body_limit_(body_limit) {}

  void start_none() { state_ = State::kDone; }
  Status start_length(std::uint64_t size);
  void start_chunked();
  void start_until_close();
  [[nodiscard]] bool until_close() const { return state_ == State::kUntilClose; }
  [[nodiscard]] bool done() const { return state_ == State::kDone; }

  // kBody, kEnd or kNeedMore; see Step. REQUIRES: started.
  Result<Step> next(std::string_view input);

 private:
  enum class State : std::uint8_t {
    kLength,
    kUntilClose,
    kChunkLine,
    kChunkData,
    kAfterChunk,
    kTrailers,
    kDone
  };
  Step take(std::string_view input, std::size_t at);
  Status add(std::uint64_t size);  // to the body's size; kTooLarge
  // One line without its CRLF at input[at]; moves `at` behind it. nullopt: its end has not come.
  Result<std::optional<std::string_view>> line(std::string_view input, std::size_t& at);
  Status read_line(std::string_view line);

  std::size_t line_limit_;
  std::uint64_t body_limit_;
  State state_ = State::kDone;
  std::uint64_t left_ = 0;   // of the body or of the chunk
  std::uint64_t total_ = 0;  // announced so far
  std::size_t trailer_bytes_ = 0;
};

}  // namespace swy::wire
