#include "train_registry.h"

#include "flow/builtin.h"
#include "graph_train.h"
#include "route/trained.h"

namespace swy::app {
namespace {

std::unique_ptr<route::Estimator> make_graph_router(const base::Doc& node,
                                                    route::BuildContext& ctx) {
  return route::make_graph_router_by(train_graph, node, ctx);
}

}  // namespace

route::Registry training_registry() {
  route::Registry r;
  r.add_estimator("graph_router", make_graph_router);  // the first of a name stays
  const route::Registry builtin = flow::builtin_registry();
  for (const auto& [name, make] : builtin.encoders()) r.add_encoder(name, make);
  for (const auto& [name, make] : builtin.signals()) r.add_signal(name, make);
  for (const auto& [name, make] : builtin.guards()) r.add_guard(name, make);
  for (const auto& [name, make] : builtin.estimators()) r.add_estimator(name, make);
  for (const auto& [name, make] : builtin.policies()) r.add_policy(name, make);
  for (const auto& [name, make] : builtin.strategies()) r.add_strategy(name, make);
  return r;
}

}  // namespace swy::app
