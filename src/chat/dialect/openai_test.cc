#include "chat/openai.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace swy::chat {
namespace {

constexpr std::string_view kFull = R"({
  "model": "auto", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.25, "n": 2,
  "max_tokens": 7, "max_completion_tokens": 50, "user": "u-1", "reasoning_effort": "low", "logprobs": true,
  "metadata": {"tier": "gold", "draft": true, "level": 3, "share": 0.5, "none": null, "nested": {"x": 1}},
  "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
  "tool_choice": {"type": "function", "function": {"name": "f"}},
  "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
            {"type": "custom", "custom": {"name": "g"}}, {"type": "web_search"}],
  "messages": [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "caf\u00e9 \"q\""},
      {"type": "image_url", "image_url": {"url": "data:"}}, {"type": "input_audio", "input_audio": {}},
      {"type": "file", "file": {}}, {"type": "refusal", "refusal": "no"}]},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}, {"id": "2"}]},
    {"role": "tool", "tool_call_id": "1", "content": "42"},
    {"role": "critic", "content": "odd role"}],
  "made_up_field": [1, 2, {"model": "not this"}]
})";

TEST(RequestDoc, ReadsEveryFieldThatRoutingLooksAt) {
  RequestDoc doc;
  const auto d = doc.decode(kFull);
  ASSERT_TRUE(d) << d.error().message;
  const Request& r = doc.request();
  EXPECT_EQ(r.model, "auto");
  EXPECT_TRUE(r.stream && r.include_usage && r.logprobs);
  EXPECT_EQ(r.temperature, 0.25);
  EXPECT_EQ(r.n, 2);
  EXPECT_EQ(r.max_tokens, 50);
  EXPECT_EQ(r.user, "u-1");
  EXPECT_EQ(r.reasoning_effort, "low");
  EXPECT_EQ(r.response_format, ResponseFormat::kJsonSchema);
  EXPECT_EQ(r.tool_choice, ToolChoice::kNamed);
  EXPECT_EQ(r.tools, (std::vector<std::string_view>{"f", "g", "web_search"}));
  const std::vector<std::pair<std::string_view, std::string_view>> metadata = {
      {"tier", "gold"}, {"draft", "true"}, {"level", "3"}, {"share", "0.5"}, {"none", "null"}};
  EXPECT_EQ(r.metadata, metadata);
}

TEST(RequestDoc, ReadsMessagesAndTheirParts) {
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(kFull));
  const Request& r = doc.request();
  ASSERT_EQ(r.messages.size(), 5U);
  EXPECT_EQ(r.messages[0].role, Role::kDeveloper);
  EXPECT_EQ(r.messages[1].parts, 5U);
  EXPECT_EQ(r.messages[2].tool_calls, 2U);
  EXPECT_EQ(r.messages[2].parts, 0U);
  EXPECT_EQ(r.messages[3].role, Role::kTool);
  EXPECT_EQ(r.messages[4].role, Role::kOther);
  EXPECT_EQ(r.parts[1].text, "caf\xC3\xA9 \"q\"");
  EXPECT_EQ(r.parts[2].kind, PartKind::kImage);
  EXPECT_EQ(r.parts[2].source, "data:");
  EXPECT_EQ(r.parts[2].detail, "");
  EXPECT_EQ(r.parts[5].kind, PartKind::kOther);
  EXPECT_TRUE(r.parts[5].text.empty());
  EXPECT_EQ(r.images, 1U);
  EXPECT_EQ(r.audios, 1U);
  EXPECT_EQ(r.files, 1U);
  std::string seen;
  each_text(r, Scope::kLastUser, [&](std::string_view t) { seen += t; });
  EXPECT_EQ(seen, "caf\xC3\xA9 \"q\"");
}

TEST(RequestDoc, LeavesWhatIsNotGivenUnknown) {
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(kFull));
  ASSERT_TRUE(
      doc.decode(R"({"messages":[{"role":"user","content":"x"}],"model":"m","stream":null,"n":null,
    "max_tokens":null,"tools":null,"temperature":null,"metadata":null,"user":null,"stream_options":null,
    "response_format":null,"tool_choice":null})"));
  const Request& r = doc.request();
  EXPECT_FALSE(r.stream || r.include_usage || r.max_tokens || r.logprobs);
  EXPECT_TRUE(std::isnan(r.temperature));
  EXPECT_EQ(r.n, 1);
  EXPECT_EQ(r.tool_choice, ToolChoice::kUnset);
  EXPECT_EQ(r.response_format, ResponseFormat::kText);
  EXPECT_TRUE(r.tools.empty() && r.metadata.empty() && r.user.empty() &&
              r.reasoning_effort.empty());
  EXPECT_EQ(r.tool_bytes, 0U);
  EXPECT_EQ(r.images, 0U);
}

