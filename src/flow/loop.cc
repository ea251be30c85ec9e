// The loop ends: every turn makes at least one call of at most max_calls, or is the last. Cost of a
// turn besides the calls: one next(). Tests: loop_test.cc.
#include "flow/loop.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "route/plan.h"

namespace swy::flow {
namespace {

using route::FlowCall;
using route::Observation;

// What the limits leave of the calls a strategy wants.
std::vector<FlowCall> admit(std::vector<FlowCall> wanted, const Start& start,
                            const route::FlowLimits& limits, const std::vector<Observation>& seen) {
  double left = limits.max_cost;
  for (const Observation& o : seen) left -= std::isnan(o.cost_usd) ? 0 : o.cost_usd;
  std::vector<FlowCall> out;
  for (FlowCall& call : wanted) {
    if (static_cast<std::int64_t>(seen.size() + out.size()) >= limits.max_calls) break;
    if (!SWY_EXPECT(call.candidate < start.candidates.size() && start.allowed[call.candidate] != 0))
      continue;
    if (!std::isnan(left)) {
      const std::size_t c = call.candidate;
      const double expected =
          start.beliefs[c].cost_micro * 1e-6 / (c < start.answers.size() ? start.answers[c] : 1);
      const double cost = std::isnan(expected) ? 0 : expected;
      if (cost > left) continue;
      left -= cost;
    }
    out.push_back(std::move(call));
  }
  return out;
}

bool usable(const route::AnswerWith& a, const std::vector<Observation>& seen) {
  return a.seen < seen.size() && !seen[a.seen].failed;
}

}  // namespace

Start Start::of(const route::Rule& rule, const route::Choice& choice, route::Scratch& scratch) {
  Start s;
  s.question = scratch.reading.text(chat::Scope::kLastUser);
  s.candidates = rule.candidates;
  s.answers = rule.answers;
  for (const std::int16_t by : scratch.masked_by) s.allowed.push_back(by < 0 ? 1 : 0);
  s.beliefs = scratch.beliefs;
  s.probability = scratch.probability;
  s.chosen = choice.candidate;
  if (rule.strategy != nullptr && rule.strategy->reads_turns())
    s.turns = turns_of(scratch.reading.request());
  return s;
}

std::vector<route::Turn> turns_of(const chat::Request& request) {
  constexpr std::size_t kMostTurns = 64, kMostBytes = 16'384;
  std::vector<route::Turn> out;
  for (std::size_t i = request.messages.size(); i-- > 0 && out.size() < kMostTurns;) {
    const chat::Message& m = request.messages[i];
    if (m.role != chat::Role::kUser && m.role != chat::Role::kAssistant) continue;
    route::Turn turn{m.role == chat::Role::kUser, {}};
    for (std::uint32_t p = m.first_part; p < m.first_part + m.parts; ++p) {
      const std::string_view text = request.parts[p].text;
      if (text.empty()) continue;
      if (!turn.text.empty()) turn.text += '\n';
      turn.text += text.substr(text.size() - std::min(text.size(), kMostBytes));
    }
    if (turn.text.size() > kMostBytes) turn.text.erase(0, turn.text.size() - kMostBytes);
    while (!turn.text.empty() && (static_cast<unsigned char>(turn.text[0]) & 0xC0U) == 0x80U)
      turn.text.erase(0, 1);
    if (!turn.text.empty()) out.push_back(std::move(turn));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

double Ended::cost_usd() const {
  double sum = 0;
  for (const Observation& o : seen) sum += o.cost_usd;
  return sum;
}

base::Task<Ended> run(const route::Strategy& strategy, route::FlowLimits limits, Start start,
                      Caller& caller) {
  Ended e;
  bool closed = false;
  for (;;) {
    const auto made = static_cast<std::int64_t>(e.seen.size());
    const route::Episode episode{start.question,
                                 start.candidates,
                                 start.allowed,
                                 start.beliefs,
                                 start.probability,
                                 start.chosen,
                                 e.seen,
                                 e.rounds,
                                 closed ? 0 : std::max<std::int64_t>(limits.max_calls - made, 0),
                                 start.turns};
    route::Step step = strategy.next(episode);
    if (const auto* answer = std::get_if<route::AnswerWith>(&step)) {
      e.why = answer->why;
      e.confidence = answer->confidence;
      if (SWY_EXPECT(usable(*answer, e.seen))) e.answer = answer->seen;
      co_return e;
    }
    if (const auto* abstain = std::get_if<route::Abstain>(&step)) {
      e.why = abstain->why;
      co_return e;
    }
    auto& wanted = std::get<route::RunCalls>(step);
    if (closed || !SWY_EXPECT(!wanted.calls.empty())) {
      e.why = route::ReasonText("the limits leave no call and the strategy has no answer");
      co_return e;
    }
    const std::vector<FlowCall> calls = admit(std::move(wanted.calls), start, limits, e.seen);
    closed = calls.empty();
    if (closed) continue;
    e.round_why.push_back(wanted.why);
    const std::size_t first = e.seen.size();
    for (const FlowCall& call : calls) {
      Observation o;
      o.candidate = call.candidate;
      o.sample = call.sample;
      o.purpose = call.purpose;
      o.round = e.rounds;
      e.seen.push_back(std::move(o));
    }
    const std::span<Observation> out = std::span(e.seen).subspan(first);
    const std::span<const FlowCall> asked(calls);
    co_await caller.call(asked, out);
    ++e.rounds;
  }
}

}  // namespace swy::flow
