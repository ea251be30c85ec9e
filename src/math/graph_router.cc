// The forward pass of a task - input - output graph.
//
// Formula: node of an input u(x) = [W_q x + b_q ; sum_k p_k(x) (W_t c_k + b_t)], p = softmax of
// sharpness * (c_k . x - |c_k|^2 / 2) over the centres c of the tasks. mean_o: o's mean value, with
// kMeanWeight edges at the mean of all outputs. Edge of output o at input j: e = (2 (value -
// mean_o), cost's standardised logarithm), eps = relu(A [e, 1]). Two convolutions over
// o's edges, each a mean with a trained pseudo-message p of weight k, so that few edges say
// little:
//   h1 = (sum_j relu(W1 [u_j, eps_j, 1]) + k1 p1) / (n + k1)
//   h2 = (sum_j relu(W2 [u_j, eps_j, h1, 1]) + k2 p2) / (n + k2) + h1
// state = R [h2, 1], a row per head; value(x, o) = sigmoid(logit mean_o + mean_d u_d state_d),
// cost(x, o) = o's mean cost * exp(mean_d u_d state'_d). R starts at zero: training starts from the
// outputs' means and has to earn what it adds. Cost: half * dims + tasks * dims, then heads * width
// per output; joining: edges * width * (kEdge + 2) and rows * width^2. When it loses: an output is
// only what a vector of `width` numbers says of it, and prompts that are answered alike for reasons
// the features do not show are averaged. Source: variant of GraphRouter (arXiv 2410.03834);
// request-routing.md 4.7. Deviations: messages with a relu, so that they can tell which inputs an
// output did well at (sums of W x + W e cannot); means in place of sums and batch normalisation, so
// that a state does not depend on how many rows there are; no description of an output; the task of
// an input is told from its features; an output's mean is added outright; value and cost are
// predicted apart. Tests: graph_router_test.cc (known answers); the trainer's test compares with
// automatic differentiation.
#include "math/graph_router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"
#include "base/rng.h"
#include "math/kernels.h"

