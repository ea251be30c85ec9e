// The request path allocates nothing once it is warm.
#include <gtest/gtest.h>

#include <string>

#include "base/testing/allocations.h"
#include "chat/answer.h"
#include "chat/openai.h"

namespace swy::chat {
namespace {

using base::testing::allocation_count;

TEST(RequestDoc, DecodesWithoutAllocatingOnceWarm) {
  const std::string large =
      R"({"model":"auto","messages":[{"role":"system","content":"s"},{"role":"user","content":
    [{"type":"text","text":"a rather long text that is more than any small buffer holds"}]}],"metadata":{"a":1.5,"b":"c"},
    "tools":[{"type":"function","function":{"name":"f"}}],"stream":true,"max_tokens":5})";
  const std::string small = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(large));
  const std::size_t before = allocation_count();
  bool ok = true;
  for (int i = 0; i < 10; ++i) ok = doc.decode(i % 2 == 0 ? large : small) && ok;
  EXPECT_EQ(allocation_count() - before, 0U);
  EXPECT_TRUE(ok);
}

TEST(StreamScan, ScansChunksWithoutAllocatingOnceWarm) {
  const std::string chunk =
      R"({"id":"c","choices":[{"index":0,"delta":{"content":"abc"},"finish_reason":null}]})";
  base::JsonDoc parser;
  StreamScan scan;
  scan.feed(parser, "", chunk);
  const std::size_t before = allocation_count();
  for (int i = 0; i < 10; ++i) scan.feed(parser, "", chunk);
  EXPECT_EQ(allocation_count() - before, 0U);
  EXPECT_EQ(scan.chunks(), 11U);
}

}  // namespace
}  // namespace swy::chat
