// Parses a message from pieces and tells what came out, so that fuzz targets can compare splits of
// the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "wire/http.h"

namespace swy::fuzz {

// The input in pieces of `step` bytes. Ends at an error (told by its code), at the end of the
// message, or of the input.
template <typename Parser>
std::string http_story(Parser& parser, std::string_view bytes, std::size_t step) {
  std::string told;
  std::string body;
  std::string buffer;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    buffer.append(bytes.substr(at, step));
    for (;;) {
      const auto next = parser.next(buffer);
      if (!next) return told + "error " + std::string(to_string(next.error().code));
      body.append(next->body);
      buffer.erase(0, next->consumed);
      if (next->event == wire::Event::kHead) {
        const auto& head = parser.head();
        for (std::size_t i = 0; i < head.headers.size(); ++i) {
          told.append(head.headers[i].name).append("=").append(head.headers[i].value).append("\n");
        }
      }
      if (next->event == wire::Event::kEnd) return told + body + "$";
      if (next->event == wire::Event::kNeedMore) break;
    }
  }
  return told + body;
}

}  // namespace swy::fuzz
