// Logistic regression over sparse and dense features: one softmax over all labels, or one sigmoid
// per label.
//
// When to use: linear heads (train_head.h). Threading: pure; one core. Ownership: Features owns its
// rows; the model owns its weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace swy::learn {

// Rows of sparse columns followed by a fixed number of dense ones.
struct Features {
  struct Cell {
    std::uint32_t column = 0;  // below sparse_columns
    float value = 0;
  };
  std::size_t sparse_columns = 0;
  std::size_t dense_columns = 0;
  std::vector<std::size_t> begin = {0};  // row r is cells[begin[r] .. begin[r + 1])
  std::vector<Cell> cells;
  std::vector<float> dense;  // rows x dense_columns

  [[nodiscard]] std::size_t rows() const { return begin.size() - 1; }
  [[nodiscard]] std::span<const Cell> sparse(std::size_t row) const {
    return {cells.data() + begin[row], begin[row + 1] - begin[row]};
  }
  [[nodiscard]] std::span<const float> dense_row(std::size_t row) const {
    return {dense.data() + row * dense_columns, dense_columns};
  }
};

// The labels of row r are targets[begin[r] .. begin[r + 1]); exactly one for softmax.
struct Targets {
  std::vector<std::size_t> begin = {0};
  std::vector<std::uint32_t> targets;
  void add(std::span<const std::uint32_t> labels) {
    targets.insert(targets.end(), labels.begin(), labels.end());
    begin.push_back(targets.size());
  }
  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t row) const {
    return {targets.data() + begin[row], begin[row + 1] - begin[row]};
  }
};

struct LogisticOptions {
  double c = 10;  // as in scikit-learn: 1/2 |W|^2 + c * sum of losses; the bias is free
  bool one_vs_rest = false;
  int max_iterations = 100;
  double tolerance = 1e-4;  // of the gradient of the objective divided by c * rows
};

struct LinearModel {
  std::size_t labels = 0;
  std::size_t stride = 0;      // labels padded to whole vectors; the padding is 0
  std::vector<float> weights;  // (sparse, then dense columns) x stride
  std::vector<float> bias;     // stride

  [[nodiscard]] std::span<const float> row(std::size_t column) const {
    return {weights.data() + column * stride, stride};
  }
  // logits.size() == stride afterwards.
  void logits(const Features& features, std::size_t row, std::vector<float>& logits) const;
};

// Learns from the rows named. REQUIRES: every row has its labels, below `labels`.
LinearModel fit_logistic(const Features& features, const Targets& targets, std::size_t labels,
                         std::span<const std::uint32_t> rows, const LogisticOptions& options,
                         const std::function<void()>& on_step = {});

}  // namespace swy::learn
