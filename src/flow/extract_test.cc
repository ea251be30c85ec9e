#include "flow/extract.h"

#include <gtest/gtest.h>

namespace swy::flow {
namespace {

TEST(Extract, TreatsOneNumberInThreeClothesAsOneAnswer) {  // request-routing.md 4.10 f
  for (const AnswerForm form : {AnswerForm::kAuto, AnswerForm::kNumber}) {
    EXPECT_EQ(normal_answer("12", form), "12");
    EXPECT_EQ(normal_answer("12.0", form), "12");
    EXPECT_EQ(normal_answer(" 12 ", form), "12");
  }
  EXPECT_EQ(normal_answer("so she has $1,250.50.", AnswerForm::kNumber), "1250.5");
  EXPECT_EQ(normal_answer("no number here", AnswerForm::kNumber), "");
}

TEST(Extract, FindsTheChoiceWhereModelsPutIt) {
  for (const char* text :
       {"The answer is (I).\n\n", "I", "(I)", "Some words.\nAnswer: I", "**Answer:** (I)",
        "{\"reasoning\": \"A or B?\", \"answer\": \"I\"}", "so \\boxed{I}", "The answer is I."}) {
    EXPECT_EQ(normal_answer(text, AnswerForm::kLetter), "i") << text;
    EXPECT_EQ(normal_answer(text, AnswerForm::kAuto), "i") << text;
  }
  EXPECT_EQ(normal_answer("The answer is (A). No: the answer is (B).", AnswerForm::kAuto), "b");
  EXPECT_EQ(normal_answer("I do not know", AnswerForm::kAuto), "i do not know");
}

TEST(Extract, FindsNumbersBehindTheirMarkers) {
  EXPECT_EQ(normal_answer("9 * $2 = $18\n#### 18", AnswerForm::kAuto), "18");
  EXPECT_EQ(normal_answer("```json\n{ \"answer\": 18.0 }\n```", AnswerForm::kAuto), "18");
  EXPECT_EQ(normal_answer("so she makes $18 every day.", AnswerForm::kNumber), "18");
  EXPECT_EQ(normal_answer("x = -3", AnswerForm::kNumber), "-3");
}

TEST(Extract, KeepsListsOfJsonWhole) {
  EXPECT_EQ(normal_answer(R"({"answer": "[(3, 1), (2, 3)]"})", AnswerForm::kAuto),
            normal_answer("The answer is [(3, 1), (2, 3)].", AnswerForm::kAuto));
  EXPECT_EQ(normal_answer("{\"a\": 1,\n \"b\": \"x y\"}", AnswerForm::kJson),
            R"({"a":1,"b":"x y"})");
}

TEST(Extract, IsTotalOverOddTexts) {
  for (const char* text : {"", "\"answer\"", "\"answer\":", "\\boxed{", "####", "answer is", "\"",
                           "{\"answer\": \"", "$", "-", ".", "1e999"}) {
    for (const AnswerForm form : {AnswerForm::kAuto, AnswerForm::kLetter, AnswerForm::kNumber,
                                  AnswerForm::kText, AnswerForm::kJson}) {
      EXPECT_LE(normal_answer(text, form).size(), 4096U) << text;
    }
  }
}

}  // namespace
}  // namespace swy::flow
