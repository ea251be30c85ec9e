// domain: the subject of the text, one of the 14 categories of MMLU-Pro.
//
// What, cost, unknowns: as classifier, with the head that comes with the program
// (models/README.md: its data and figures). When it loses: small talk and tasks without a subject
// are "other" at best. Source: category signal of vLLM Semantic Router (paper 57) and its labels;
// MMLU-Pro (Wang et al. 2024). Test: classifier_test.cc.
#include "route/detail/headed.h"

namespace swy::route {

std::unique_ptr<Signal> make_domain(const base::Doc& node, BuildContext& ctx) {
  return headed::make(node, ctx, "domain");
}

}  // namespace swy::route
