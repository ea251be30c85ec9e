// Arguments of the public calls, checked once. Pure.
#pragma once

#include "moe/detail/stages.h"

namespace swy::moe::detail {

Status check_spec(const Spec& spec, std::size_t experts);
// Scores, context and state against each other. reads_scores: false where the call needs only their
// sizes.
Status check_inputs(const Job& job, bool reads_scores);
// The result's spans against rows, experts and what the spec may select per token.
Status check_assignment(const Assignment& a, std::size_t rows, std::size_t experts);
// Entries per token that the spec may write.
std::size_t row_width(const Spec& spec, std::size_t experts);

}  // namespace swy::moe::detail
