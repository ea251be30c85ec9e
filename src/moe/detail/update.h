// Memory of update(). See update.cc.
#pragma once

#include "moe/detail/stages.h"

namespace swy::moe::detail {

struct UpdateMemory {
  Row row;
  float* score = nullptr;           // live rows x live experts
  float* row_price = nullptr;       // live rows
  float* column = nullptr;          // the longer of rows and experts
  float* price = nullptr;           // live experts
  std::uint32_t* expert = nullptr;  // live experts: which they are
};
UpdateMemory take_update(Scratch& scratch, const Spec& spec, Shape shape);

}  // namespace swy::moe::detail
