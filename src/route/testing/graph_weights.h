// Weight files of graph_router without training: the parameters that training starts with, and
// models joined by their outcomes.
//
// When to use: tests of serving. Threading: one thread. Ownership: none. Header-only.
#pragma once

#include <memory>
#include <string>

#include "base/rng.h"
#include "route/plan.h"
#include "route/testing/beliefs_lab.h"
#include "route/trained.h"

namespace swy::route::testing {

inline math::GraphRouter untrained_graph(const TrainingRows& rows, const GraphTraining& options) {
  math::GraphRouter g =
      math::place_graph(rows.x, rows.domains, {rows.quality, rows.cost}, options.hidden);
  math::start_graph(g, options.seed);
  base::Rng rng(options.seed, 0, 0);
  for (float& v : g.read) v = static_cast<float>(rng.uniform() * 20 - 10);
  for (std::size_t m = 0; m < rows.quality.size(); ++m)
    g.join(rows.x, rows.quality[m], rows.cost[m]);
  return g;
}

inline std::unique_ptr<Estimator> make_untrained_graph_router(const base::Doc& node,
                                                              BuildContext& ctx) {
  return make_graph_router_by(untrained_graph, node, ctx);
}

// `yaml`: a configuration whose first rule has graph_router with a table.
inline Status save_untrained(const std::string& yaml, const std::string& folder,
                             const std::string& path) {
  Registry r;
  r.add_estimator("graph_router", make_untrained_graph_router);  // the first of a name stays
  const Registry all = beliefs_registry();
  for (const auto& [name, make] : all.encoders()) r.add_encoder(name, make);
  for (const auto& [name, make] : all.policies()) r.add_policy(name, make);
  for (const auto& [name, make] : all.estimators()) r.add_estimator(name, make);
  const auto plan = plan_from(yaml, r, folder);
  if (plan == nullptr) return fail(ErrorCode::kInvalidArgument, "no plan");
  return plan->rule_sets[0].rules[0].estimator->export_weights(path);
}

}  // namespace swy::route::testing
