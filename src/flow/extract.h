// What a model answered, cut out of what it wrote and brought into one form, so that two answers
// that say the same compare equal: "12", "12.0" and " 12 " are one answer.
//
// When to use: strategies that count agreement. Threading: pure. Ownership: none.
#pragma once

#include <string>
#include <string_view>

namespace swy::flow {

enum class AnswerForm { kAuto, kLetter, kNumber, kText, kJson };

// "" when nothing in that form is there. kAuto: the last of a field "answer" of JSON, \boxed{...},
// "#### ...", "answer is ...", "answer: ..."; else the whole text. kLetter: a choice A to P in one
// of these places, in parentheses, or alone. kNumber: the number in one of these places, else the
// last number. kText: the whole, without case, outer punctuation and runs of blanks. kJson: the
// text without blanks outside strings (calls of tools, code).
std::string normal_answer(std::string_view text, AnswerForm form);

}  // namespace swy::flow
