// The request decoder against input that is wrong, large, cut or random.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "chat/openai.h"

namespace swy::chat {
namespace {

constexpr std::string_view kMessages = R"("messages":[{"role":"user","content":"x"}])";

std::string body_with(std::string_view members) {
  return R"({"model":"m",)" + std::string(kMessages) + "," + std::string(members) + "}";
}

struct Wrong {
  std::string body, param, code;
};

TEST(RequestDoc, NamesTheFieldAndTheFaultOfABadRequest) {
  const std::vector<Wrong> cases = {
      {"{}", "model", "missing_required_parameter"},
      {R"({"model":"m"})", "messages", "missing_required_parameter"},
      {R"({"model":"",)" + std::string(kMessages) + "}", "model", "missing_required_parameter"},
      {"{" + std::string(kMessages) + "}", "model", "missing_required_parameter"},
      {R"({"model":1,)" + std::string(kMessages) + "}", "model", "invalid_type"},
      {R"({"model":"m","messages":[]})", "messages", "empty_array"},
      {R"({"model":"m","messages":{}})", "messages", "invalid_type"},
      {R"({"model":"m","messages":null})", "messages", "invalid_type"},
      {R"({"model":"m","messages":["x"]})", "messages[0]", "invalid_type"},
      {R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role",
       "missing_required_parameter"},
      {R"({"model":"m","messages":[{"role":1}]})", "messages[0].role", "invalid_type"},
      {R"({"model":"m","messages":[{"role":"user","role":"system"}]})", "messages[0].role",
       "duplicate_parameter"},
      {R"({"model":"m","messages":[{"role":"user","content":null,"content":"x"}]})",
       "messages[0].content", "duplicate_parameter"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"user","content":5}]})",
       "messages[1].content", "invalid_type"},
      {R"({"model":"m","messages":[{"role":"user","content":[1]}]})", "messages[0].content[0]",
       "invalid_type"},
      {R"({"model":"m","messages":[{"role":"user","content":[{}]}]})",
       "messages[0].content[0].type", "missing_required_parameter"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":7}]}]})",
       "messages[0].content[0].type", "invalid_type"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "messages[0].content[0].text", "missing_required_parameter"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":[]}]}]})",
       "messages[0].content[0].text", "invalid_type"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":"x"}]})",
       "messages[0].tool_calls", "invalid_type"},
      {body_with(R"("stream":"yes")"), "stream", "invalid_type"},
      {body_with(R"("stream_options":true)"), "stream_options", "invalid_type"},
      {body_with(R"("stream_options":{"include_usage":1})"), "stream_options.include_usage",
       "invalid_type"},
      {body_with(R"("max_tokens":0)"), "max_tokens", "integer_below_min_value"},
      {body_with(R"("max_tokens":1.5)"), "max_tokens", "invalid_type"},
      {body_with(R"("max_completion_tokens":-1)"), "max_completion_tokens",
       "integer_below_min_value"},
      {body_with(R"("max_completion_tokens":18446744073709551615)"), "max_completion_tokens",
       "invalid_type"},
      {body_with(R"("n":0)"), "n", "integer_below_min_value"},
      {body_with(R"("n":129)"), "n", "integer_above_max_value"},
      {body_with(R"("temperature":"hot")"), "temperature", "invalid_type"},
      {body_with(R"("tools":{})"), "tools", "invalid_type"},
      {body_with(R"("tools":[3])"), "tools[0]", "invalid_type"},
      {body_with(R"("tools":[{}])"), "tools[0].type", "missing_required_parameter"},
      {body_with(R"("tools":[{"type":"function"}])"), "tools[0].function",
       "missing_required_parameter"},
      {body_with(R"("tools":[{"type":"function","function":{}}])"), "tools[0].function.name",
       "missing_required_parameter"},
      {body_with(R"("tools":[{"type":"function","function":{"name":1}}])"),
       "tools[0].function.name", "invalid_type"},
      {body_with(R"("functions":[{}])"), "functions[0].name", "missing_required_parameter"},
      {body_with(R"("tool_choice":1)"), "tool_choice", "invalid_type"},
      {body_with(R"("response_format":"json")"), "response_format", "invalid_type"},
      {body_with(R"("response_format":{})"), "response_format.type", "missing_required_parameter"},
      {body_with(R"("metadata":[])"), "metadata", "invalid_type"},
      {body_with(R"("user":1)"), "user", "invalid_type"},
      {body_with(R"("logprobs":5)"), "logprobs", "invalid_type"},
      {body_with(R"("model":"other")"), "model", "duplicate_parameter"},
      {body_with(R"("mod\u0065l":"other")"), "model", "duplicate_parameter"},
      {body_with(R"("stream":true,"stream":false)"), "stream", "duplicate_parameter"},
  };
  RequestDoc doc;
  for (const Wrong& w : cases) {
    const auto d = doc.decode(w.body);
    ASSERT_FALSE(d) << w.body;
    EXPECT_EQ(d.error().param, w.param) << w.body;
    EXPECT_EQ(d.error().openai_code, w.code) << w.body;
    EXPECT_EQ(d.error().code, ErrorCode::kInvalidArgument) << w.body;
    EXPECT_NE(d.error().message.find(w.param), std::string::npos) << d.error().message;
    EXPECT_TRUE(doc.request().messages.empty() && doc.request().model.empty()) << w.body;
  }
}

