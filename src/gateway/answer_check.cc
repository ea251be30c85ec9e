// How a grounding result is told. Test: answer_check_test.cc.
#include "gateway/answer_check.h"

#include <fmt/format.h>

#include "embed/grounding.h"

namespace swy::gateway {

AnswerCheck::AnswerCheck(const route::GroundingGuard& guard, const route::Scratch& scratch)
    : guard_(guard) {
  auto c = guard.case_of(scratch, result_.why);
  pending_ = c.has_value();
  if (c) case_ = std::move(*c);
  result_.result = pending_ ? route::GroundingResult::kUnknown : route::GroundingResult::kUnchecked;
}

std::shared_ptr<AnswerCheck::Judging> AnswerCheck::judging(
    std::shared_ptr<const void> pin, std::map<std::size_t, std::string> answers, bool cut) {
  auto j = std::make_shared<Judging>();
  j->pin = std::move(pin);
  j->guard = &guard_;
  j->against = std::move(case_);
  j->against.cut = j->against.cut || cut;
  j->answers = std::move(answers);
  return j;
}

void AnswerCheck::conclude(route::Grounded result) {
  result_ = std::move(result);
  pending_ = false;
}

void AnswerCheck::give_up(std::string_view why) {
  result_ = {};
  result_.why = why;
  pending_ = false;
}

std::string AnswerCheck::reason() const {
  if (result_.result == route::GroundingResult::kUnknown)
    return fmt::format("whether the context supports it is unknown ({})", result_.why);
  return fmt::format(
      "the context does not support it (p = {:.2f}{}{})", result_.p_unsupported,
      result_.parts.empty() ? "" : ", ",
      result_.parts.empty() ? "" : fmt::format("for example: \"{}\"", result_.parts.front().text));
}

std::string AnswerCheck::header() const {
  std::string out(to_string(result_.result));
  if (!result_.why.empty()) return out.append("; why=").append(result_.why);
  out += fmt::format("; p={:.3f}; parts={}", result_.p_unsupported,
                     result_.parts.size() + result_.more_parts);
  return out;
}

void AnswerCheck::write(base::JsonWriter& w, bool texts) const {
  w.begin_object().field("guard", guard_.name).field("result", to_string(result_.result));
  if (!result_.why.empty()) w.field("why", result_.why);
  if (result_.p_unsupported == result_.p_unsupported)
    w.field("p_unsupported", static_cast<double>(result_.p_unsupported));
  if (!result_.calibrated) w.field("calibrated", false);
  if (result_.truncated) w.field("truncated", true);
  if (!texts) {
    w.field("parts", std::uint64_t{result_.parts.size() + result_.more_parts});
    std::uint64_t contradicted = 0;
    for (const auto& p : result_.parts)
      contradicted += p.support == embed::Support::kContradicted ? 1U : 0U;
    w.field("contradicted", contradicted).end_object();
    return;
  }
  w.key("parts").begin_array();
  for (const route::UngroundedPart& p : result_.parts) {
    w.begin_object().field("choice", std::uint64_t{p.choice});
    w.field("start", std::uint64_t{p.begin}).field("end", std::uint64_t{p.end});
    w.field("support", embed::to_string(p.support)).field("p", static_cast<double>(p.p));
    w.field("text", p.text);
    if (!p.said.empty()) w.field("said", p.said);
    if (!p.found.empty()) w.field("found", p.found);
    if (!p.evidence.empty()) w.field("evidence", p.evidence);
    w.end_object();
  }
  w.end_array();
  if (result_.more_parts > 0) w.field("more_parts", std::uint64_t{result_.more_parts});
  w.end_object();
}

std::string AnswerCheck::in_body(std::string body) const {
  const std::size_t end = body.rfind('}');
  if (end == std::string::npos) return body;
  std::string field = ",\"switchyard\":{\"grounding\":";
  base::JsonWriter w(field);
  write(w, true);
  body.insert(end, field + "}");
  return body;
}

std::string AnswerCheck::as_event(const ChunkHead& head) const {
  std::string out = "data: ";
  base::JsonWriter w(out);
  w.begin_object().field("id", head.id).field("object", "chat.completion.chunk");
  w.field("created", head.created).field("model", head.model);
  w.key("choices").begin_array().end_array();
  w.key("switchyard").begin_object().key("grounding");
  write(w, true);
  w.end_object().end_object();
  out += "\n\n";
  return out;
}

}  // namespace swy::gateway
