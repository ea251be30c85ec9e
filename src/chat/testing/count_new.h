// How often operator new was called in this test binary, by any thread. Linking count_new.cc
// replaces the global operator new and delete of the binary. Thread-safe.
#pragma once

#include <cstddef>

namespace swy::chat {
std::size_t allocations();
}  // namespace swy::chat
