// Memory of update(). See update.cc.
#pragma once

#include "moe/detail/stages.h"

namespace swy::moe::detail {

// Scores lie in tiles of kBlock experts x kBlock rows, all tiles of the same experts in a row: live
// row i, live expert j at tile (j / kBlock) * tiles + i / kBlock, there at (j % kBlock) * kBlock +
// i % kBlock. So rows and columns are both read in whole vectors, and a column lies on few pages.
// Rows and experts past the last are -inf.
struct UpdateMemory {
  Row row;
  Block block;
  float* score = nullptr;
  float* row_price = nullptr;       // padded live rows
  float* margin = nullptr;          // padded live rows: one column's margins
  float* scratch = nullptr;         // padded live rows + kLanes: of one order statistic
  std::int32_t* chosen = nullptr;   // experts: scratch of one row's top-k
  float* price = nullptr;           // live experts
  std::uint32_t* expert = nullptr;  // live experts: which they are
};
UpdateMemory take_update(Scratch& scratch, const Spec& spec, Shape shape);

}  // namespace swy::moe::detail
