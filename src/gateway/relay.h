// StreamRelay: the part of relaying a stream that knows no sockets: cuts what the upstream sent
// into whole SSE events, looks at each, and says what may go on to the client. An event that is not
// complete is held back, so that the stream can be ended with an error event at any time without
// breaking its grammar. Also the rules for which headers pass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/answer.h"
#include "switchyard/route.h"
#include "wire/headers.h"
#include "wire/sse.h"

namespace swy::gateway {

class StreamRelay {
 public:
  explicit StreamRelay(base::JsonDoc& parser) : parser_(parser) {}
  // The bytes that may be forwarded now: whole events, unchanged. The view lives until the next
  // take() or until `piece` dies.
  std::string_view take(std::string_view piece);
  // [DONE], an upstream error event or a broken event was seen: forward what take() gave and end.
  [[nodiscard]] bool over() const { return over_; }
  // Ended well so far: [DONE] or every choice finished, nothing broken, no error event.
  [[nodiscard]] bool ok() const { return !too_long_ && scan_.finish().has_value(); }
  [[nodiscard]] Error why() const;
  [[nodiscard]] const chat::StreamScan& scan() const { return scan_; }

 private:
  std::size_t look(std::string_view events);

  base::JsonDoc& parser_;
  wire::SseParser sse_;
  chat::StreamScan scan_;
  std::string carry_;   // the beginning of an event whose end has not come
  std::string joined_;  // carry and the piece that completed it
  bool over_ = false;
  bool too_long_ = false;
};

// End of the last whole event in bytes (after its blank line), 0 when there is none.
std::size_t last_event_end(std::string_view bytes);

// Header values that came from text of any kind, as printable ASCII, at most 512 bytes.
std::string header_safe(std::string_view text);

// End-to-end request headers an upstream should see: all but the hop's own, credentials and
// Accept-Encoding.
void forward_request_headers(const wire::Headers& in, bool credential, wire::Headers& out);
void forward_response_headers(const wire::Headers& in, wire::Headers& out);
// Request headers that rules may read: none that carry credentials or describe the hop; names
// lower-cased into `text`.
void collect_rule_headers(const wire::Headers& in, std::string& text,
                          std::vector<route::Header>& out);

}  // namespace swy::gateway
