// Memory of update(). See update.cc.
#pragma once

#include "moe/detail/stages.h"

namespace swy::moe::detail {

inline constexpr std::size_t kColumns = 16;  // a cache line of a row's scores

struct UpdateMemory {
  Row row;
  float* score = nullptr;           // live rows x live experts
  float* row_price = nullptr;       // live rows
  float* columns = nullptr;         // kColumns x padded rows: margins, column by column
  float* column = nullptr;          // padded rows + kLanes: scratch of one order statistic
  std::int32_t* chosen = nullptr;   // experts: scratch of one row's top-k
  float* price = nullptr;           // live experts
  std::uint32_t* expert = nullptr;  // live experts: which they are
};
UpdateMemory take_update(Scratch& scratch, const Spec& spec, Shape shape);

}  // namespace swy::moe::detail
