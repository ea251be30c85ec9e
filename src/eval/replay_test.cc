// Records made here the way the gateway makes them, decided again: the same plan, other plans,
// records that were tampered with or lack something. And what explain says of them.
#include "eval/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "base/json.h"
#include "chat/build.h"
#include "chat/openai.h"
#include "eval/explain.h"
#include "eval/testing/tables.h"
#include "route/testing/fakes.h"
#include "route/trace.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kModels =
    "models:\n"
    "  - { name: small, context: 100000, price: { input: 1, output: 2 }, quality: { default: 0.5 } "
    "}\n"
    "  - { name: large, context: 100000, price: { input: 10, output: 20 }, quality: { default: 0.8 "
    "} }\n"
    "signals:\n  code: { type: keyword, any: [compile] }\n";

std::string config(const std::string& policy, const std::string& estimator = "prior") {
  return std::string(kModels) +
         "routes:\n  auto:\n    - { name: coding, when: code, models: [large], policy: first }\n" +
         "    - { name: rest, models: [small, large], estimator: " + estimator +
         ", policy: " + policy + " }\n";
}

class ReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "replay_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    std::ofstream(dir_ + "/table.jsonl") << testing::synthetic_rows(200, 2);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::shared_ptr<const route::Plan> plan(const std::string& yaml) {
    return route::testing::plan_from(yaml, registry_, dir_);
  }

  // One record line of this prompt, decided by the plan.
  static std::string record(const route::Plan& plan, const std::string& prompt, bool body, int n,
                            std::size_t set = 0) {
    std::string text;
    chat::append_request(text, "auto", prompt, true, 200);
    chat::RequestDoc doc;
    EXPECT_TRUE(doc.decode(text));
    route::Work work;
    work.id = base::hash64(prompt);
    work.request = &doc.request();
    work.key_name = "alice";
    work.role = "user";
    route::Scratch scratch;
    scratch.begin(work, plan.signals.size());
    const auto decision =
        route::decide_now(plan, plan.rule_sets[set], {}, base::Rng(42, work.id, 0), scratch);
    std::string line;
    base::JsonWriter w(line);
    w.begin_object()
        .field("v", 1)
        .field("kind", "request")
        .field("id", fmt::format("rec_{:026}", n))
        .field("time_us", std::int64_t{1700000000123456});
    w.field("plan", plan.version).field("seed", 42).field("work_id", base::hex64(work.id));
    w.key("work");
    route::write_work(w, plan, scratch.reading, true);
    w.key("decision");
    route::write_decision(w, plan, plan.rule_sets[set], scratch, decision);
    w.key("outcome")
        .begin_object()
        .field("status", "ok")
        .field("tokens_in", 100)
        .field("tokens_out", 50)
        .field("tokens_cached", 0);
    w.field("cost_nano", std::int64_t{200000}).field("cost_basis", "usage").end_object();
    w.key("times").begin_object().field("added_us", 85).end_object();
    if (body) w.field("body", text);
    w.end_object();
    return line;
  }

  void write(const std::vector<std::string>& lines) const {
    std::ofstream file(dir_ + "/records-1700000000000-1-0-0.jsonl");
    for (const std::string& l : lines) file << l << "\n";
  }

  ReplayReport replayed(const route::Plan& plan, bool what_if = false) const {
    ReplayOptions options;
    options.what_if = what_if;
    auto report = replay(dir_, "records", plan, options);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report.value_or(ReplayReport{});
  }

  // Prompts with and without the keyword, with and without bodies.
  static std::vector<std::string> records(const route::Plan& plan) {
    std::vector<std::string> lines;
    for (int i = 0; i < 40; ++i)
      lines.push_back(
          record(plan, fmt::format("{} the apple and ring {}", i % 4 == 0 ? "compile" : "price", i),
                 i % 2 == 0, i));
    return lines;
  }

  std::string dir_;
  route::Registry registry_ = route::builtin_registry();
};

