// Two Streams joined in memory, each direction a bounded buffer: what one end writes, the other
// reads. A full buffer makes the writer wait, so that back-pressure can be tested; reads may be cut
// to a size, so that every split can be.
//
// Threading: the loop's thread. Ownership: the caller owns both ends; either may go first (the
// other sees the end).
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "net/loop.h"
#include "net/stream.h"

namespace swy::net::testing {

struct PipeOptions {
  std::size_t capacity = 64 * 1024;  // of each direction
  std::size_t max_read = SIZE_MAX;   // a read gives at most so many bytes
};

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(
    Loop& loop, const PipeOptions& options = {});

}  // namespace swy::net::testing
