// Strategies on recorded answers: every call is paid for, thresholds come from the train part, and
// a configuration with a flow is evaluated as it serves.
#include "eval/flowed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "eval/evaluate.h"
#include "eval/testing/file_lab.h"
#include "flow/builtin.h"
#include "record/testing/shared_data.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;

// Models S and M at 1 and 4 agree on two questions of four, L at 20 is always right. On the first
// agreement they are right, on the second both wrong.
class Recorded : public testing::FileLab {
 protected:
  Recorded() : FileLab("swy_flowed") {}
  void SetUp() override {
    std::ofstream rows(table());
    std::ofstream texts(directory_ + "/t.responses.jsonl");
    const char* said[4][3] = {{"right", "Right.", "right"},
                              {"wrong", "wrong", "right"},
                              {"wrong", "right", "right"},
                              {"wrong", "other", "right"}};
    for (int i = 0; i < 400; ++i) {
      const auto& answers = said[i % 4];
      rows << R"({"id":"q)" << i << R"(","prompt":"question number )" << i << R"(","models":{)";
      texts << R"({"id":"q)" << i << R"(","responses":{)";
      for (int m = 0; m < 3; ++m) {
        const bool right = answers[m][0] == 'r' || answers[m][0] == 'R';
        rows << (m > 0 ? "," : "") << '"' << "SML"[m] << R"(":{"correct":)" << (right ? 1 : 0)
             << R"(,"tokens_in":10,"tokens_out":10,"cost":)"
             << (m == 0   ? 1
                 : m == 1 ? 4
                          : 20)
             << '}';
        texts << (m > 0 ? "," : "") << '"' << "SML"[m] << R"(":")" << answers[m] << '"';
      }
      rows << "}}\n";
      texts << "}}\n";
    }
    rows.close();
    texts.close();
  }
};

TEST_F(Recorded, AgreementPaysForEveryCallAndKeepsSharedMistakes) {
  const LineReport& l = line("agreement:agree=2");
  ASSERT_EQ(l.points.size(), 1U);
  // Half agree at 5, half go on at 25; of those that agree half are wrong. The split is by hash.
  const double agreed = (25 - l.points[0].cost) / 20;
  EXPECT_NEAR(agreed, .5, .12);
  EXPECT_NEAR(l.points[0].quality.value, .75, .1);
  EXPECT_THAT(report_.notes,
              ::testing::Contains(HasSubstr("answered before every model was asked")));
}

TEST_F(Recorded, SweepsTheQuorumWhenItIsNotStated) {
  const LineReport& l = line("agreement");
  ASSERT_EQ(l.points.size(), 2U);
  EXPECT_NEAR(l.points[0].cost, 1, 1e-6);  // the first that says anything
}

TEST_F(Recorded, ThresholdsComeFromTheTrainPart) {
  const LineReport& l = line("cascade:keep=1,sure=0");
  ASSERT_EQ(l.points.size(), 1U);
  EXPECT_NEAR(l.points[0].quality.value, 1, 1e-6);
  EXPECT_LE(l.points[0].cost, 20 + 1e-6);  // L alone is the cheapest that is always right
}

// S says how sure it is: exp(-.1) = .90 where it is right and exp(-1) = .37 elsewhere; L .67.
TEST_F(Recorded, DeferralRulesReadTheConfidencesThatWereRecorded) {
  std::ofstream texts(directory_ + "/t.responses.jsonl");
  for (int i = 0; i < 400; ++i) {
    const bool right = i % 4 == 0;
    texts << R"({"id":"q)" << i << R"(","responses":{"S":")" << (right ? "right" : "wrong")
          << R"(","M":"m","L":"right"},"logprobs":{"S":{"mean":)" << (right ? -.1 : -1.0)
          << R"(,"min":-2},"L":{"mean":-0.4,"min":-1}}})" << '\n';
  }
  texts.close();
  const PointReport chow = line("speculative:rule=chow,alpha=.2").points[0];
  const double share = (21 - chow.cost) / 20;  // of the drafts stand, all of them right
  EXPECT_NEAR(share, .25, .1);
  EXPECT_NEAR(chow.quality.value, 1, 1e-6);
  // .67 - .5 < .37: the target is asked and every draft stands all the same.
  const PointReport diff = line("speculative:rule=diff,alpha=.5").points[0];
  EXPECT_NEAR(diff.quality.value, share, 1e-6);
  EXPECT_NEAR(diff.cost, chow.cost, 1e-6);
  EXPECT_GT(line("speculative:rule=opt").points.size(), 2U);  // alpha is swept
}

TEST_F(Recorded, CallsThatNoTableHasFailAndAreCounted) {
  (void)line("automix:threshold=.5");
  EXPECT_THAT(report_.notes, ::testing::Contains(HasSubstr("of a kind the tables do not record")));
}

TEST_F(Recorded, AConfigurationWithAFlowIsEvaluatedAsItServes) {
  const std::string file = directory_ + "/c.yaml";
  std::ofstream(file) << "models:\n"
                         "  - { name: S, price: { input: 1, output: 1 } }\n"
                         "  - { name: M, price: { input: 4, output: 4 } }\n"
                         "  - { name: L, price: { input: 20, output: 20 } }\n"
                         "routes:\n"
                         "  auto:\n"
                         "    - { models: [S, M, L], flow: { type: agreement, agree: 2 } }\n";
  const PointReport plugin = line("agreement:agree=2").points[0];
  const PointReport served = line(file + ":auto").points[0];
  EXPECT_NEAR(served.cost, plugin.cost, 1e-6);
  EXPECT_NEAR(served.quality.value, plugin.quality.value, 1e-6);
}

// Agreement buys what the prompt cannot show, on real answers when they are there.
TEST(RecordedMmluPro, ThreeModelsBeatMixturesOfThemAtEqualCost) {
  const auto data = record::shared_data();
  const std::string table = data.value_or("") + "/mmlu_pro/mmlu_pro.jsonl.gz";
  if (!data || !std::filesystem::exists(table)) GTEST_SKIP() << "no MMLU-Pro outcomes here";
  EvalOptions options;
  options.pool.data = {table};
  options.pool.models = {"deepseek-chat", "Phi-3-mini-4k-instruct", "gemini-1.5-pro-002"};
  options.routers = {"agreement:agree=2", "cascade:keep=.99"};
  options.bootstrap = 200;
  const auto report = evaluate(options, flow::builtin_registry());
  ASSERT_TRUE(report) << report.error().message;
  for (const LineReport& l : report->lines) {
    if (l.kind != LineReport::Kind::kRouter || l.points.size() != 1) continue;
    EXPECT_GT(l.points[0].over_mixture.lo, 0) << l.name;
    EXPECT_GT(l.points[0].quality.value, .98 * report->best().points[0].quality.value) << l.name;
    EXPECT_LT(l.points[0].cost, .95 * report->best().points[0].cost) << l.name;
  }
}

}  // namespace
}  // namespace swy::eval
