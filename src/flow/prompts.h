// What strategies ask models besides the client's question, and how the replies are read.
//
// When to use: verification, judging, synthesis. Readers are total: a reply that does not say what
// was asked for is nullopt, never a guess. Threading: pure. Ownership: values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "switchyard/strategy.h"

namespace swy::flow {

// Is this answer right? The reply is read by read_yes().
std::string verify_prompt(std::string_view question, std::string_view answer);
// How good is this answer, 0 to 100? Read by read_grade(), as 0 to 1.
std::string grade_prompt(std::string_view question, std::string_view answer);
// Which of these is best? Read by read_choice().
std::string judge_prompt(std::string_view question, std::span<const std::string> answers);
// A better answer, given these: each cut to its last `most` bytes.
std::string synthesis_prompt(std::string_view question, std::span<const std::string> answers,
                             std::size_t most);
// The question with passages that may help, each cut to its last `most` bytes.
std::string passages_prompt(std::string_view question, std::span<const std::string> passages,
                            std::size_t most);
// Which of these routes does the conversation ask for? Read by read_route(). Of the turns the
// latest that fit in `most_tokens` (4 bytes each, what the prompt itself has included); a turn of
// the user that overflows is kept, and nothing before it.
struct DescribedRoute {
  std::string name, description;
};
std::string route_prompt(std::span<const DescribedRoute> routes, std::span<const route::Turn> turns,
                         std::size_t most_tokens);
// The first of the turns that route_prompt() shows when the rest of it has `overhead` tokens.
std::size_t first_turn_shown(std::span<const route::Turn> turns, std::size_t overhead,
                             std::size_t most_tokens);

std::optional<bool> read_yes(std::string_view reply);
std::optional<double> read_grade(std::string_view reply);
// The value of "route", in any quotes, with or without a fence; nullopt: none is there.
std::optional<std::string> read_route(std::string_view reply);
std::optional<std::size_t> read_choice(std::string_view reply, std::size_t choices);  // from 0

}  // namespace swy::flow
