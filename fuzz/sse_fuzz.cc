// Any bytes: no crash, and the same events however the bytes are split.
#include <string>

#include "base/check.h"
#include "wire/sse.h"

namespace {

std::string story(std::string_view bytes, std::size_t step) {
  swy::wire::SseParser parser(1 << 20);
  std::string told;
  swy::wire::SseEvent e;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    parser.feed(bytes.substr(at, step));
    for (;;) {
      const auto more = parser.next(e);
      if (!more) return told + "error";
      if (!*more) break;
      told.append(e.event).append("|").append(e.data).append("|").append(e.id).append("|").append(
          e.comment);
      told.append(e.has_data ? "+\n" : "-\n");
    }
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string first = story(bytes, 1);
  SWY_ASSERT(story(bytes, 3) == first);
  SWY_ASSERT(story(bytes, size + 1) == first);
  return 0;
}
