#include "base/json.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <string>

namespace swy::base {
namespace {

TEST(JsonWriter, WritesCanonicalTextWithNullForUnknownNumbers) {
  std::string out;
  JsonWriter w(out);
  w.begin_object()
      .field("a", 1)
      .field("b", 0.1)
      .key("c")
      .begin_array()
      .string("x\n\"")
      .null()
      .end_array();
  w.field("d", std::numeric_limits<double>::quiet_NaN()).field("e", true).end_object();
  EXPECT_EQ(out, R"({"a":1,"b":0.1,"c":["x\n\"",null],"d":null,"e":true})");
}

TEST(JsonWriter, ReplacesMalformedUtf8) {
  std::string out;
  append_json_string(out, "a\xFFz\xE4\xBD\xA0\xED\xA0\x80");
  EXPECT_EQ(out, "\"a\xEF\xBF\xBDz\xE4\xBD\xA0\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

// Short texts are checked by words, long ones character by character: the same text behind sixty
// harmless characters must come out the same.
TEST(JsonWriter, WritesShortTextsAsItWritesLongOnes) {
  const std::string odd("\0\x1f !\"#[\\]^\x7f\x80\xc3\xa4\xff/a", 17);
  const std::string before(60, 'x');
  for (std::size_t size = 0; size <= 24; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (const char c : odd) {
        std::string text(size, 'a');
        text[place] = c;
        std::string as_short;
        std::string as_long;
        JsonWriter(as_short).begin_array().string(text).string(text);
        JsonWriter(as_long).begin_array().string(before + text).string(before + text);
        const std::size_t at = as_long.rfind(before);
        ASSERT_EQ(as_long.substr(at + before.size()), as_short.substr(as_short.size() / 2 + 2))
            << size << ' ' << place << ' ' << static_cast<int>(c);
      }
    }
  }
}

TEST(JsonWriter, PutsCommasAroundPreparedParts) {
  std::string out;
  JsonWriter w(out);
  w.begin_array().raw(R"({"a":1)").field("b", 2).raw(R"("c":3})").raw("4").number(-0.0).end_array();
  EXPECT_EQ(out, R"([{"a":1,"b":2,"c":3},4,-0])");
}

TEST(JsonDoc, ReadsMembersAndIteratesInOrder) {
  JsonDoc doc;
  const auto j = doc.parse(R"({"n":3,"s":"t","list":[1,{"k":2},[]],"o":{"x":1.5,"y":null}})");
  ASSERT_TRUE(j);
  EXPECT_EQ(j->integer_or("n", 0), 3);
  EXPECT_EQ(j->string_or("s", ""), "t");
  EXPECT_EQ(j->string_or("n", "fallback"), "fallback");
  EXPECT_EQ(j->find("list")->size(), 3U);
  std::string keys;
  j->each_member([&](std::string_view k, const Json&) { keys += k; });
  EXPECT_EQ(keys, "nslisto");
  std::size_t objects = 0;
  j->find("list")->each([&](const Json& v) { objects += v.is_object() ? 1U : 0U; });
  EXPECT_EQ(objects, 1U);
  EXPECT_EQ(j->to_string(), R"({"n":3,"s":"t","list":[1,{"k":2},[]],"o":{"x":1.5,"y":null}})");
}

TEST(JsonDoc, RefusesWhatIsNotJsonAndWhatIsTooDeep) {
  JsonDoc doc(16);
  EXPECT_EQ(doc.parse("{\"a\":").error().code, ErrorCode::kParse);
  EXPECT_EQ(doc.parse("").error().code, ErrorCode::kParse);
  EXPECT_EQ(doc.parse(std::string(40, '[') + std::string(40, ']')).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(doc.parse("[[[]]]"));
}

TEST(FindTopLevel, FindsTheValueAndCountsRepeats) {
  const std::string text = R"( { "x" : {"model":"no"}, "model" : "yes" , "z":[1,"model"]})";
  const auto span = find_top_level(text, "model");
  EXPECT_EQ(text.substr(span.begin, span.end - span.begin), "\"yes\"");
  EXPECT_EQ(span.count, 1U);
  EXPECT_EQ(find_top_level(R"({"model":1,"mod\u0065l":2})", "model").count, 2U);
  EXPECT_EQ(find_top_level("[1]", "model").count, 0U);
  const std::string slashes = R"({"a":"x\\","b":"\"model\":1\\\"","\\":"","model":"y\\\"z"})";
  const auto m = find_top_level(slashes, "model");
  EXPECT_EQ(slashes.substr(m.begin, m.end - m.begin), R"("y\\\"z")");
  EXPECT_EQ(m.count, 1U);
  const std::string number = R"({"model":12})";
  const auto n = find_top_level(number, "model");
  EXPECT_EQ(number.substr(n.begin, n.end - n.begin), "12");
}

}  // namespace
}  // namespace swy::base
