#include "gateway/probes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace swy::gateway {
namespace {

std::string folder() {
  std::string pattern = testing::TempDir() + "swy_probes_XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  return pattern;
}

// 300 questions of domains a (200) and b (100), harder with their number, answered "n" when right.
struct Known {
  record::OutcomeTable table;
  record::Responses responses;
};
Known known(const std::string& dir, const std::string& more = "") {
  std::ofstream rows(dir + "/known.jsonl");
  std::ofstream answers(dir + "/known.responses.jsonl");
  for (int i = 0; i < 300; ++i) {
    const bool right = i % 10 != 9;
    rows << fmt::format(
                R"({{"id":"q{}","dataset":"d","domain":"{}","prompt":"what is {}",{}"models":{{)"
                R"("small":{{"correct":{},"tokens_in":40}},"large":{{"correct":{}}}}}}})",
                i, i < 200 ? "a" : "b", i, more, i % 3 == 0 ? 1 : 0, right ? 1 : 0)
         << "\n";
    answers << fmt::format(R"({{"id":"q{}","responses":{{"small":"no","large":"answer: {}"}}}})", i,
                           i)
            << "\n";
  }
  rows.close();
  answers.close();
  const std::vector<std::string> paths{dir + "/known.jsonl"};
  return {record::load_outcomes(paths).value(), record::Responses::of_tables(paths).value()};
}

ProbeChoice thirty() { return {.model = "fresh", .count = 30, .max_tokens = 100}; }

TEST(ChooseProbes, GivesEveryDomainAndDifficultyItsShareAndTheSameQuestionsAgain) {
  const Known k = known(folder());
  ProbeChoice judged = thirty();
  judged.judged = true;
  const auto chosen = choose_probes(k.table, k.responses, judged);
  ASSERT_EQ(chosen.size(), 60U);  // as many again in reserve
  std::map<std::string, int> domains;
  std::set<std::string> ids;
  double ease = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_TRUE(ids.insert(chosen[i].id).second) << chosen[i].id;
    if (i >= 30) continue;
    ++domains[chosen[i].domain];
    const std::size_t row = std::stoul(chosen[i].id.substr(1));
    ease += static_cast<double>(k.table.cell(row, 0).quality + k.table.cell(row, 1).quality) / 60;
  }
  EXPECT_EQ(domains["a"], 20);
  EXPECT_EQ(domains["b"], 10);
  double all = 0;
  for (std::size_t row = 0; row < 300; ++row)
    all += static_cast<double>(k.table.cell(row, 0).quality + k.table.cell(row, 1).quality) / 600;
  EXPECT_NEAR(ease, all, 0.04);  // a random sample of 30: standard error 0.06
  const auto again = choose_probes(k.table, k.responses, judged);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(again[i].id, chosen[i].id);
  judged.model = "another";
  std::set<std::string> others;
  for (const auto& q : choose_probes(k.table, k.responses, judged)) others.insert(q.id);
  EXPECT_NE(others, ids);
}

TEST(ChooseProbes, WithoutAJudgeAsksOnlyWhatHasARecordedRightAnswer) {
  const Known k = known(folder());
  const auto chosen = choose_probes(k.table, k.responses, thirty());
  ASSERT_EQ(chosen.size(), 60U);
  for (const ProbeQuestion& q : chosen) {
    const int number = std::stoi(q.id.substr(1));
    // "no" of the small model is a right answer where it was right.
    EXPECT_TRUE(number % 10 != 9 || number % 3 == 0) << q.id;
    ASSERT_FALSE(q.accepted.empty());
    if (number % 10 != 9) {
      const std::string said = fmt::format("I think the answer: {}.0", number);
      EXPECT_EQ(score_by_reference(q, said, flow::AnswerForm::kAuto), 1) << q.accepted[0];
    }
    EXPECT_EQ(score_by_reference(q, "answer: -7", flow::AnswerForm::kAuto), 0);
    EXPECT_EQ(score_by_reference(q, "", flow::AnswerForm::kAuto), 0);
  }
}

