#include "record/responses.h"

#include <gtest/gtest.h>

#include <string>

#include "record/testing/shared_data.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

TEST(Responses, AreLookedUpByQuestionAndModel) {
  const TempDir temp;
  write_text(temp / "a.responses.jsonl",
             "{\"id\":\"1\",\"responses\":{\"m\":\"one\\n\",\"n\":null}}\n\n{\"id\":\"2\","
             "\"responses\":{\"m\":\"two\",\"n\":\"\"}}\n");
  write_text(temp / "a.jsonl", "not read\n");
  for (const std::string& path : {temp.path(), temp / "a.responses.jsonl"}) {
    const auto r = Responses::load(path);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->size(), 3U);
    EXPECT_EQ(r->find("1", "m"), "one\n");
    EXPECT_EQ(r->find("2", "m"), "two");
    EXPECT_EQ(r->find("2", "n"), "");
    EXPECT_EQ(r->find("1", "n"), std::nullopt);
    EXPECT_EQ(r->find("3", "m"), std::nullopt);
    EXPECT_EQ(r->find("1", "o"), std::nullopt);
  }
}

TEST(Responses, KeepLogProbabilitiesWhereTheyWereRecorded) {
  const TempDir temp;
  const std::string path = temp / "a.responses.jsonl";
  write_text(path,
             R"({"id":"1","responses":{"m":"x","n":"y"},"logprobs":{"m":{"mean":-0.5,"min":-2}}})"
             "\n");
  const auto r = Responses::load(path);
  ASSERT_TRUE(r) << r.error().message;
  ASSERT_TRUE(r->logprobs("1", "m"));
  EXPECT_EQ(r->logprobs("1", "m")->mean, -0.5F);
  EXPECT_EQ(r->logprobs("1", "m")->min, -2.0F);
  EXPECT_FALSE(r->logprobs("1", "n"));  // not recorded is not 0
  EXPECT_FALSE(r->logprobs("2", "m"));
  for (const char* bad : {R"([])", R"({"m":-1})", R"({"m":{"mean":-1}})",
                          R"({"m":{"mean":0.1,"min":-1}})", R"({"m":{"mean":-2,"min":-1}})"}) {
    write_text(path, R"({"id":"1","responses":{},"logprobs":)" + std::string(bad) + "}\n");
    EXPECT_FALSE(Responses::load(path)) << bad;
  }
}

TEST(Responses, NameFileAndLineOfTrouble) {
  const TempDir temp;
  const std::string path = temp / "a.responses.jsonl";
  for (const char* bad :
       {"{", "[]", "{\"id\":\"1\"}", "{\"responses\":{}}", "{\"id\":\"1\",\"responses\":[]}"}) {
    write_text(path, "{\"id\":\"0\",\"responses\":{}}\n" + std::string(bad) + "\n");
    const auto r = Responses::load(path);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().message.substr(0, path.size() + 3), path + ":2:") << bad;
  }
  EXPECT_EQ(Responses::load(temp / "none").error().code, ErrorCode::kNotFound);
}

TEST(Responses, LoadTheRealAnswers) {
  const auto data = shared_data();
  if (!data) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  const auto r = Responses::load(*data + "/routellm");
  ASSERT_TRUE(r) << r.error().message;
  const auto strong = r->find("gsm8k-0", "gpt-4-1106-preview");
  const auto weak = r->find("gsm8k-0", "mistralai/Mixtral-8x7B-Instruct-v0.1");
  ASSERT_TRUE(strong && weak);
  EXPECT_NE(strong->find("7 eggs used daily"), std::string_view::npos);
  EXPECT_NE(weak->find("#### 18"), std::string_view::npos);
}

}  // namespace
}  // namespace swy::record
