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

TEST(Prompts, ReadTheRouteInAnyQuotesAndNothingElse) {
  EXPECT_EQ(read_route("{'route': 'code generation'}"), "code generation");
  EXPECT_EQ(read_route("```json\n{\"route\": \"code generation\"}\n```"), "code generation");
  EXPECT_EQ(read_route("I think {\"route\":\"other\"}"), "other");
  // Quote repair would cut these names; here they stay whole.
  EXPECT_EQ(read_route("{'route': 'chef's tips'}"), "chef's tips");
  EXPECT_EQ(read_route("{\"route\": \"chef's tips\"}"), "chef's tips");
  for (const char* none : {"{}", "", "route", "'route'", "{\"route\"", "{\"route\": 3}",
                           "{\"route\": \"open", "\"route\":", "enroute: x"}) {
    EXPECT_FALSE(read_route(none)) << none;
  }
}

// request-routing.md 4.6 f: 4,000, 4,000 and 400 characters, 240 tokens of the prompt's own.
TEST(Prompts, ShowTheLatestTurnsAndTheUsersThatOverflows) {
  std::vector<route::Turn> turns = {{true, std::string(4'000, 'a')},
                                    {false, std::string(4'000, 'b')},
                                    {true, std::string(400, 'c')}};
  EXPECT_EQ(first_turn_shown(turns, 240, 2'048), 0U);  // 240 + 100 + 1,000, then 2,340: kept
  turns[0].user = false;
  EXPECT_EQ(first_turn_shown(turns, 240, 2'048), 1U);  // the assistant's is not
  turns.insert(turns.begin(), {true, "before"});
  EXPECT_EQ(first_turn_shown(turns, 240, 2'048), 2U);  // nothing before what overflows
  const std::vector<route::Turn> one = {{false, std::string(40'000, 'a')}};
  EXPECT_EQ(first_turn_shown(one, 240, 2'048), 0U);  // the last one always
  EXPECT_EQ(first_turn_shown({}, 240, 2'048), 0U);
}

}  // namespace
}  // namespace swy::flow