TEST(ChooseProbes, LeavesOutTestPartsToolsAndWhatDoesNotFit) {
  EXPECT_TRUE(choose_probes(known(folder(), R"("part":"test",)").table, {}, thirty()).empty());
  const Known tools = known(folder(), R"("tools":[{"name":"f"}],)");
  EXPECT_TRUE(choose_probes(tools.table, tools.responses, thirty()).empty());
  const Known k = known(folder());
  ProbeChoice tight = thirty();
  tight.context = 139;  // 40 and 100
  EXPECT_TRUE(choose_probes(k.table, k.responses, tight).empty());
  tight.context = 140;
  EXPECT_FALSE(choose_probes(k.table, k.responses, tight).empty());
}

ProbeRow row(const std::string& id, double score, double cost) {
  ProbeRow r{id, "d", "a", "what?\n\"quoted\""};
  r.score = score;
  r.cost_usd = cost;
  r.judge_usd = 0.5;
  r.tokens_in = 3;
  return r;
}

TEST(ProbeFile, IsAnOutcomeTableOncePublishedAndGoesOnAfterARestart) {
  const std::string dir = folder() + "/probes";
  std::string told;
  auto file = ProbeFile::open(dir, "provider/fresh:1", "id1", told).value();
  EXPECT_TRUE(file.add(row("q1", 1, 0.25)));
  EXPECT_FALSE(file.add(row("q1", 0, 9)));  // once
  EXPECT_TRUE(file.add(row("q2", std::nan(""), 0.25)));
  ASSERT_TRUE(file.save(false));
  EXPECT_FALSE(record::load_outcomes(dir)) << "nothing is published yet";
  auto again = ProbeFile::open(dir, "provider/fresh:1", "id1", told).value();
  EXPECT_TRUE(again.unpublished());
  EXPECT_EQ(again.rows(), 2U);
  EXPECT_EQ(again.observations(), 1U);
  EXPECT_DOUBLE_EQ(again.spent_usd(), 1.5);  // the one that could not be scored was paid too
  EXPECT_TRUE(again.add(row("q3", 0, 0)));
  ASSERT_TRUE(again.save(true));
  const auto table = record::load_outcomes(dir);
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->rows(), 3U);
  const std::size_t m = table->model_index("provider/fresh:1");
  ASSERT_NE(m, record::OutcomeTable::npos);
  EXPECT_EQ(table->cell(0, m).quality, 1);
  EXPECT_TRUE(std::isnan(table->cell(1, m).quality));
  EXPECT_EQ(table->row(0).prompt, "what?\n\"quoted\"");
  auto last = ProbeFile::open(dir, "provider/fresh:1", "id1", told).value();
  EXPECT_FALSE(last.unpublished());
  EXPECT_EQ(last.observations(), 2U);
  EXPECT_EQ(last.mean(), 0.5);
  EXPECT_EQ(told, "");
}

TEST(ProbeFile, OfAnotherUpstreamIsSetAsideAndOneThatIsNoneIsRefused) {
  const std::string dir = folder();
  std::string told;
  auto file = ProbeFile::open(dir, "fresh", "id1", told).value();
  file.add(row("q1", 1, 0));
  ASSERT_TRUE(file.save(true));
  auto other = ProbeFile::open(dir, "fresh", "id2", told);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->rows(), 0U);
  EXPECT_NE(told.find("set aside"), std::string::npos) << told;
  EXPECT_TRUE(std::filesystem::exists(dir + "/fresh.stale"));
  EXPECT_FALSE(record::load_outcomes(dir)) << "estimators do not read it any more";
  for (const char* bad : {"not json\n", "{}\n", R"({"id":"q","models":{"other":{}}})"}) {
    std::ofstream(dir + "/fresh.jsonl") << bad;
    const auto refused = ProbeFile::open(dir, "fresh", "id1", told);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::kParse);
  }
}

TEST(ProbeFile, NamesOfModelsStayInTheDirectoryAndApart) {
  const std::string dir = folder() + "/probes";
  std::string told;
  for (const std::string& model :
       {std::string("a/b"), std::string("a_b"), std::string("../../a"), std::string(500, 'x')}) {
    auto file = ProbeFile::open(dir, model, "id", told).value();
    EXPECT_EQ(file.rows(), 0U) << model;
    file.add(row("q", 1, 0));
    ASSERT_TRUE(file.save(true)) << model;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 4);
}

}  // namespace
}  // namespace swy::gateway