TEST_F(ReplayTest, TheSamePlanGivesEveryDecisionByteForByte) {
  const auto p = plan(config("{ type: epsilon, epsilon: 0.5, inner: { type: utility } }",
                             "{ type: knn, table: [table.jsonl], names: [small=m0, large=m1] }"));
  ASSERT_TRUE(p);
  auto lines = records(*p);
  lines.push_back(R"({"v":1,"kind":"feedback","record":"rec_x","score":1})");
  lines.push_back(R"({"v":1,"kind":"probe","id":"rec_y","of":"m0","score":1})");  // no feedback
  write(lines);
  const ReplayReport r = replayed(*p);
  EXPECT_EQ(r.records, 40U);
  EXPECT_EQ(r.same, 40U) << to_text(r, false);
  EXPECT_EQ(r.proved, 40U);
  EXPECT_EQ(r.feedback, 1U);
  EXPECT_TRUE(r.clean());
}

TEST_F(ReplayTest, ATamperedRecordIsFound) {
  const auto p = plan(config("utility"));
  ASSERT_TRUE(p);
  auto lines = records(*p);
  const std::size_t at = lines[7].find("\"propensity\":1");
  ASSERT_NE(at, std::string::npos);
  lines[7].replace(at, 14, "\"propensity\":0.5");
  const std::size_t fact =
      lines[8].find("\"truth\":\"true\"");  // has a body, so the fact is computed anew
  ASSERT_NE(fact, std::string::npos);
  lines[8].replace(fact, 14, "\"truth\":\"false\"");
  const std::size_t tokens = lines[10].find("\"tokens\":");
  lines[10].insert(tokens + 9, "9");
  write(lines);
  const ReplayReport r = replayed(*p);
  EXPECT_EQ(r.different, 3U) << to_text(r, false);
  EXPECT_EQ(r.same, 37U);
  EXPECT_FALSE(r.clean());
  EXPECT_THAT(to_text(r, false), HasSubstr("propensity"));
}

TEST_F(ReplayTest, AnotherConfigurationReportsWhatItWouldHaveChosen) {
  const auto before = plan(config("{ type: utility, cost: 0 }"));
  const auto after = plan(config("{ type: utility, quality: 0, cost: 1 }"));
  ASSERT_TRUE(before && after);
  write(records(*before));
  const ReplayReport strict = replayed(*after);
  EXPECT_EQ(strict.skipped, 40U);
  EXPECT_THAT(to_text(strict, false), HasSubstr("another plan version"));
  const ReplayReport r = replayed(*after, true);
  EXPECT_EQ(r.different, 30U);
  EXPECT_EQ(r.same, 10U);  // the coding rule
  EXPECT_EQ(r.before.at("large"), 40U);
  EXPECT_EQ(r.after.at("small"), 30U);
  EXPECT_EQ(r.costed, 40U);
  EXPECT_NEAR(r.cost_before, 40 * 0.0002, 1e-9);
  // 100 tokens in and 50 out: 200 micro-USD for small, 2000 for large.
  EXPECT_NEAR(r.cost_after, (30 * 200 + 10 * 2000) * 1e-6, 1e-9);
  base::JsonDoc doc;
  EXPECT_TRUE(doc.parse(to_json(r)));
}

TEST_F(ReplayTest, FeedbackSaysWhatAnotherConfigurationWouldHaveEarned) {
  // Half of the requests by chance to each; the large model's answers are scored 1, the other's 0.
  const auto explored = plan(config("{ type: epsilon, epsilon: 1, inner: first }"));
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i) {
    lines.push_back(record(*explored, fmt::format("a question number {}", i), false, i));
    const bool large = lines.back().find(R"("choice":"large")") != std::string::npos;
    lines.push_back(
        fmt::format(R"({{"v":1,"kind":"feedback","record":"rec_{:026}","time_us":1,"score":{}}})",
                    i, large ? 1 : 0));
  }
  write(lines);
  const auto large = plan(config("{ type: weighted, weights: { small: 0, large: 1 } }"));
  const ReplayReport r = replayed(*large, true);
  EXPECT_EQ(r.value.refused, "");
  EXPECT_EQ(r.value.scored, 400U);
  EXPECT_NEAR(r.value.logged, 0.5, 0.1);
  EXPECT_NEAR(r.value.snips.value, 1, 1e-9);
  EXPECT_LT(r.value.ips.low, 1);
  EXPECT_GT(r.value.ips.high, 1);
  EXPECT_NEAR(r.value.effective, 200, 40);
  EXPECT_THAT(to_text(r, false), HasSubstr("self-normalised"));
  EXPECT_THAT(to_json(r), HasSubstr(R"("snips":{"value":1)"));
}

