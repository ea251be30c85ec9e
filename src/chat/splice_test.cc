#include "chat/splice.h"

#include <gtest/gtest.h>

namespace swy::chat {
namespace {

class Upper final : public TextRewriter {
 public:
  explicit Upper(bool request) : request_(request) {}
  bool rewrite(const JsonPlace& place, std::string& text) override {
    const bool wanted = request_ ? is_request_text(place) : answer_text(place, "delta").has_value();
    if (!wanted) return false;
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return true;
  }

 private:
  bool request_;
};

std::string spliced(std::string_view json, bool request = true) {
  Upper upper(request);
  std::string out;
  return splice_strings(json, upper, out) ? out : "error";
}

TEST(SpliceStrings, RewritesWhatAModelReadsAndNothingElse) {
  EXPECT_EQ(
      spliced(R"({ "model" : "m", "messages":[ {"role":"user","content":"hi"} ], "x": 1.0e5 })"),
      R"({ "model" : "m", "messages":[ {"role":"user","content":"HI"} ], "x": 1.0e5 })");
  EXPECT_EQ(
      spliced(
          R"({"messages":[{"content":[{"type":"text","text":"a"},{"image_url":{"url":"u"}}]}]})"),
      R"({"messages":[{"content":[{"type":"text","text":"A"},{"image_url":{"url":"u"}}]}]})");
  EXPECT_EQ(
      spliced(
          R"({"messages":[{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}a"}}]}]})"),
      R"({"messages":[{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}A"}}]}]})");
  EXPECT_EQ(spliced(R"({"tools":[{"content":"a"}],"content":"b"})"),
            R"({"tools":[{"content":"a"}],"content":"b"})");
}

TEST(SpliceStrings, EscapedKeysAndRepeatedKeysAreSeen) {
  EXPECT_EQ(spliced(R"({"mess\u0061ges":[{"cont\u0065nt":"a","content":"b"}]})"),
            R"({"mess\u0061ges":[{"cont\u0065nt":"A","content":"B"}]})");
}

TEST(SpliceStrings, TextIsUnescapedAndEscapedAgain) {
  EXPECT_EQ(spliced(R"({"messages":[{"content":"a\n\"b\u00e9"}]})"),
            "{\"messages\":[{\"content\":\"A\\n\\\"B\xC3\xA9\"}]}");
}

TEST(SpliceStrings, AnswersSayWhichChoiceAndCall) {
  EXPECT_EQ(spliced(R"({"choices":[{"delta":{"content":"a","role":"r"}}]})", false),
            R"({"choices":[{"delta":{"content":"A","role":"r"}}]})");
  EXPECT_EQ(
      spliced(R"({"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"arguments":"q"}}]}}]})",
              false),
      R"({"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"arguments":"Q"}}]}}]})");
}

TEST(SpliceStrings, WhatIsNoJsonIsAnError) {
  for (const char* bad :
       {"", "{", "{\"a\"", "{\"a\":}", "[1,]x", "{\"a\":\"\\q\"}", "\"a", "{}{}"}) {
    Upper upper(true);
    std::string out;
    EXPECT_FALSE(splice_strings(bad, upper, out)) << bad;
  }
  EXPECT_EQ(spliced(std::string(100, '[') + std::string(100, ']')), "error");
}

}  // namespace
}  // namespace swy::chat
