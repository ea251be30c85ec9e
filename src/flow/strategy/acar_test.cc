#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

class Acar : public ::testing::Test {
 protected:
  Ended ask(const char* a, const char* b, const char* c, const char* m, const char* l) {
    caller.answers = {{0, {{a, 1}, {b, 1}, {c, 1}}}, {1, {{m, 4}}}, {2, {{l, 20}}}};
    return lab.ask(caller);
  }
  FlowLab lab{"{ type: acar }"};
  ScriptedCaller caller;
};

TEST_F(Acar, HasThreeModes) {  // request-routing.md 4.10 f
  Ended e = ask("A", "A", "A", "B", "B");
  EXPECT_EQ(asked(e), "SSS");  // sigma 0
  EXPECT_EQ(answer_of(e), "A");
  e = ask("A", "A", "B", "A", "C");
  EXPECT_EQ(asked(e), "SSSML");  // sigma 1/2: majority A
  EXPECT_EQ(answer_of(e), "A");
  e = ask("A", "B", "C", "D", "D");
  EXPECT_EQ(asked(e), "SSSML");  // sigma 1
  EXPECT_EQ(answer_of(e), "D");
}

TEST_F(Acar, CannotRecoverFromProbesThatAgreeOnAMistake) {
  EXPECT_EQ(answer_of(ask("wrong", "wrong", "wrong", "right", "right")), "wrong");
}

TEST_F(Acar, TakesOneNumberInThreeClothesForAgreement) {
  EXPECT_EQ(asked(ask("12", "12.0", " 12 ", "x", "y")), "SSS");
}

TEST_F(Acar, NumbersItsSamplesSoThatTheyDiffer) {
  const Ended e = ask("A", "A", "A", "B", "B");
  EXPECT_EQ(e.seen[0].sample, 0U);
  EXPECT_EQ(e.seen[2].sample, 2U);
}

TEST(AcarJudge, ChoosesWhenAllDiffer) {
  FlowLab lab("{ type: acar, models: [M], judge: L }");
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"A", 1}, {"B", 1}, {"C", 1}}}, {1, {{"D", 4}}}};
  caller.verdicts = {{2, {{"2", 20}}}};
  Ended e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "B");
  EXPECT_NEAR(e.cost_usd(), 27, 1e-9);  // the judge is paid too
  caller.verdicts = {{2, {{"none of them", 20}}}};
  e = lab.ask(caller);
  EXPECT_EQ(answer_of(e), "D");  // most voices: all one, so the best model's
}

}  // namespace
}  // namespace swy::flow