TEST_F(ReplayTest, ArmsOfAnExperimentAreExplorationAndAskedForByTheNameThatTheClientGave) {
  // Two rule sets that never explore, half of the requests to each: the record is of another set
  // than the client asked for, and the choice has probability 1 in its own set but 0.5 over both.
  const auto served =
      plan(config("{ type: weighted, weights: { small: 1, large: 0 } }") +
           "  auto-new:\n    - { name: rest, models: [small, large], policy: { type: "
           "weighted, weights: { small: 0, large: 1 } } }\n");
  ASSERT_TRUE(served);
  ASSERT_EQ(served->rule_sets.size(), 2U);
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i) {
    const std::size_t arm = i % 2 == 0 ? 0 : 1;
    std::string line = record(*served, fmt::format("a question number {}", i), true, i, arm);
    line.insert(line.find(R"(,"outcome":)"),
                R"(,"experiment":{"name":"t","id":"x","arm":"a","unit":"01","share":0.5,)"
                R"("propensity":0.5,"marginal":0.5})");
    lines.push_back(std::move(line));
    lines.push_back(fmt::format(
        R"({{"v":1,"kind":"feedback","record":"rec_{:026}","time_us":1,"score":{}}})", i, arm));
  }
  write(lines);
  const ReplayReport same = replayed(*served);
  EXPECT_EQ(same.proved, 400U) << to_text(same, false);
  EXPECT_TRUE(same.clean());
  const auto large = plan(config("{ type: weighted, weights: { small: 0, large: 1 } }"));
  const ReplayReport r = replayed(*large, true);
  EXPECT_EQ(r.skipped, 0U) << to_text(r, false);
  EXPECT_EQ(r.after.at("large"), 400U);
  EXPECT_EQ(r.value.refused, "");
  EXPECT_NEAR(r.value.ips.value, 1, 1e-9);
  EXPECT_NEAR(r.value.effective, 200, 1e-6);
}

TEST_F(ReplayTest, NoValueIsMadeUpFromRecordsThatWereNotExplored) {
  const auto cheap = plan(config("{ type: weighted, weights: { small: 1, large: 0 } }"));
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i) {
    lines.push_back(record(*cheap, fmt::format("a question number {}", i), false, i));
    lines.push_back(fmt::format(
        R"({{"v":1,"kind":"feedback","record":"rec_{:026}","time_us":1,"score":1}})", i));
  }
  write(lines);
  const auto large = plan(config("{ type: weighted, weights: { small: 0, large: 1 } }"));
  const ReplayReport r = replayed(*large, true);
  EXPECT_THAT(r.value.refused, HasSubstr("too little overlap"));
  EXPECT_THAT(to_text(r, false), HasSubstr("value: not estimated"));
  EXPECT_THAT(to_json(r), Not(HasSubstr("snips")));
}

