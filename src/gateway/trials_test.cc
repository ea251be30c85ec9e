#include "gateway/trials.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "base/hash.h"
#include "gateway/record_line.h"
#include "record/log.h"
#include "switchyard/env.h"

namespace swy::gateway {
namespace {

route::ExperimentSpec canary() {
  route::ExperimentSpec s;
  s.name = "trial";
  s.rules = "auto";
  s.arms = {{"old", "auto", 0.5}, {"new", "auto-new", 0.5}};
  s.promote = true;
  s.id = "00000000000000aa";
  return s;
}

std::string request_line(int n, std::string_view arm, std::string_view id = "00000000000000aa") {
  return fmt::format(
      R"({{"v":1,"kind":"request","id":"rec_{}","time_us":{},"decision":{{"set":"auto","choice":"m"}},)"
      R"("experiment":{{"name":"trial","id":"{}","arm":"{}","unit":"{}","others":[{{"arm":"new","choice":"m"}}]}},)"
      R"("outcome":{{"status":200,"cost_nano":5000}},"times":{{"total_us":700}}}})",
      n, n * 10, id, arm, base::hex64(static_cast<std::uint64_t>(n)));
}

std::string state_of(const Trials& t) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object();
  t.write(w);
  w.end_object();
  return out;
}

bool hear(Trials& t, const std::string& line, double score) {
  base::JsonDoc doc;
  return t.hear(doc.parse(line).value(), score);
}

TEST(Trials, FeedbackForAWorseArmTakesItsRequestsAway) {
  base::Metrics metrics;
  Trials t(metrics);
  t.adopt({canary()});
  int n = 0;
  bool changed = false;
  for (; n < 2000 && !changed; ++n)
    changed = hear(t, request_line(n, n % 2 == 0 ? "old" : "new"), n % 2 == 0 ? 0.9 : 0.2);
  EXPECT_LT(n, 300);
  EXPECT_EQ(t.shares(), (std::vector<std::vector<double>>{{1, 0}}));
  EXPECT_NE(state_of(t).find(R"("state":"rolled back")"), std::string::npos) << state_of(t);
  EXPECT_NE(
      metrics.prometheus().find(
          R"(switchyard_experiment_decisions_total{experiment="trial",arm="new",decision="out"} 1)"),
      std::string::npos);
}

TEST(Trials, FeedbackOfAnotherExperimentOrTwiceForTheSameRequestCountsForNothing) {
  base::Metrics metrics;
  Trials t(metrics);
  t.adopt({canary()});
  const std::string empty = state_of(t);
  EXPECT_FALSE(hear(t, request_line(1, "old", "00000000000000bb"), 1));
  EXPECT_FALSE(hear(t, request_line(2, "nobody"), 1));
  EXPECT_FALSE(hear(t, R"({"kind":"request","id":"rec_x"})", 1));
  EXPECT_FALSE(hear(t, R"({"experiment":{"id":"00000000000000aa","arm":"old","unit":"xyz"}})", 1));
  EXPECT_EQ(state_of(t), empty);
  hear(t, request_line(3, "old"), 1);
  const std::string once = state_of(t);
  EXPECT_NE(once, empty);
  hear(t, request_line(3, "old"), 0);
  EXPECT_EQ(state_of(t), once);
}

TEST(Trials, WhatIsInTheRecordsIsTheSameAfterARestart) {
  const auto dir = std::filesystem::temp_directory_path() /
                   fmt::format("swy-trials-{}", static_cast<int>(::getpid()));
  std::filesystem::remove_all(dir);
  base::Metrics metrics;
  Trials before(metrics);
  before.adopt({canary()});
  {
    auto log = record::LogWriter::open({dir.string(), std::string(kRecordKind), 0, 1 << 20},
                                       system_clock());
    ASSERT_TRUE(log) << log.error().message;
    for (int n = 0; n < 200; ++n) {
      const std::string line = request_line(n, n % 2 == 0 ? "old" : "new");
      ASSERT_TRUE((*log)->append(line));
      const double score = n % 2 == 0 ? 0.9 : 0.1 + 0.001 * n;
      ASSERT_TRUE(
          (*log)->append(feedback_line({fmt::format("rec_{}", n), score, ""}, "", 1'000'000 + n)));
      hear(before, line, score);
    }
  }
  EXPECT_NE(state_of(before).find("rolled back"), std::string::npos);
  Trials after(metrics);
  after.adopt({canary()});
  after.catch_up(dir.string());
  EXPECT_EQ(after.shares(), before.shares());
  std::string told = state_of(after);
  EXPECT_NE(told.find("observations read from records"), std::string::npos) << told;
  const auto arms = [](const std::string& s) { return s.substr(s.find("\"alpha\"")); };
  EXPECT_EQ(arms(told), arms(state_of(before)));
  route::ExperimentSpec changed = canary();
  changed.id = "00000000000000cc";
  Trials anew(metrics);
  anew.adopt({changed});
  anew.catch_up(dir.string());
  EXPECT_NE(state_of(anew).find("begun by this process"), std::string::npos);
  EXPECT_EQ(anew.shares(), (std::vector<std::vector<double>>{{0.5, 0.5}}));
  std::filesystem::remove_all(dir);
}

TEST(Trials, ADecisionLineIsEnoughToKeepAnArmOut) {
  const auto dir = std::filesystem::temp_directory_path() /
                   fmt::format("swy-trials-line-{}", static_cast<int>(::getpid()));
  std::filesystem::remove_all(dir);
  base::Metrics metrics;
  Trials before(metrics);
  before.adopt({canary()});
  for (int n = 0; n < 200; ++n)
    hear(before, request_line(n, n % 2 == 0 ? "old" : "new"), n % 2 == 0 ? 0.9 : 0.2);
  const std::vector<std::string> lines = before.take_lines(77);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(before.take_lines(78).empty());
  // The control last: it wins because the other is out.
  EXPECT_EQ(lines[0].find(
                R"({"v":1,"kind":"experiment","time_us":77,"id":"00000000000000aa","name":"trial",)"
                R"("arm":"new","decision":"out","why":"worse: quality)"),
            0U)
      << lines[0];
  {
    auto log = record::LogWriter::open({dir.string(), std::string(kRecordKind), 0, 1 << 20},
                                       system_clock());
    ASSERT_TRUE(log) << log.error().message;
    for (const std::string& line : lines) ASSERT_TRUE((*log)->append(line));
    ASSERT_TRUE((*log)->append(R"({"kind":"experiment","id":"x","arm":"old","decision":"out"})"));
  }
  Trials after(metrics);
  after.adopt({canary()});
  after.catch_up(dir.string());
  EXPECT_EQ(after.shares(), (std::vector<std::vector<double>>{{1, 0}})) << state_of(after);
  EXPECT_NE(state_of(after).find(R"("state":"rolled back")"), std::string::npos);
  EXPECT_TRUE(after.take_lines(79).empty());
  std::filesystem::remove_all(dir);
}

TEST(Trials, WithoutRecordsItSaysThatARestartBeginsAnew) {
  base::Metrics metrics;
  Trials t(metrics);
  t.adopt({canary()});
  t.catch_up("");
  EXPECT_NE(state_of(t).find("a restart begins anew"), std::string::npos);
}

TEST(Trials, AReloadKeepsWhatItDidNotTouch) {
  base::Metrics metrics;
  Trials t(metrics);
  t.adopt({canary()});
  hear(t, request_line(1, "old"), 1);
  route::ExperimentSpec other = canary();
  other.name = "other";
  other.id = "00000000000000dd";
  t.adopt({other, canary()});
  EXPECT_NE(state_of(t).find(R"("n":1)"), std::string::npos) << state_of(t);
  t.adopt({});
  t.adopt({canary()});
  EXPECT_EQ(state_of(t).find(R"("n":1)"), std::string::npos);
}

TEST(Trials, WhatAnEndSaysOfEachMetric) {
  using M = route::ExperimentMetric;
  EXPECT_TRUE(std::isnan(measured(M::kQuality, 200, 5, 1)));
  EXPECT_EQ(measured(M::kSuccess, 200, {}, 1), 1);
  EXPECT_EQ(measured(M::kSuccess, 502, {}, 1), 0);
  EXPECT_EQ(measured(M::kSuccess, 422, {}, 1), 0);
  EXPECT_TRUE(std::isnan(measured(M::kSuccess, 400, {}, 1)));
  EXPECT_TRUE(std::isnan(measured(M::kSuccess, 499, {}, 1)));
  EXPECT_DOUBLE_EQ(measured(M::kCost, 200, 5'000'000, 1), 0.005);
  EXPECT_TRUE(std::isnan(measured(M::kCost, 200, {}, 1)));
  EXPECT_TRUE(std::isnan(measured(M::kCost, 502, 0, 1)));
  EXPECT_EQ(measured(M::kLatency, 200, {}, 12.5), 12.5);
  EXPECT_TRUE(std::isnan(measured(M::kLatency, 504, {}, 12.5)));
  EXPECT_EQ(ended_as(200, false, true), 502);
  EXPECT_EQ(ended_as(200, true, true), 499);
  EXPECT_EQ(ended_as(404, false, true), 404);
}

}  // namespace
}  // namespace swy::gateway
