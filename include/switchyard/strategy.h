// Strategies: rules that ask more than one model, or one model more than once, before they answer.
//
// A strategy is asked again after every round of calls, with all that was seen so far, and says
// what is next: run these calls, answer with one of the answers seen, or abstain. It keeps nothing
// between two asks: the same episode gives the same step, in the gateway, the evaluator and a
// replay. src/flow makes the calls and holds the limits.
//
// When to use: to write a plug-in of this kind (src/flow/strategy/NAME.cc), or a driver of the loop
// (src/flow/loop.h). Threading: a Strategy is immutable and shared. Ownership: an Episode borrows
// everything; a Step owns its calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "switchyard/route.h"

namespace swy::route {

enum class Purpose : std::uint8_t { kAnswer, kVerify, kJudge };
std::string_view to_string(Purpose purpose);  // "answer", "verify", "judge"

// One thing to ask of one candidate.
struct FlowCall {
  std::uint32_t candidate = 0;  // into the rule's candidates
  std::uint32_t sample = 0;     // independent answers of one candidate are numbered from 0
  Purpose purpose = Purpose::kAnswer;
  std::string prompt;     // "": the client's request as it is; else this, as the only message
  bool logprobs = false;  // the answer's token log-probabilities are wanted
  // For this call alone, besides the flow's; of a round the longest counts.
  double deadline_ms = kUnknownNumber;
  // A reply to the same prompt of the same model that is no older will do; 0: ask.
  double reuse_s = 0;
};

// What one call gave. A failed call is an observation too.
struct Observation {
  std::uint32_t candidate = 0;
  std::uint32_t sample = 0;
  Purpose purpose = Purpose::kAnswer;
  std::uint32_t round = 0;
  bool failed = false;
  bool reused = false;  // of an earlier call: nothing was asked or paid
  std::string text;     // the answer; of a failed call: why
  double cost_usd = kUnknownNumber;
  double latency_ms = kUnknownNumber;
  std::int64_t tokens_in = 0;
  std::int64_t tokens_out = 0;
  double logprob_mean = kUnknownNumber;  // over the tokens of the answer, where the model said them
  double logprob_min = kUnknownNumber;
};

// What somebody said in the conversation.
struct Turn {
  bool user = true;  // else the assistant
  std::string text;
};

struct FlowLimits {
  std::int64_t max_calls = 8;        // of any purpose
  double max_cost = kUnknownNumber;  // USD; what is expected to go beyond it is not called
  double deadline_ms = 120'000;      // for all calls together
};

// What a strategy sees. After the first round beliefs and probabilities are those of the decision.
struct Episode {
  std::string_view question;  // the last user text
  std::span<const ExpertId> candidates;
  std::span<const std::uint8_t> allowed;  // by candidate: 1 when no guard forbids it
  std::span<const Belief> beliefs;        // by candidate
  std::span<const double> probability;    // by candidate: what the rule's policy says
  std::uint32_t chosen = 0;               // the candidate that the rule's policy chose
  std::span<const Observation> seen;
  std::uint32_t round = 0;      // rounds of calls so far
  std::int64_t calls_left = 0;  // 0: answer or abstain now
  std::span<const Turn> turns;  // oldest first, of a strategy that reads_turns()
};

struct RunCalls {
  std::vector<FlowCall> calls;  // at once; not empty
  ReasonText why;
};
struct AnswerWith {
  std::uint32_t seen = 0;  // into Episode::seen; not a failed one
  ReasonText why;
  double confidence = kUnknownNumber;  // that the answer is right
};
struct Abstain {
  ReasonText why;
};
using Step = std::variant<RunCalls, AnswerWith, Abstain>;

class Strategy {
 public:
  virtual ~Strategy() = default;
  // REQUIRES: at least one candidate is allowed. A pure function of the episode.
  [[nodiscard]] virtual Step next(const Episode& episode) const = 0;
  // True: Episode::turns holds what user and assistant said (the latest turns, within bounds).
  [[nodiscard]] virtual bool reads_turns() const { return false; }
  // Identifies what was learned (thresholds, weights).
  [[nodiscard]] virtual std::uint64_t version() const { return 0; }
};

}  // namespace swy::route
