#include "chat/error.h"

#include <gtest/gtest.h>

#include "chat/answer.h"

namespace swy::chat {
namespace {

TEST(OpenaiError, AlwaysHasItsFourKeys) {
  EXPECT_EQ(
      openai_error("a \"b\"", "invalid_request_error", "messages", "empty_array"),
      R"({"error":{"message":"a \"b\"","type":"invalid_request_error","param":"messages","code":"empty_array"}})");
  EXPECT_EQ(openai_error("m", "t", "", ""),
            R"({"error":{"message":"m","type":"t","param":null,"code":null}})");
}

TEST(SseErrorEvent, IsOneEventThatAStreamReaderTakesForAFailure) {
  const std::string event = sse_error_event("line\nbreak", "upstream_error", "", "timeout");
  EXPECT_TRUE(event.starts_with("data: {"));
  EXPECT_TRUE(event.ends_with("}\n\n"));
  EXPECT_EQ(event.find('\n'), event.size() - 2);
  base::JsonDoc parser;
  StreamScan scan;
  EXPECT_EQ(scan.feed(parser, "", event.substr(6, event.size() - 8)), StreamStep::kError);
  EXPECT_EQ(scan.error()->message, "line\nbreak");
  EXPECT_EQ(scan.error()->code, "timeout");
}

TEST(HttpError, GivesEveryCodeAStatusAndAType) {
  for (int c = 0; c <= static_cast<int>(ErrorCode::kInternal); ++c) {
    const HttpError e = http_error(static_cast<ErrorCode>(c));
    EXPECT_GE(e.status, 400) << c;
    EXPECT_LT(e.status, 600) << c;
    EXPECT_FALSE(e.type.empty()) << c;
  }
  EXPECT_EQ(http_error(ErrorCode::kNotFound).status, 404);
  EXPECT_EQ(http_error(ErrorCode::kNotFound).code, "model_not_found");
  EXPECT_EQ(http_error(ErrorCode::kNoCandidate).status, 422);
  EXPECT_EQ(http_error(ErrorCode::kTimeout).status, 504);
  EXPECT_EQ(http_error(ErrorCode::kUnauthorized).code, "invalid_api_key");
}

TEST(HttpError, AsksForRepeatsOnlyWhereTheyCanHelp) {
  const auto repeated = [](ErrorCode c) {
    const int s = http_error(c).status;
    return s == 408 || s == 409 || s == 429 || s >= 500;
  };
  for (const ErrorCode c :
       {ErrorCode::kInvalidArgument, ErrorCode::kParse, ErrorCode::kNotFound, ErrorCode::kTooLarge,
        ErrorCode::kNoCandidate, ErrorCode::kUnauthorized, ErrorCode::kForbidden}) {
    EXPECT_FALSE(repeated(c)) << to_string(c);
  }
  for (const ErrorCode c : {ErrorCode::kUnavailable, ErrorCode::kTimeout, ErrorCode::kClosed}) {
    EXPECT_TRUE(repeated(c)) << to_string(c);
  }
}

TEST(ErrorReply, PutsARefusedBodyIntoTheEnvelope) {
  RequestDoc doc;
  const auto reply = error_reply(doc.decode(R"({"model":"m","messages":[]})").error());
  EXPECT_EQ(reply.status, 400);
  AnswerDoc answer;
  const auto read = answer.read(reply.body);
  ASSERT_TRUE(read && read->error);
  EXPECT_EQ(read->error->param, "messages");
  EXPECT_EQ(read->error->code, "empty_array");
  EXPECT_EQ(error_reply(Error{ErrorCode::kTooLarge, "big"}).status, 413);
  EXPECT_EQ(error_type(429), "rate_limit_error");
  EXPECT_EQ(error_type(405), "invalid_request_error");
  EXPECT_EQ(error_type(503), "server_error");
}

}  // namespace
}  // namespace swy::chat
