// Any bytes as a chat request: decoding is total, what it accepts is consistent, and splicing a
// model into it gives a body that decodes to the same request with that model.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "chat/openai.h"

namespace {

void check_request(const swy::chat::Request& r) {
  SWY_ASSERT(!r.model.empty() && !r.messages.empty());
  SWY_ASSERT(r.n >= 1 && r.n <= swy::chat::kMaxChoices && r.max_tokens.value_or(1) >= 1);
  std::size_t next = 0;
  for (const swy::chat::Message& m : r.messages) {
    SWY_ASSERT(m.first_part == next);
    next += m.parts;
  }
  SWY_ASSERT(next == r.parts.size() && next <= swy::chat::kMaxParts);
  SWY_ASSERT(r.metadata.size() <= swy::chat::kMaxMetadata &&
             r.tools.size() <= swy::chat::kMaxTools);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace swy::chat;  // NOLINT(google-build-using-namespace): one function
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RequestDoc doc;
  if (const auto d = doc.decode(body); !d) {
    SWY_ASSERT(!d.error().message.empty() && doc.request().model.empty());
    return 0;
  }
  check_request(doc.request());
  const auto spliced = splice_model(body, "a \"model\"\n");
  SWY_ASSERT(spliced);
  RequestDoc again;
  SWY_ASSERT(again.decode(*spliced));
  check_request(again.request());
  SWY_ASSERT(again.request().model == "a \"model\"\n");
  SWY_ASSERT(again.request().parts.size() == doc.request().parts.size());
  for (std::size_t i = 0; i < doc.request().parts.size(); ++i) {
    SWY_ASSERT(again.request().parts[i].text == doc.request().parts[i].text);
  }
  SWY_ASSERT(again.request().tools == doc.request().tools &&
             again.request().metadata == doc.request().metadata);
  return 0;
}
