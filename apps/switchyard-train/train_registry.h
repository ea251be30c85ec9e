// What switchyard-train contains: everything that switchyard does, and the training of the
// estimators that need automatic differentiation.
//
// When to use: instead of flow::builtin_registry(). Threading: pure. Ownership: value.
#pragma once

#include "switchyard/registry.h"

namespace swy::app {

route::Registry training_registry();

}  // namespace swy::app
