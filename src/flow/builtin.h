// The registry with everything in src/builtin.def: what route registers, and the strategies.
#pragma once

#include "switchyard/registry.h"

namespace swy::flow {

route::Registry builtin_registry();

}  // namespace swy::flow
