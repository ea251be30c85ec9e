// The wire texts of an exchange of several calls: what is sent for each, what an answer says, and a
// whole answer as a stream.
//
// When to use: worker_flow.cc. Threading: pure. Ownership: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::gateway {

struct InnerCall {
  std::string_view model;   // as the upstream calls it
  std::string_view prompt;  // "" : the client's messages; else this, as the only message
  std::uint32_t sample = 0;
  bool logprobs = false;
};
// The client's request for one call: never streamed; a later sample has another seed; with a prompt
// of its own without tools and response format, and for one choice. REQUIRES: RequestDoc accepted
// the body.
Result<std::string> inner_body(std::string_view client_body, const InnerCall& call);

// What the first choice says: its content, or its tool calls as JSON; "" when neither.
std::string answer_said(std::string_view body);

// The log-probabilities of the first choice's tokens: mean and least. nullopt: none are there,
// which says nothing of the answer.
struct Logprobs {
  double mean = 0;
  double min = 0;
};
std::optional<Logprobs> answer_logprobs(std::string_view body);

// The events of a stream that says what this whole answer says, [DONE] included. with_usage: the
// client asked for it. kProtocol: not a chat completion.
Result<std::string> answer_as_stream(std::string_view body, bool with_usage);

}  // namespace swy::gateway
