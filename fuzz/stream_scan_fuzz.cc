// Any lines as the events of a chat stream (a line that starts with '!' is an "error" event), and
// the whole input as one answer: both readers are total, and a stream that was called broken or
// failed never ends well.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "chat/answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace swy::chat;  // NOLINT(google-build-using-namespace): one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  AnswerDoc answer;
  if (const auto a = answer.read(text); a && !a->error)
    SWY_ASSERT(a->choices > 0 && a->content_bytes <= size);
  swy::base::JsonDoc parser;
  StreamScan scan;
  bool broken = false;
  bool failed = false;
  bool ended = false;
  for (std::size_t at = 0; at <= size;) {
    const std::size_t end = std::min(text.find('\n', at), size);
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const bool error = line.starts_with('!');
    if (error) line.remove_prefix(1);
    const StreamStep step = scan.feed(parser, error ? "error" : "", line);
    SWY_ASSERT(!broken || step == StreamStep::kBroken);
    SWY_ASSERT(!(ended || failed) || step == StreamStep::kBroken || line.empty());
    broken = broken || step == StreamStep::kBroken;
    failed = failed || step == StreamStep::kError;
    ended = ended || step == StreamStep::kDone;
  }
  SWY_ASSERT(!(broken || failed) || !scan.finish());
  SWY_ASSERT(!ended || broken || scan.finish());
  SWY_ASSERT(scan.content_bytes() <= size && scan.deltas() <= size);
  SWY_ASSERT(scan.finish_reason().size() <= 64 && failed == scan.error().has_value());
  return 0;
}
