#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

TEST(Threshold, CallsTheStrongModelWhenTheGainReachesTheThreshold) {
  PolicyLab lab("{ type: threshold, strong: m1, weak: m0, threshold: 0.25 }");
  const Weighed at = lab.weigh({belief(0.5), belief(0.75)});
  EXPECT_EQ(at.only(), 1);
  EXPECT_EQ(at.why, "m1: expected gain of m1 0.250 reaches the threshold 0.250");
  const Weighed below = lab.weigh({belief(0.5), belief(0.74)});
  EXPECT_EQ(below.only(), 0);
  EXPECT_LT(below.score[1], below.score[0]);
}

TEST(Threshold, CanScoreTheStrongModelAlone) {
  PolicyLab lab("{ type: threshold, strong: m1, weak: m0, threshold: 0.7, score: strong }");
  EXPECT_EQ(lab.weigh({belief(0.9), belief(0.75)}).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.1), belief(0.65)}).only(), 0);
}

TEST(Threshold, TakesDearestAndCheapestForStrongAndWeak) {
  PolicyLab lab("{ type: threshold, threshold: 0 }");  // m7 and m0
  EXPECT_EQ(lab.weigh({belief(0.1), belief(0.9), belief(0.5)}, {}, {0, 3, 7}).only(), 2);
}

TEST(Threshold, TakesTheOtherWhenOneIsForbiddenOrUnknown) {
  PolicyLab lab("{ type: threshold, strong: m1, weak: m0, threshold: 0.5 }");
  EXPECT_EQ(lab.weigh({belief(0.5), belief(0.6)}, {true, false}).only(), 1);
  EXPECT_EQ(lab.weigh({Belief{}, belief(0.6)}).only(), 1);
  EXPECT_EQ(lab.weigh({belief(0.5), Belief{}}).only(), 0);
}

TEST(Threshold, TakesTheBestOfTheRestWhenNeitherCanBeChosen) {
  PolicyLab lab("{ type: threshold, strong: m1, weak: m0, threshold: 0.5 }");
  const std::vector<Belief> beliefs{belief(0.5), belief(0.6), belief(0.1), belief(0.2)};
  EXPECT_EQ(lab.weigh(beliefs, {true, true, false, false}).only(), 3);
  EXPECT_EQ(lab.weigh({Belief{}, Belief{}, Belief{}}, {true, false, false}).only(), 1);
}

TEST(Threshold, SaysWhatToGiveWhenSomethingIsMissing) {
  const auto has = [](const std::string& policy, const std::string& what) {
    const std::string found = PolicyLab::findings(policy);
    EXPECT_NE(found.find(what), std::string::npos) << found;
  };
  has("threshold", "give threshold: NUMBER, or share: 0.5 with calibrate");
  has("{ type: threshold, share: 0.5 }", "give threshold: NUMBER, or share: 0.5 with calibrate");
  has("{ type: threshold, threshold: 1, strong: mm }", "'mm' is not among the rule's models");
  has("{ type: threshold, threshold: 1, strong: m1, weak: m1 }", "the same model");
  has("{ type: threshold, threshold: 1, score: x }", "should be gain or strong");
  has("{ type: threshold, share: 0.5, calibrate: [nowhere.jsonl] }",
      "nowhere.jsonl does not exist");
  has("{ type: threshold, share: 0.5, calibrate: [nowhere] }", "on none of the prompts");
}

// A configuration in which the strong model's quality depends on the prompt, through a table of
// single-word prompts.
class Calibration : public ::testing::Test {
 protected:
  Calibration() : folder_(std::filesystem::path(::testing::TempDir()) / "swy_threshold_test") {
    std::filesystem::create_directories(folder_);
    std::ofstream learn(folder_ / "learn.jsonl");
    std::ofstream ask(folder_ / "ask.jsonl");
    const char* words[] = {"alpha", "beta", "gamma", "delta"};
    for (int w = 0; w < 4; ++w) {
      line(learn, std::string("known-") + words[w], words[w], 0.1 * (w + 1));
      line(ask, std::string("asked-") + words[w], words[w], 0);
    }
  }
  ~Calibration() override { std::filesystem::remove_all(folder_); }

  static void line(std::ofstream& out, const std::string& id, const std::string& prompt,
                   double strong) {
    out << R"({"id":")" << id << R"(","dataset":"d","domain":"x","prompt":")" << prompt
        << R"(","models":{"m1":{"score":)" << strong << R"(},"m0":{"score":0}}})" << "\n";
  }
  static std::string config(const std::string& policy) {
    return lab_models() +
           "estimators: { past: { type: knn, table: learn.jsonl, neighbours: 1, shrink: 0 } }\n"
           "routes: { auto: [{ models: [m0, m1], estimator: past, policy: " +
           policy + " }] }\n";
  }
  [[nodiscard]] std::string found(const std::string& policy) const {
    return findings(config(policy), beliefs_registry(), folder_.string());
  }
  std::filesystem::path folder_;
};

TEST_F(Calibration,
       PutsTheThresholdBetweenTheScoresOfTheShare) {  // request-routing.md 3.5: .2 < t <= .3
  const std::string text = found("{ type: threshold, share: 0.5, calibrate: [ask.jsonl] }");
  EXPECT_NE(text.find("threshold 0.250000 calls m1 for 50.0 % of 4 prompts"), std::string::npos)
      << text;
  EXPECT_NE(found("{ type: threshold, share: 0, calibrate: [ask.jsonl] }").find("for 0.0 %"),
            std::string::npos);
  EXPECT_NE(found("{ type: threshold, share: 1, calibrate: [ask.jsonl] }").find("for 100.0 %"),
            std::string::npos);
}

TEST_F(Calibration, LetsAGivenThresholdStand) {
  EXPECT_EQ(found("{ type: threshold, threshold: 0.9, share: 0.5, calibrate: [ask.jsonl] }")
                .find("calls"),
            std::string::npos);
}

TEST_F(Calibration, DoesNotLearnFromTheRowThatIsAsked) {
  // Asking the learned rows themselves: each one's only neighbour is excluded, so nothing is known.
  const std::string text = found("{ type: threshold, share: 0.5, calibrate: [learn.jsonl] }");
  EXPECT_NE(text.find("on none of the prompts is the quality of both models known"),
            std::string::npos)
      << text;
}

TEST_F(Calibration, WarnsWhenEqualScoresCannotMeetTheShare) {
  std::ofstream same(folder_ / "same.jsonl");
  for (int i = 0; i < 10; ++i) line(same, "same-" + std::to_string(i), "alpha", 0);
  same.close();
  const std::string text = found("{ type: threshold, share: 0.4, calibrate: [same.jsonl] }");
  EXPECT_NE(text.find("warning: threshold 0.100000 calls m1 for 0.0 % of 10 prompts, not 40.0 %"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace swy::route::testing
