// What models answer, as flows read it: any bytes give a bounded text, a verdict or nothing.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "flow/extract.h"
#include "flow/prompts.h"
#include "gateway/flow_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using swy::flow::AnswerForm;
  for (const AnswerForm form : {AnswerForm::kAuto, AnswerForm::kLetter, AnswerForm::kNumber,
                                AnswerForm::kText, AnswerForm::kJson}) {
    SWY_ASSERT(swy::flow::normal_answer(text, form).size() <= 4096);
  }
  (void)swy::flow::read_yes(text);
  if (const auto grade = swy::flow::read_grade(text)) SWY_ASSERT(*grade >= 0 && *grade <= 1);
  if (const auto choice = swy::flow::read_choice(text, 3)) SWY_ASSERT(*choice < 3);
  if (const auto route = swy::flow::read_route(text)) SWY_ASSERT(route->size() <= 4'000);
  const std::string said = swy::gateway::answer_said(text);
  (void)swy::gateway::answer_logprobs(text);
  (void)swy::gateway::answer_as_stream(text, true);
  (void)swy::gateway::inner_body(text, {"model", "", 1, true});
  return 0;
}