TEST(RequestDoc, WordsItsErrorsAsTheProviderDoes) {
  RequestDoc doc;
  EXPECT_EQ(doc.decode(body_with(R"("max_tokens":-1)")).error().message,
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -1 "
            "instead.");
  EXPECT_EQ(doc.decode(R"({"model":"m","messages":[]})").error().message,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.");
}

TEST(RequestDoc, RefusesIntegersThatNoParserHereCanHold) {
  RequestDoc doc;
  EXPECT_EQ(doc.decode(body_with(R"("seed":99999999999999999999)")).error().code,
            ErrorCode::kParse);
  EXPECT_TRUE(doc.decode(body_with(R"("seed":18446744073709551615)")));
}

TEST(RequestDoc, RefusesWhatIsNoJsonObject) {
  RequestDoc doc;
  for (const std::string_view body :
       {"", " ", "nul", "{", "{\"model\":\"m\",}", "{} {}", "\xEF\xBB\xBF{}", "{\"a\":\"\xFF\"}"}) {
    const auto d = doc.decode(body);
    ASSERT_FALSE(d) << body;
    EXPECT_EQ(d.error().code, ErrorCode::kParse) << body;
    EXPECT_TRUE(d.error().param.empty());
  }
  for (const std::string_view body : {"[]", "null", "\"model\"", "12"}) {
    EXPECT_EQ(doc.decode(body).error().code, ErrorCode::kInvalidArgument) << body;
  }
}

std::string repeated(std::string_view item, std::size_t n) {
  std::string out = "[";
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += ',';
    out += item;
  }
  return out + "]";
}

std::string metadata_of(std::size_t pairs) {
  std::string out = R"("metadata":{)";
  for (std::size_t i = 0; i < pairs; ++i) {
    out += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":-1.2345678901234568e-300";
  }
  return out + "}";
}

TEST(RequestDoc, BoundsDepthCountsAndSizes) {
  RequestDoc doc;
  const auto verdict = [&](const std::string& body) {
    const auto d = doc.decode(body);
    return d ? std::string("ok") : std::string(to_string(d.error().code));
  };
  const std::string too_large(to_string(ErrorCode::kTooLarge));
  const std::string message = R"({"role":"user","content":"x"})";
  EXPECT_EQ(verdict(R"({"model":"m","messages":)" + repeated(message, kMaxMessages) + "}"), "ok");
  EXPECT_EQ(verdict(R"({"model":"m","messages":)" + repeated(message, kMaxMessages + 1) + "}"),
            too_large);
  const std::string part = R"({"type":"text","text":"x"})";
  const auto parts = [&](std::size_t n) {
    return R"({"model":"m","messages":[{"role":"user","content":)" + repeated(part, n) + "}]}";
  };
  EXPECT_EQ(verdict(parts(kMaxParts)), "ok");
  EXPECT_EQ(verdict(parts(kMaxParts + 1)), too_large);
  const std::string tool = R"({"type":"function","function":{"name":"f"}})";
  EXPECT_EQ(verdict(body_with("\"tools\":" + repeated(tool, kMaxTools))), "ok");
  EXPECT_EQ(verdict(body_with("\"tools\":" + repeated(tool, kMaxTools + 1))), too_large);
  EXPECT_EQ(verdict(body_with(metadata_of(kMaxMetadata))), "ok");
  EXPECT_EQ(doc.request().metadata.back().second, "-1.2345678901234568e-300");
  EXPECT_EQ(doc.request().metadata.front().second, "-1.2345678901234568e-300");
  EXPECT_EQ(verdict(body_with(metadata_of(kMaxMetadata + 1))), too_large);
  EXPECT_EQ(
      verdict(body_with(R"("metadata":{"k":")" + std::string(kMaxMetadataBytes, 'v') + "\"}")),
      too_large);
  EXPECT_EQ(verdict(body_with("\"deep\":" + std::string(200, '[') + std::string(200, ']'))),
            std::string(to_string(ErrorCode::kParse)));
  EXPECT_EQ(verdict(body_with("\"deep\":" + std::string(60, '[') + std::string(60, ']'))), "ok");
}

