// task: what kind of work the text asks for: code, math, writing, translation, ...
//
// What, cost, unknowns: as classifier, with the head that comes with the program
// (models/README.md: its data and figures). When it loses: requests that mix several tasks get the
// likeliest one. Source: task categories as in RouteLLM's and Arch-Router's (paper 109)
// evaluations. Test: classifier_test.cc.
#include "route/detail/headed.h"

namespace swy::route {

std::unique_ptr<Signal> make_task(const base::Doc& node, BuildContext& ctx) {
  return headed::make(node, ctx, "task");
}

}  // namespace swy::route
