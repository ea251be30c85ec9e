// Estimators whose training needs automatic differentiation: a program that has it hands its
// training in, and makes them as any other estimator; without, they serve weight files.
//
// When to use: the factories of switchyard-train's registry, tests of these estimators. Threading:
// training runs in the thread that makes the estimator. Ownership: rows are views of the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "math/graph_router.h"
#include "math/matrix.h"
#include "switchyard/registry.h"

namespace swy::route {

// What there is to learn from; columns by model, NaN where there is no observation.
struct TrainingRows {
  const math::Matrix& x;
  std::span<const std::string_view> domains;  // of the rows
  std::span<const std::vector<float>> quality;
  std::span<const std::vector<float>> cost;  // USD
  std::span<const std::vector<float>> size;  // cost, or tokens out where there is none; by mean 1
};

struct GraphTraining {
  std::size_t hidden = 16;
  double rate = 0.005;
  double decay = 0.0001;
  std::size_t steps = 2000;
  std::uint64_t seed = 1;
};

// Placed, trained, and all models of the rows joined. A pointer, as factories are.
using TrainGraph = math::GraphRouter (*)(const TrainingRows& rows, const GraphTraining& options);

// graph_router; a null `train` refuses tables without weights.
std::unique_ptr<Estimator> make_graph_router_by(TrainGraph train, const base::Doc& node,
                                                BuildContext& ctx);

}  // namespace swy::route