namespace swy::math {
namespace {

constexpr float kMostDeviations = 3;
constexpr double kMostLogFactor = 3;  // e^3: twenty times the mean cost

float dot(const float* a, const float* b, std::size_t n) { return best_kernels().dot(a, b, n); }

// out = w x + b, b the last column.
void affine(const std::vector<float>& w, std::span<const float> x, std::span<float> out) {
  const std::size_t stride = x.size() + 1;
  for (std::size_t o = 0; o < out.size(); ++o) {
    const float* row = w.data() + o * stride;
    out[o] = dot(row, x.data(), x.size()) + row[x.size()];
  }
}

// What one convolution needs of an input and an edge.
struct Convolution {
  const std::vector<float>& w;
  std::size_t width, stride;
  [[nodiscard]] const float* row(std::size_t d) const { return w.data() + d * stride; }
};

struct Edges {
  Matrix part;  // edges x width: W_u u_j + b (and W_h h) of a convolution
  std::vector<std::array<float, GraphRouter::kEdge>> eps;
};

// sum over edges of relu(part + W_e eps), then the mean with the pseudo-message.
std::vector<float> pooled(const Convolution& c, const Edges& e, const float* pseudo) {
  std::vector<float> sum(c.width, 0.0F);
  for (std::size_t j = 0; j < e.eps.size(); ++j) {
    const auto part = e.part.row(j);
    for (std::size_t d = 0; d < c.width; ++d) {
      const float* w = c.row(d) + c.width;
      float m = part[d];
      for (std::size_t k = 0; k < GraphRouter::kEdge; ++k) m += w[k] * e.eps[j][k];
      sum[d] += std::max(m, 0.0F);
    }
  }
  const float weight = std::exp(pseudo[c.width]);
  const float all = static_cast<float>(e.eps.size()) + weight;
  for (std::size_t d = 0; d < c.width; ++d) sum[d] = (sum[d] + weight * pseudo[d]) / all;
  return sum;
}

}  // namespace

float edge_score(std::span<const float> input, std::span<const float> output, float bias) {
  const float mean =
      dot(input.data(), output.data(), input.size()) / static_cast<float>(input.size());
  return 1 / (1 + std::exp(-bias - mean));
}

float GraphRouter::mean_of(float sum, float count) const {
  const float mean = (sum + kMeanWeight * value_mean) / (count + kMeanWeight);
  return std::clamp(mean, kLeastMean, 1 - kLeastMean);
}

auto GraphRouter::shapes() const
    -> std::array<std::pair<std::string_view, std::size_t>, kParameters> {
  const std::size_t w = width();
  return {{{"query", half * (dims + 1)},
           {"task", half * (dims + 1)},
           {"edge", kEdge * 3},
           {"conv1", w * (w + kEdge + 1)},
           {"conv2", w * (w + kEdge + w + 1)},
           {"pseudo", 2 * (w + 1)},
           {"read", kHeads * w * (w + 1)}}};
}

auto GraphRouter::parameters() -> std::array<std::vector<float>*, kParameters> {
  return {&query, &task, &edge, &conv1, &conv2, &pseudo, &read};
}

auto GraphRouter::parameters() const -> std::array<const std::vector<float>*, kParameters> {
  return {&query, &task, &edge, &conv1, &conv2, &pseudo, &read};
}

void GraphRouter::shares(std::span<const float> x, std::span<float> share) const {
  float most = -std::numeric_limits<float>::infinity();
  for (std::size_t k = 0; k < tasks; ++k) {
    const float* c = centres.data() + k * dims;
    share[k] = sharpness * (dot(c, x.data(), dims) - dot(c, c, dims) / 2);
    most = std::max(most, share[k]);
  }
  float sum = 0;
  for (float& s : share) sum += s = std::exp(s - most);
  for (float& s : share) s /= sum;
}

void GraphRouter::node(std::span<const float> x, std::span<float> out) const {
  thread_local std::vector<float> share, mixed;
  share.resize(tasks);
  mixed.assign(dims, 0.0F);
  shares(x, share);
  // The shares sum to one, so the mean of the tasks' nodes is the node of their mean.
  for (std::size_t k = 0; k < tasks; ++k)
    best_kernels().axpy(share[k], centres.data() + k * dims, dims, mixed.data());
  affine(query, x, out.first(half));
  affine(task, mixed, out.subspan(half));
}

float GraphRouter::cost_attribute(float cost) const {
  if (!(cost > 0) || !(cost_deviation > 0)) return 0;
  return std::clamp((std::log(cost) - cost_mean) / cost_deviation, -kMostDeviations,
                    kMostDeviations);
}

void GraphRouter::join(const Matrix& x, std::span<const float> value, std::span<const float> cost) {
  const std::size_t w = width();
  const Convolution first{conv1, w, w + kEdge + 1};
  const Convolution second{conv2, w, w + kEdge + w + 1};
  Edges e;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < x.rows(); ++i)
    if (!std::isnan(value[i])) at.push_back(i);
  float sum = 0;
  for (const std::size_t i : at) sum += value[i];
  const float mean = mean_of(sum, static_cast<float>(at.size()));
  Matrix nodes(at.size(), w);
  e.part.reset(at.size(), w);
  for (std::size_t j = 0; j < at.size(); ++j) {
    node(x.row(at[j]), nodes.row(j));
    const std::array<float, 2> told{2 * (value[at[j]] - mean), cost_attribute(cost[at[j]])};
    affine(edge, told, e.eps.emplace_back());
    for (float& v : e.eps.back()) v = std::max(v, 0.0F);
    for (std::size_t d = 0; d < w; ++d)
      e.part.row(j)[d] = dot(first.row(d), nodes.row(j).data(), w) + first.row(d)[w + kEdge];
  }
  const std::vector<float> h1 = pooled(first, e, pseudo.data());
  for (std::size_t d = 0; d < w; ++d) {
    const float own = dot(second.row(d) + w + kEdge, h1.data(), w) + second.row(d)[w + kEdge + w];
    for (std::size_t j = 0; j < at.size(); ++j)
      e.part.row(j)[d] = dot(second.row(d), nodes.row(j).data(), w) + own;
  }
  std::vector<float> h2 = pooled(second, e, pseudo.data() + w + 1);
  for (std::size_t d = 0; d < w; ++d) h2[d] += h1[d];
  states.resize((outputs + 1) * kHeads * w);
  affine(read, h2, std::span(states).last(kHeads * w));
  biases.push_back(std::log(mean / (1 - mean)));
  ++outputs;
}

