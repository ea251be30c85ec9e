// What strategy files share: candidates by name and by price, the form of answers, what was heard.
//
// When to use: src/flow/strategy only. Threading: pure. Ownership: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flow/extract.h"
#include "flow/past.h"
#include "flow/posthoc.h"
#include "switchyard/registry.h"
#include "switchyard/strategy.h"

namespace swy::flow {

// Of the rule's candidates. nullopt after an error was reported at the key.
std::optional<std::uint32_t> candidate_named(const std::string& name, const base::Doc& node,
                                             std::string_view key, route::BuildContext& ctx);
std::optional<std::vector<std::uint32_t>> candidates_named(const std::vector<std::string>& names,
                                                           const base::Doc& node,
                                                           std::string_view key,
                                                           route::BuildContext& ctx);
// All candidates of the rule, cheapest first by price of a usual request (1,000 tokens in, 300
// out); those without a price last, equals in the order listed.
std::vector<std::uint32_t> by_price(route::BuildContext& ctx);

// "auto", "letter", "number", "text", "json"; nullopt after an error was reported at `form`.
std::optional<AnswerForm> form_named(const std::string& name, const base::Doc& node,
                                     base::Diagnostics& diag);
inline std::optional<AnswerForm> form_named(const std::string& name, const base::Doc& node,
                                            route::BuildContext& ctx) {
  return form_named(name, node, ctx.diag());
}

// The answers seen (not verdicts), in the order they came, in normal form.
std::vector<Heard> heard_of(const route::Episode& episode, AnswerForm form);
std::vector<double> qualities(const route::Episode& episode);  // believed, by candidate

// Whether this candidate was asked for an answer already (sample 0 or any).
bool asked(const route::Episode& episode, std::uint32_t candidate);
bool may_ask(const route::Episode& episode, std::uint32_t candidate);  // allowed, not asked yet
// Answers equal to the i-th, itself included; 0 when it says nothing.
std::size_t voices_of(std::span<const Heard> heard, std::size_t i);
// The answer with most voices: of equals the first. nullopt: none says anything.
std::optional<std::size_t> plurality(std::span<const Heard> heard);

route::RunCalls run_one(std::uint32_t candidate, std::string_view why);
// The step when nothing can be asked any more: the best that was heard, or abstain.
route::Step settle(std::span<const Heard> heard, const PostHoc& posthoc,
                   const route::Episode& episode);

}  // namespace swy::flow
