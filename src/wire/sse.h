// SseParser: server-sent events (WHATWG HTML 9.2) from bytes that arrive in any pieces.
//
// feed() a piece, then call next() until it gives false. Threading: one thread. Ownership: the
// event's views live until the next call of next() or feed(), and the fed bytes must live until
// next() gave false. An event that lies whole in one fed piece and has one data line is not copied.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::wire {

struct SseEvent {
  std::string_view event;  // "" when not named
  std::string_view data;   // data lines joined by LF
  std::string_view id;
  std::string_view comment;  // the last comment line
  bool has_data =
      false;  // an event without data is not dispatched by browsers (keep-alive comments, bare ids)
};

class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes = 1024 * 1024) : max_(max_event_bytes) {}
  void feed(std::string_view bytes);  // REQUIRES: next() gave false for the piece before
  // true: event is set. false: more input is needed. kTooLarge: an event passes the limit; the
  // parser stays failed.
  Result<bool> next(SseEvent& event);
  // How many of the fed bytes next() has not looked at: where the event that it gave ends.
  [[nodiscard]] std::size_t unread() const { return in_.size(); }
  // Bytes of an unfinished event are waiting (the stream ended in the middle of one).
  [[nodiscard]] bool incomplete() const { return !carry_.empty(); }

 private:
  bool find_end(std::size_t& end);
  bool parse(std::string_view raw, SseEvent& event);
  void parse_line(std::string_view line, SseEvent& event);

  std::size_t max_;
  std::string_view in_;     // not yet looked at
  std::string carry_;       // the beginning of an event whose end has not come
  std::string current_;     // an event that came in several pieces
  std::string joined_;      // several data lines of the current event
  bool line_empty_ = true;  // nothing of the present line has been seen
  bool after_cr_ = false;   // a LF here belongs to the CR before it
  bool first_ = true;       // a byte order mark may come
  bool failed_ = false;
};

}  // namespace swy::wire
