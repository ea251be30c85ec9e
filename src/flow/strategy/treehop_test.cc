#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "flow/testing/scripted.h"
#include "flow/tree_hop_file.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

class TreeHopStrategy : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream file(path_);
    file << R"({"text":"The lighthouse of Ardmore was designed by the engineer Ida Quill."})"
         << '\n'
         << R"({"text":"Ida Quill, an engineer, was born in the town of Westport."})" << '\n'
         << R"({"text":"Sourdough bread rises slowly because wild yeast is slow."})" << '\n'
         << R"({"text":"The offside rule of football was changed again."})" << '\n';
  }
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] std::string flow(const std::string& more = "") const {
    return "{ type: treehop, passages: " + path_ + more + " }";
  }
  static ScriptedCaller answers() {
    ScriptedCaller c;
    c.answers = {{0, {{"from S", 1}}}, {1, {{"from M", 4}}}, {2, {{"from L", 20}}}};
    return c;
  }
  std::string path_ = ::testing::TempDir() + "swy_treehop_passages.jsonl";
};

constexpr const char* kQuestion = "Who was the engineer that designed the lighthouse of Ardmore?";

TEST_F(TreeHopStrategy, AsksTheChosenModelOnceWithWhatTheHopsFound) {
  FlowLab lab(flow(", keep: 1, least: 0"));
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller = answers();
  const Ended e = lab.ask(caller, lab.start(kQuestion));
  EXPECT_EQ(asked(e), "S");  // what the rule chose
  const std::string& prompt = caller.rounds[0][0].prompt;
  EXPECT_NE(prompt.find("designed by the engineer"), std::string::npos);
  EXPECT_NE(prompt.find(kQuestion), std::string::npos);
  EXPECT_EQ(prompt.find("Sourdough"), std::string::npos) << prompt;
}

TEST_F(TreeHopStrategy, SendsTheRequestAsItIsWhenNothingIsNear) {
  FlowLab lab(flow(", least: 0.6"));
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller = answers();
  const Ended e = lab.ask(caller, lab.start("Prove that the square root of two is irrational."));
  EXPECT_EQ(answer_of(e), "from S");
  EXPECT_TRUE(caller.rounds[0][0].prompt.empty());
}

TEST_F(TreeHopStrategy, AsksAnotherModelWhenTheChosenOneFails) {
  FlowLab lab(flow());
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller = answers();
  caller.answers[0] = {{"down", 0, true}};
  EXPECT_EQ(asked(lab.ask(caller, lab.start(kQuestion))), "SM");
}

TEST_F(TreeHopStrategy, RefusesWhatItCannotUse) {
  EXPECT_NE(FlowLab("treehop").errors().find("needs passages"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: treehop, passages: /nowhere.jsonl }").errors().find("nowhere"),
            std::string::npos);
  std::ofstream(path_) << "{\"title\":\"no text\"}\n";
  EXPECT_NE(FlowLab(flow()).errors().find(":1: expected"), std::string::npos);
  SetUp();
  const std::string weights = ::testing::TempDir() + "swy_treehop.safetensors";
  ASSERT_TRUE(save_tree_hop(weights, math::TreeHopWeights::identity(2), "another encoder"));
  EXPECT_NE(FlowLab(flow(", weights: " + weights)).errors().find("trained on the encoder"),
            std::string::npos);
  std::filesystem::remove(weights);
}

}  // namespace
}  // namespace swy::flow
