// A graph of tasks, inputs and outputs, read by a small network: an output is what its edges say,
// so one that training has not seen needs only some of them.
//
// When to use: predicting an output's value at an input from values observed at other inputs.
// Trained elsewhere (by automatic differentiation); this is the forward pass. Threading: immutable
// once made; predict() is pure. Ownership: owns its numbers. Nothing allocates in predict() after
// the first call of a thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "math/matrix.h"

namespace swy::math {

// 1 / (1 + exp(-bias - mean of input_d * output_d)). REQUIRES: equal sizes, not empty.
float edge_score(std::span<const float> input, std::span<const float> output, float bias = 0);

// By output and row, NaN where not observed.
struct GraphColumns {
  std::span<const std::vector<float>> value;
  std::span<const std::vector<float>> cost;
};

struct GraphRouter {
  static constexpr std::size_t kEdge = 3;   // hidden numbers of an edge
  static constexpr std::size_t kHeads = 2;  // value, logarithm of relative cost
  static constexpr float kMeanWeight = 5;   // edges at the mean of all outputs
  static constexpr float kLeastMean = 0.005F;

  std::size_t dims = 0, half = 0, tasks = 0, outputs = 0;
  // What training changes; w x + b is kept as rows of w with b last.
  std::vector<float> query;   // half x (dims + 1)
  std::vector<float> task;    // half x (dims + 1)
  std::vector<float> edge;    // kEdge x 3: value, cost, 1
  std::vector<float> conv1;   // width x (width + kEdge + 1): input, edge, 1
  std::vector<float> conv2;   // width x (width + kEdge + width + 1): input, edge, output, 1
  std::vector<float> pseudo;  // 2 x (width + 1): a message and the logarithm of its weight
  std::vector<float> read;    // kHeads * width x (width + 1)
  // What it does not.
  std::vector<float> centres;  // tasks x dims
  float sharpness = 1;         // of the shares of the tasks in an input
  float cost_mean = 0;         // of the logarithms of the costs
  float cost_deviation = 0;    // 0: no costs
  float value_mean = 0.5F;     // of all outputs
  std::vector<float> states;   // outputs x kHeads * width
  std::vector<float> biases;   // outputs

  [[nodiscard]] std::size_t width() const { return 2 * half; }
  // Names and lengths, in the order above from `query` to `read`.
  static constexpr std::size_t kParameters = 7;
  [[nodiscard]] std::array<std::pair<std::string_view, std::size_t>, kParameters> shapes() const;
  [[nodiscard]] std::array<std::vector<float>*, kParameters> parameters();
  [[nodiscard]] std::array<const std::vector<float>*, kParameters> parameters() const;

  // share[k] of task k in x. REQUIRES: x.size() == dims, share.size() == tasks.
  void shares(std::span<const float> x, std::span<float> share) const;
  // The node of an input: what is multiplied with states. REQUIRES: out.size() == width().
  void node(std::span<const float> x, std::span<float> out) const;
  // An output's mean by `count` values that sum to `sum`, drawn to that of all; never 0 or 1.
  [[nodiscard]] float mean_of(float sum, float count) const;
  // What an edge is told of a cost; 0 where it is unknown.
  [[nodiscard]] float cost_attribute(float cost) const;

  // Appends an output by its edges: value[i] and cost[i] observed at row i of x, NaN where not
  // observed. Without edges it is the output that training expects. REQUIRES: as many as rows.
  void join(const Matrix& x, std::span<const float> value, std::span<const float> cost);
  // value[o] in 0..1 and, where `scale` is not empty, the factor on o's mean cost.
  // REQUIRES: x.size() == dims, value.size() == outputs.
  void predict(std::span<const float> x, std::span<double> value, std::span<double> scale) const;
};

// Everything but what training changes: centres of the rows' tasks, the sharpness under which the
// rows' own tasks are likeliest, the range of the costs. Tasks are named by `task_of` (any names;
// at most `most`, those of most rows). REQUIRES: x.rows() == task_of.size() > 0, half > 0.
GraphRouter place_graph(const Matrix& x, std::span<const std::string_view> task_of,
                        const GraphColumns& columns, std::size_t half, std::size_t most = 64);
// Parameters as training starts with them.
void start_graph(GraphRouter& g, std::uint64_t seed);

}  // namespace swy::math