constexpr std::string_view kSample =
    R"({"model":"au\u0074o","messages":[{"role":"system","content":"s"},
 {"role":"user","content":[{"type":"text","text":"h\u00e9 \ud83d\ude00"},{"type":"image_url","image_url":{"url":"u"}}]}],
 "tools":[{"type":"function","function":{"name":"f","parameters":{"a":[1,2.5e3,null]}}}],"stream":true,
 "metadata":{"a":"b","c":1e9},"max_tokens":5,"x":{"model":"inner"}})";

TEST(RequestDoc, RefusesEveryTruncation) {
  RequestDoc doc;
  ASSERT_TRUE(doc.decode(kSample));
  for (std::size_t n = 0; n < kSample.size(); ++n) {
    const auto d = doc.decode(kSample.substr(0, n));
    ASSERT_FALSE(d) << n;
    EXPECT_EQ(d.error().code, ErrorCode::kParse) << n;
  }
}

bool same(const Request& a, const Request& b) {
  const auto text_of = [](const Request& r) {
    std::string out;
    for (const Message& m : r.messages) {
      out += to_string(m.role);
      out += std::to_string(m.first_part) + "," + std::to_string(m.parts) + "," +
             std::to_string(m.tool_calls);
    }
    for (const Part& p : r.parts) {
      out += std::to_string(static_cast<int>(p.kind));
      out += p.text;
    }
    return out;
  };
  return text_of(a) == text_of(b) && a.tools == b.tools && a.metadata == b.metadata &&
         a.stream == b.stream && a.max_tokens == b.max_tokens && a.tool_bytes == b.tool_bytes &&
         a.images == b.images && a.user == b.user;
}

TEST(SpliceModel, ChangesTheModelAndNothingElse) {
  const std::vector<std::string> names = {"b", "", "with \"quotes\" and \\", "\xE4\xBD\xA0\n",
                                          std::string(500, 'n')};
  RequestDoc before, after;
  ASSERT_TRUE(before.decode(kSample));
  const std::size_t at = kSample.find("\"au");
  const std::string_view tail = kSample.substr(kSample.find(',', at));
  for (const std::string& name : names) {
    const auto out = splice_model(kSample, name);
    ASSERT_TRUE(out);
    EXPECT_TRUE(out->starts_with(kSample.substr(0, at)));
    EXPECT_TRUE(out->ends_with(tail));
    if (name.empty()) continue;  // decodes as "model is missing"
    ASSERT_TRUE(after.decode(*out));
    EXPECT_EQ(after.request().model, name);
    EXPECT_TRUE(same(before.request(), after.request()));
  }
}

TEST(RequestDoc, SurvivesRandomMutationsAndSplicesWhatItAccepts) {
  constexpr std::string_view kBytes = "{}[]\",:\\u0e-.1tfn model\xFF";
  RequestDoc doc, again;
  std::size_t accepted = 0;
  for (std::uint64_t round = 0; round < 20'000; ++round) {
    base::Rng rng(7, round, 0);
    std::string body(kSample);
    for (std::uint64_t k = 0; k <= rng.below(3); ++k) {
      const std::size_t at = rng.below(body.size());
      switch (rng.below(3)) {
        case 0:
          body[at] = kBytes[rng.below(kBytes.size())];
          break;
        case 1:
          body.insert(at, 1, kBytes[rng.below(kBytes.size())]);
          break;
        default:
          body.erase(at, 1 + rng.below(4));
          break;
      }
    }
    if (!doc.decode(body)) continue;
    ++accepted;
    const auto out = splice_model(body, "spliced");
    ASSERT_TRUE(out) << "round " << round << ": " << body;
    ASSERT_TRUE(again.decode(*out)) << "round " << round << ": " << *out;
    ASSERT_EQ(again.request().model, "spliced") << "round " << round;
    ASSERT_TRUE(same(doc.request(), again.request())) << "round " << round << ": " << body;
  }
  EXPECT_GT(accepted, 1'000U);
}

}  // namespace
}  // namespace swy::chat
