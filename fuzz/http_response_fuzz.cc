// Any bytes: no crash, and the same response however the bytes are split. An error may come earlier
// or later in the body with another split, so bodies of failed messages are not compared.
#include "base/check.h"
#include "http_story.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const swy::wire::Limits limits{.head_bytes = 1024, .fields = 16, .body_bytes = 1024};
  std::string first;
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, size + 1}) {
    swy::wire::ResponseParser parser(limits);
    const std::string told = swy::fuzz::http_story(parser, bytes, step);
    if (step == 1) first = told;
    SWY_ASSERT(told == first);
  }
  return 0;
}