TEST(RequestDoc, DoesNotNeedTheCallersBytesAfterDecoding) {
  RequestDoc doc;
  std::string body(kFull);
  ASSERT_TRUE(doc.decode(body));
  body.assign(body.size(), '#');
  EXPECT_EQ(doc.request().model, "auto");
  EXPECT_EQ(doc.request().parts[0].text, "Be brief.");
}

TEST(RequestDoc, CountsToolBytesAsJsonWithoutSpaces) {
  const std::string tools =
      R"([{"type":"function","function":{"name":"f","a":[1,-2.5,true,false,null,"s",{},[]]}}])";
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(
      R"({"model":"m","messages":[{"role":"user","content":"x"}], "tools" :   )" + tools + "}"));
  EXPECT_EQ(doc.request().tool_bytes, tools.size());
}

TEST(RequestDoc, TakesTheOlderWayToDeclareFunctions) {
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(R"({"model":"m","functions":[{"name":"f"}],"function_call":"auto",
    "messages":[{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}]})"));
  const Request& r = doc.request();
  EXPECT_EQ(r.tools, (std::vector<std::string_view>{"f"}));
  EXPECT_EQ(r.tool_choice, ToolChoice::kAuto);
  EXPECT_EQ(r.messages[0].tool_calls, 1U);
  EXPECT_EQ(r.messages[1].role, Role::kTool);
  EXPECT_GT(r.tool_bytes, 0U);
}

TEST(RequestDoc, ReadsEachToolChoiceAndResponseFormat) {
  RequestDoc doc;
  const auto with = [&](const std::string& member) -> const Request& {
    const auto d =
        doc.decode(R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + member + "}");
    EXPECT_TRUE(d) << member;
    return doc.request();
  };
  EXPECT_EQ(with(R"("tool_choice":"none")").tool_choice, ToolChoice::kNone);
  EXPECT_EQ(with(R"("tool_choice":"required")").tool_choice, ToolChoice::kRequired);
  EXPECT_EQ(with(R"("tool_choice":"something new")").tool_choice, ToolChoice::kRequired);
  EXPECT_EQ(
      with(R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}})").tool_choice,
      ToolChoice::kAuto);
  EXPECT_EQ(with(R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required"}})")
                .tool_choice,
            ToolChoice::kRequired);
  EXPECT_EQ(with(R"("tool_choice":"none","function_call":"auto")").tool_choice, ToolChoice::kNone);
  EXPECT_EQ(with(R"("function_call":"auto","tool_choice":"none")").tool_choice, ToolChoice::kNone);
  EXPECT_EQ(with(R"("response_format":{"type":"text"})").response_format, ResponseFormat::kText);
  EXPECT_EQ(with(R"("response_format":{"type":"json_object"})").response_format,
            ResponseFormat::kJsonObject);
  EXPECT_EQ(with(R"("response_format":{"type":"grammar"})").response_format,
            ResponseFormat::kJsonSchema);
  EXPECT_EQ(with(R"("max_completion_tokens":9,"max_tokens":5)").max_tokens, 9);
  EXPECT_EQ(with(R"("max_tokens":5)").max_tokens, 5);
}

TEST(SpliceModel, ReplacesOnlyTheTopLevelModel) {
  const std::string body =
      R"( {"a":{"model":"in"}, "model" : "aut\u006f" ,"messages":[{"role":"user","content":"\"model\":\"x\""}] } )";
  const auto out = splice_model(body, R"(org/"m"-1)");
  ASSERT_TRUE(out);
  EXPECT_EQ(
      *out,
      R"( {"a":{"model":"in"}, "model" : "org/\"m\"-1" ,"messages":[{"role":"user","content":"\"model\":\"x\""}] } )");
}

TEST(SpliceModel, FindsAKeyWrittenWithEscapes) {
  const auto out = splice_model(R"({"mod\u0065l":"a","x":1})", "b");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, R"({"mod\u0065l":"b","x":1})");
}

TEST(SpliceModel, RefusesABodyWithoutOneModel) {
  EXPECT_EQ(splice_model(R"({"x":1})", "b").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(splice_model(R"({"model":"a","model":"b"})", "b").error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(splice_model("", "b").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace swy::chat
