// How many heap allocations this program has made. Linking swy_base_testing replaces the global
// operator new with a counting one; tests use it to show that a path does not allocate.
// Thread-safe.
#pragma once

#include <cstddef>

namespace swy::base::testing {

std::size_t allocation_count();

}  // namespace swy::base::testing
