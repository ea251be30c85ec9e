// Stochastic gradient descent (Adam) on a loss that is a sum over rows, with early stopping.
//
// When to use: losses that have neither a closed form nor a network of two_layer.h. The caller says
// loss and gradient of a row; check them against finite differences. Threading: pure. Ownership:
// the result owns its numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace swy::math {

// The loss of one row at weights w. Its gradient is added to `grad`, unless that is empty.
using RowLoss =
    std::function<double(std::uint32_t row, std::span<const float> w, std::span<float> grad)>;

struct DescentOptions {
  double rate = 0.01;
  double decay = 1e-4;    // half the penalty on squared weights, per row
  std::size_t batch = 0;  // rows a step; 0: a fiftieth of all, from 4 to 64
  std::size_t epochs = 60;
  std::size_t patience = 8;  // epochs without a better held-out loss before it ends
  std::uint64_t seed = 1;    // of the order of the rows
};

// From `w`: of all epochs (the start is one) the weights with the least loss on every tenth row,
// which is not learned from. Fewer than ten rows: on all of them. Deterministic.
std::vector<float> descend(std::vector<float> w, std::size_t rows, const RowLoss& loss,
                           const DescentOptions& options = {});

}  // namespace swy::math
