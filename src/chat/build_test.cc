#include "chat/build.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "chat/openai.h"

namespace swy::chat {
namespace {

constexpr AnswerHead kHead{"chatcmpl-7", "small", 1'700'000'000};

// The payloads of "data: x\n\n" frames.
std::vector<std::string> payloads(std::string_view sse) {
  std::vector<std::string> out;
  while (!sse.empty()) {
    const std::size_t end = sse.find("\n\n");
    EXPECT_NE(end, std::string_view::npos);
    EXPECT_TRUE(sse.starts_with("data: "));
    out.emplace_back(sse.substr(6, end - 6));
    sse.remove_prefix(end + 2);
  }
  return out;
}

TEST(Build, ACompletionIsReadBackAsWritten) {
  std::string out;
  append_completion(out, kHead, "line\n\"q\"", "stop", {12, 5, 3, 1, false});
  AnswerDoc doc;
  const auto a = doc.read(out);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->id, "chatcmpl-7");
  EXPECT_EQ(a->model, "small");
  EXPECT_EQ(a->content_bytes, 8U);
  EXPECT_EQ(a->finish_reason, "stop");
  EXPECT_EQ(a->usage, (Usage{12, 5, 3, 1, false}));
  EXPECT_NE(out.find(R"("total_tokens":17)"), std::string::npos);
}

TEST(Build, AStreamIsScannedAsWritten) {
  for (const bool with_usage : {false, true}) {
    std::string out;
    append_role_chunk(out, kHead, with_usage);
    append_content_chunk(out, kHead, "two\n\n", with_usage);
    append_content_chunk(out, kHead, "words", with_usage);
    append_finish_chunk(out, kHead, "length", with_usage);
    if (with_usage) append_usage_chunk(out, kHead, {9, 2, 0, 0, false});
    append_done(out);
    base::JsonDoc parser;
    StreamScan scan;
    const auto events = payloads(out);
    for (const std::string& e : events) scan.feed(parser, "", e);
    EXPECT_TRUE(scan.finish());
    EXPECT_EQ(scan.content_bytes(), 10U);
    EXPECT_EQ(scan.deltas(), 2U);
    EXPECT_EQ(scan.finish_reason(), "length");
    EXPECT_EQ(scan.usage().has_value(), with_usage);
    EXPECT_EQ(events.size(), with_usage ? 6U : 5U);
    EXPECT_EQ(events[1].find("\"usage\":null") != std::string::npos, with_usage);
  }
}

TEST(Build, ARequestIsDecodedAsWritten) {
  std::string out;
  append_request(out, "auto", "why \"?\"", true, 64);
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(out));
  EXPECT_EQ(doc.request().model, "auto");
  EXPECT_EQ(doc.request().parts[0].text, "why \"?\"");
  EXPECT_TRUE(doc.request().stream);
  EXPECT_EQ(doc.request().max_tokens, 64);
  out.clear();
  append_request(out, "m", "p", false, 0);
  EXPECT_EQ(out, R"({"model":"m","messages":[{"role":"user","content":"p"}]})");
}

TEST(Build, TheModelListHasTheProvidersShape) {
  std::string out;
  const std::array<ModelEntry, 2> models{{{"a", 1, "o"}, {"b", 2, "p"}}};
  append_model_list(out, models);
  EXPECT_EQ(out,
            R"({"object":"list","data":[{"id":"a","object":"model","created":1,"owned_by":"o"},)"
            R"({"id":"b","object":"model","created":2,"owned_by":"p"}]})");
}

}  // namespace
}  // namespace swy::chat
