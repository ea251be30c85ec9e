#include "flow/prompts.h"

#include <gtest/gtest.h>

#include <array>

namespace swy::flow {
namespace {

TEST(Prompts, ReadVerdictsOrNothing) {
  EXPECT_EQ(read_yes("CORRECT"), true);
  EXPECT_EQ(read_yes("Step 1 is correct. So: Incorrect."), false);
  EXPECT_EQ(read_yes("incorrect at first sight, but in the end CORRECT"), true);
  EXPECT_EQ(read_yes("I cannot say"), std::nullopt);
  EXPECT_EQ(read_grade("85"), .85);
  EXPECT_EQ(read_grade("Grade: 100/100"), 1.0);
  EXPECT_EQ(read_grade("850"), std::nullopt);
  EXPECT_EQ(read_grade(""), std::nullopt);
  EXPECT_EQ(read_choice("Answer 2 is best", 3), 1U);
  EXPECT_EQ(read_choice("4", 3), std::nullopt);
  EXPECT_EQ(read_choice("0", 3), std::nullopt);
}

TEST(Prompts, CutWhatIsLongAndKeepTheInstruction) {
  const std::string huge(100'000, 'x');
  const std::array<std::string, 2> answers = {huge, "short"};
  EXPECT_LT(judge_prompt(huge, answers).size(), 50'000U);
  EXPECT_TRUE(judge_prompt("q", answers).ends_with("nothing else."));
  EXPECT_LT(synthesis_prompt("q", answers, 100).size(), 600U);
  const std::array<std::string, 1> umlauts = {"\xC3\xA4\xC3\xA4\xC3\xA4"};
  EXPECT_NE(synthesis_prompt("q", umlauts, 3).find("\n\xC3\xA4\n"), std::string::npos);
}

}  // namespace
}  // namespace swy::flow
