// Body framing (RFC 9112 sections 6 and 7): by length, chunked, or until the connection closes.
// Beast's own chunk reader is not used: fed byte by byte it runs into an assertion on a body that
// starts with its last chunk ("0", CRLF, CR), which a client could trigger, and what it reports
// depends on how the bytes arrive. Here nothing is judged before a whole line is there, so the
// result is the same for every split. Linear in the input; no copy. Tests: http_test.cc; fuzz:
// http_*.
#include "wire/private/body.h"

#include <algorithm>
#include <charconv>

namespace swy::wire {
namespace {

tl::unexpected<Error> bad_chunk() { return fail(ErrorCode::kParse, "malformed chunked body"); }

// RFC 9110 5.5 allows tab, visible characters and obs-text; everything else can hide a line end
// from another reader.
bool clean(std::string_view line) {
  for (const char c : line) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\t') || u == 0x7f) return false;
  }
  return true;
}

}  // namespace

Status BodyReader::start_length(std::uint64_t size) {
  total_ = 0;
  SWY_DO(add(size));
  left_ = size;
  state_ = size == 0 ? State::kDone : State::kLength;
  return {};
}

void BodyReader::start_chunked() {
  total_ = 0;
  trailer_bytes_ = 0;
  state_ = State::kChunkLine;
}

void BodyReader::start_until_close() {
  total_ = 0;
  state_ = State::kUntilClose;
}

Status BodyReader::add(std::uint64_t size) {
  if (size > body_limit_ - total_) return fail(ErrorCode::kTooLarge, "the body passes its limit");
  total_ += size;
  return {};
}

Step BodyReader::take(std::string_view input, std::size_t at) {
  Step step{.event = Event::kBody, .consumed = at, .body = input.substr(at)};
  if (state_ != State::kUntilClose) {
    step.body = step.body.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, step.body.size())));
    left_ -= step.body.size();
    if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kAfterChunk;
  }
  step.consumed += step.body.size();
  return step;
}

Result<Step> BodyReader::next(std::string_view input) {
  std::size_t at = 0;
  for (;;) {
    if (state_ == State::kDone) return Step{Event::kEnd, at, {}};
    if (at == input.size()) return Step{Event::kNeedMore, at, {}};
    switch (state_) {
      case State::kUntilClose:
        SWY_DO(add(input.size() - at));
        return take(input, at);
      case State::kLength:
      case State::kChunkData:
        return take(input, at);
      case State::kAfterChunk:
        if (input.size() - at < 2) return Step{Event::kNeedMore, at, {}};
        if (input.substr(at, 2) != "\r\n") return bad_chunk();
        at += 2;
        state_ = State::kChunkLine;
        break;
      case State::kChunkLine:
      case State::kTrailers: {
        SWY_TRY(const auto text, line(input, at));
        if (!text) return Step{Event::kNeedMore, at, {}};
        SWY_DO(read_line(*text));
        break;
      }
      case State::kDone:
        break;
    }
  }
}

Result<std::optional<std::string_view>> BodyReader::line(std::string_view input, std::size_t& at) {
  const std::string_view rest = input.substr(at);
  const std::size_t end = rest.substr(0, line_limit_).find('\n');
  if (end == std::string_view::npos) {
    if (rest.size() >= line_limit_)
      return fail(ErrorCode::kTooLarge, "a chunk line passes its limit");
    return std::nullopt;
  }
  if (end == 0 || rest[end - 1] != '\r' || !clean(rest.substr(0, end - 1))) return bad_chunk();
  at += end + 1;
  return rest.substr(0, end - 1);
}

// A chunk's size with its extensions, which are dropped; or one trailer field, dropped too.
Status BodyReader::read_line(std::string_view line) {
  if (state_ == State::kTrailers) {
    trailer_bytes_ += line.size() + 2;
    if (trailer_bytes_ > line_limit_)
      return fail(ErrorCode::kTooLarge, "the trailers pass their limit");
    if (line.empty()) state_ = State::kDone;
    return {};
  }
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const bool whole = end == line.data() + line.size() || *end == ';';
  if (error != std::errc() || !whole) return bad_chunk();
  SWY_DO(add(size));
  left_ = size;
  state_ = size == 0 ? State::kTrailers : State::kChunkData;
  return {};
}

}  // namespace swy::wire
