// What guards demand of a request once its model is chosen: notes for header and record, personal
// data masked in the body, and the filter that the answer will pass.
//
// When to use: between the decision and the call. Threading: the worker's. Ownership: results own
// what they hold but the filter borrows the rule's output guards (the exchange pins the snapshot).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/answer_filter.h"
#include "route/plan.h"

namespace swy::gateway {

struct Demands {
  std::uint32_t mask = 0;  // text::pii_bit
  float confidence = 1;    // the least certain span that is masked
  std::string notes;       // "GUARD=what; GUARD=what"
  std::vector<const route::OutputGuard*> output;
};

Demands demands_of(const route::Plan& plan, const route::Rule& rule, const route::Scratch& scratch,
                   const Card& chosen);

// The same for a request that several models see: what any of them demands.
Demands demands_of_all(const route::Plan& plan, const route::Rule& rule,
                       const route::Scratch& scratch);

// The body with the personal data in its messages replaced. kInternal: it could not be rewritten,
// and must not be sent.
Result<std::string> mask_request(std::string_view body, const Demands& demands,
                                 text::PiiVault& vault);

}  // namespace swy::gateway