void GraphRouter::predict(std::span<const float> x, std::span<double> value,
                          std::span<double> scale) const {
  thread_local std::vector<float> u;
  const std::size_t w = width();
  u.resize(w);
  node(x, u);
  for (std::size_t o = 0; o < outputs; ++o) {
    const auto state = std::span(states).subspan(o * kHeads * w, kHeads * w);
    value[o] = static_cast<double>(edge_score(u, state.first(w), biases[o]));
    if (scale.empty()) continue;
    const auto f = static_cast<double>(dot(u.data(), state.data() + w, w) / static_cast<float>(w));
    scale[o] = std::exp(std::clamp(f, -kMostLogFactor, kMostLogFactor));
  }
}

namespace {

// The centres, and the task of every row (`tasks`: none).
std::vector<std::size_t> place_tasks(const Matrix& x, std::span<const std::string_view> task_of,
                                     std::size_t most, GraphRouter& g) {
  std::map<std::string_view, std::size_t> rows;
  for (const std::string_view t : task_of) ++rows[t];
  std::vector<std::pair<std::string_view, std::size_t>> by_size(rows.begin(), rows.end());
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  g.tasks = std::min(most, by_size.size());
  std::map<std::string_view, std::size_t> index;
  for (std::size_t k = 0; k < g.tasks; ++k) index[by_size[k].first] = k;
  g.centres.assign(g.tasks * g.dims, 0.0F);
  std::vector<std::size_t> own;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const auto it = index.find(task_of[i]);
    own.push_back(it == index.end() ? g.tasks : it->second);
    if (own.back() == g.tasks) continue;
    best_kernels().axpy(1 / static_cast<float>(by_size[own.back()].second), x.row(i).data(), g.dims,
                        g.centres.data() + own.back() * g.dims);
  }
  return own;
}

void choose_sharpness(const Matrix& x, std::span<const std::size_t> own, GraphRouter& g) {
  double most = -std::numeric_limits<double>::infinity();
  float best = 1;
  std::vector<float> share(g.tasks);
  for (const float sharpness : {1.0F, 3.0F, 10.0F, 30.0F, 100.0F}) {
    g.sharpness = sharpness;
    double likelihood = 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      if (own[i] == g.tasks) continue;
      g.shares(x.row(i), share);
      likelihood += std::log(std::max(static_cast<double>(share[own[i]]), 1e-9));
    }
    if (likelihood <= most) continue;
    most = likelihood;
    best = sharpness;
  }
  g.sharpness = best;
}

}  // namespace

GraphRouter place_graph(const Matrix& x, std::span<const std::string_view> task_of,
                        const GraphColumns& columns, std::size_t half, std::size_t most) {
  SWY_ASSERT(x.rows() > 0 && x.rows() == task_of.size() && half > 0 && most > 0);
  GraphRouter g;
  g.dims = x.cols();
  g.half = half;
  const std::vector<std::size_t> own = place_tasks(x, task_of, most, g);
  choose_sharpness(x, own, g);
  double sum = 0, square = 0, n = 0;
  for (const std::vector<float>& column : columns.value) {
    for (const float v : column) {
      if (std::isnan(v)) continue;
      sum += static_cast<double>(v);
      n += 1;
    }
  }
  g.value_mean = n > 0 ? static_cast<float>(sum / n) : 0.5F;
  sum = n = 0;
  for (const std::vector<float>& column : columns.cost) {
    for (const float c : column) {
      if (!(c > 0)) continue;
      const double v = std::log(static_cast<double>(c));
      sum += v;
      square += v * v;
      n += 1;
    }
  }
  if (n > 1) {
    g.cost_mean = static_cast<float>(sum / n);
    const double variance = square / n - sum / n * (sum / n);
    g.cost_deviation = variance > 1e-9 ? static_cast<float>(std::sqrt(variance)) : 0.0F;
  }
  return g;
}

void start_graph(GraphRouter& g, std::uint64_t seed) {
  const std::size_t w = g.width();
  const auto shapes = g.shapes();
  const auto values = g.parameters();
  const std::array<std::size_t, GraphRouter::kParameters> row = {
      g.dims + 1, g.dims + 1, 3, w + GraphRouter::kEdge + 1, w + GraphRouter::kEdge + w + 1,
      w + 1,      w + 1};
  for (std::size_t p = 0; p + 1 < GraphRouter::kParameters; ++p) {
    base::Rng rng(seed, 0x6A, p);
    values[p]->clear();
    const double bound = 1 / std::sqrt(static_cast<double>(row[p]));
    for (std::size_t i = 0; i < shapes[p].second; ++i)
      values[p]->push_back(static_cast<float>((rng.uniform() * 2 - 1) * bound));
  }
  g.read.assign(shapes.back().second, 0.0F);
}

}  // namespace swy::math
