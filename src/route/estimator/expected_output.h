// How many tokens an answer is expected to have when nothing better is known: what the caller
// assumes, but never more than the request or the model allows. For the files of this folder only.
// Pure functions, nothing owned.
#pragma once

#include <algorithm>

#include "switchyard/chat.h"
#include "switchyard/expert.h"

namespace swy::route {

// Of one choice; a request for n choices pays n times.
inline double expected_output(const chat::Request& request, const Card& card, double assumed) {
  double tokens = assumed;
  if (request.max_tokens) tokens = std::min(tokens, static_cast<double>(*request.max_tokens));
  if (card.max_output > 0) tokens = std::min(tokens, static_cast<double>(card.max_output));
  return std::max(tokens, 0.0);
}

// Micro-USD of a call, or of the card's `answers` calls. USD per million tokens is micro-USD per
// token. NaN when the card states no price.
inline double expected_cost_micro(const chat::Request& request, const Card& card,
                                  std::int64_t tokens_in, double tokens_out) {
  const auto choices = static_cast<double>(std::max<std::int64_t>(request.n, 1));
  return card.answers * (static_cast<double>(tokens_in) * card.price.input +
                         choices * tokens_out * card.price.output);
}

}  // namespace swy::route
