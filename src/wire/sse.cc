// Looks for the empty line that ends an event, then reads the lines of that event in one go. LF, CR
// and CRLF end lines and may be mixed; a CRLF may be cut between its two bytes. Linear in the
// input. Tests: sse_test.cc; fuzz: sse.
#include "wire/sse.h"

#include <algorithm>
#include <utility>

namespace swy::wire {
namespace {

// The first CR or LF at or after `from`; size() when there is none. Lines are long and CR is rare:
// two memchr.
std::size_t line_end(std::string_view s, std::size_t from) {
  const std::size_t lf = std::min(s.find('\n', from), s.size());
  return std::min(s.substr(0, lf).find('\r', from), lf);
}

}  // namespace

void SseParser::feed(std::string_view bytes) { in_ = bytes; }

// end: the first byte behind the empty line. false: the whole input belongs to an event that goes
// on.
bool SseParser::find_end(std::size_t& end) {
  std::size_t at = 0;
  if (after_cr_ && !in_.empty()) {
    after_cr_ = false;
    if (in_[0] == '\n') in_.remove_prefix(1);
  }
  while (at < in_.size()) {
    const std::size_t eol = line_end(in_, at);
    if (eol > at) line_empty_ = false;
    if (eol == in_.size()) break;
    at = eol + 1;
    if (in_[eol] == '\r') {
      if (at == in_.size()) {
        after_cr_ = true;
      } else if (in_[at] == '\n') {
        ++at;
      }
    }
    if (std::exchange(line_empty_, true)) {
      end = at;
      return true;
    }
  }
  return false;
}

Result<bool> SseParser::next(SseEvent& event) {
  while (!failed_) {
    std::size_t end = 0;
    const bool whole = find_end(end);
    const std::size_t n = whole ? end : in_.size();
    if (carry_.size() + n > max_) break;
    if (!whole) {
      carry_.append(in_);
      in_ = {};
      return false;
    }
    std::string_view raw = in_.substr(0, n);
    in_.remove_prefix(n);
    if (!carry_.empty()) {
      carry_.append(raw);
      current_.swap(carry_);
      carry_.clear();
      raw = current_;
    }
    if (parse(raw, event)) return true;
  }
  failed_ = true;
  return fail(ErrorCode::kTooLarge,
              "a server-sent event passes " + std::to_string(max_) + " bytes");
}

// false: only empty lines.
bool SseParser::parse(std::string_view raw, SseEvent& event) {
  event = {};
  joined_.clear();
  if (std::exchange(first_, false) && raw.starts_with("\xEF\xBB\xBF")) raw.remove_prefix(3);
  bool any = false;
  for (std::size_t at = 0; at < raw.size();) {
    const std::size_t eol = line_end(raw, at);
    if (eol > at) {
      parse_line(raw.substr(at, eol - at), event);
      any = true;
    }
    at = eol + 1;
  }
  return any;
}

void SseParser::parse_line(std::string_view line, SseEvent& event) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (event.has_data) {
      if (joined_.empty()) joined_ = event.data;
      joined_.append("\n").append(value);
      event.data = joined_;
    } else {
      event.data = value;
    }
    event.has_data = true;
  } else if (name == "event") {
    event.event = value;
  } else if (name == "id") {
    event.id = value;
  } else if (name.empty()) {
    event.comment = value;
  }
}

}  // namespace swy::wire