TEST_F(ReplayTest, WhatNeedsTheTextIsSkippedWithThatReasonUnlessTheBodyIsThere) {
  const auto before = plan(config("utility"));
  const auto after =
      plan(config("utility", "{ type: knn, table: [table.jsonl], names: [small=m0, large=m1] }"));
  ASSERT_TRUE(before && after);
  write(records(*before));
  const ReplayReport r = replayed(*after, true);
  EXPECT_EQ(r.skipped, 20U) << to_text(r, false);
  EXPECT_THAT(to_text(r, false), HasSubstr("sketch"));
  std::string yaml = config("utility");
  yaml.replace(yaml.find("compile]"), 8, "compile]\n  }\n  fresh: { type: keyword, any: [apple]");
  yaml.replace(yaml.find("when: code"), 10, "when: code || fresh");
  const auto signal = plan(yaml);
  ASSERT_TRUE(signal);
  const ReplayReport s = replayed(*signal, true);
  // Without a body `fresh` is unknown; where `code` is true it does not matter.
  EXPECT_GT(s.skipped, 0U);
  EXPECT_THAT(to_text(s, false), HasSubstr("signal 'fresh'"));
}

TEST_F(ReplayTest, ARequestThatIsRefusedNowIsCountedApart) {
  const auto before = plan(config("utility"));
  std::string yaml = config("utility");
  for (std::size_t at = yaml.find("context: 100000"); at != std::string::npos;
       at = yaml.find("context: 100000"))
    yaml.replace(at, 15, "context: 100");
  const auto after = plan(yaml);
  ASSERT_TRUE(before && after);
  write(records(*before));
  const ReplayReport r = replayed(*after, true);
  EXPECT_EQ(r.refused, 40U);
  EXPECT_EQ(r.after.at("(refused)"), 40U);
}

TEST_F(ReplayTest, LinesOfANewerVersionAndBrokenLinesAreSaid) {
  const auto p = plan(config("utility"));
  ASSERT_TRUE(p);
  std::string newer = record(*p, "hello", false, 1);
  newer.replace(newer.find("\"v\":1"), 5, "\"v\":2");
  write({newer, "{\"broken\":}"});
  const ReplayReport r = replayed(*p);
  EXPECT_EQ(r.skipped, 1U);
  EXPECT_EQ(r.unreadable, 1U);
  EXPECT_FALSE(r.clean());
}

TEST_F(ReplayTest, AMissingDirectoryIsAnError) {
  const auto p = plan(config("utility"));
  ASSERT_TRUE(p);
  EXPECT_FALSE(replay(dir_ + "/nowhere", "records", *p, {}));
}

TEST_F(ReplayTest, ExplainTellsAPersonWhatHappened) {
  const auto p = plan(config("{ type: utility, cost: 0 }"));
  ASSERT_TRUE(p);
  const std::string line = record(*p, "price the apple", false, 1);
  const auto text = explain(
      line, {R"({"v":1,"kind":"feedback","record":"r","score":0.5,"comment":"fine"})"}, false);
  ASSERT_TRUE(text) << text.error().message;
  for (const char* part :
       {"2023-11-14 22:13:20.123 UTC", "alice", "rule rest", "code false", "> large", "because",
        "0.0002 USD", "score 0.5, comment fine", "added_us 85"}) {
    EXPECT_THAT(*text, HasSubstr(part));
  }
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_NE(explain(line, {}, true)->find('\x1b'), std::string::npos);
  EXPECT_EQ(text->find("experiment"), std::string::npos);
  EXPECT_FALSE(explain("{}", {}, false));
}

TEST_F(ReplayTest, ExplainNamesTheArmOfAnExperiment) {
  const auto p = plan(config("{ type: utility, cost: 0 }"));
  ASSERT_TRUE(p);
  const std::string line = record(*p, "price the apple", false, 1);
  const std::string with =
      R"({"experiment":{"name":"cheaper","id":"53b0","arm":"next","unit":"328d","share":0.1,)"
      R"("propensity":0.1,"marginal":0.4,"others":[{"arm":"now","choice":"large"},{"arm":"last"}]},)" +
      line.substr(1);
  const auto text = explain(with, {}, false);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("experiment cheaper, arm next with share 0.1, which unit 328d "
                               "keeps; 0.4 is the probability of this model over all arms; arm "
                               "now would choose large; arm last would choose nobody\n"));
}

}  // namespace
}  // namespace swy::eval
