// Training of route's graph_router by automatic differentiation.
//
// When to use: in the registry of switchyard-train. Threading: one call at a time; it uses all
// cores inside. Ownership: the result owns its numbers.
#pragma once

#include "math/graph_router.h"
#include "math/matrix.h"
#include "route/trained.h"

namespace swy::app {

math::GraphRouter train_graph(const route::TrainingRows& rows, const route::GraphTraining& options);

// What training itself computes of `asked` when all of `rows` are visible, by row and model: for
// comparison with the forward pass that serves.
struct GraphAnswer {
  math::Matrix value;
  math::Matrix scale;
};
GraphAnswer answer_by_training(const math::GraphRouter& graph, const route::TrainingRows& rows,
                               const math::Matrix& asked);

}  // namespace swy::app
