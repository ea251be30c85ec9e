// Training of a task - input - output graph: hide edges, predict them from those that are left.
//
// Each step draws rows whose outcomes are predicted (256) and other rows whose edges make the
// models' states (from 16 to 2,048, equally likely on a logarithmic scale); of these every model
// keeps all edges or a random share, so that states of few probes are trained too. Loss: cross
// entropy of the quality, plus a tenth of exp(f) - size * f for the factor f on the model's mean
// cost (its minimum is the mean size). Adam; every tenth row is held out, and the parameters that
// predict these best, from the edges of other rows, are kept. Then all models are joined by all
// their edges. Cost: a step is rows x models x width, whatever the table's size. When it loses: few
// rows, where there is little to hide. Source: variant of GraphRouter (arXiv 2410.03834);
// request-routing.md 4.7. Deviations: rows are drawn, where there all edges take part in every
// step; the rows that are predicted are never those that are seen; math/graph_router.cc. Tests:
// train_test.cc (equal to the forward pass that serves; learns; new models).
#include "graph_train.h"

// First: the others use it before they declare it, which clang minds.
#include <ATen/core/ivalue.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "base/terminal.h"
#include "math/adam.h"

namespace swy::app {
namespace {

using at::Tensor;
using Rows = std::vector<std::int64_t>;
constexpr std::size_t kAsked = 256;     // rows predicted in a step
constexpr std::size_t kLeastSeen = 16;  // rows whose edges are visible in a step
constexpr std::size_t kMostSeen = 2048;
constexpr std::size_t kMeasured = 4096;  // held-out rows predicted
constexpr std::size_t kEvery = 50;       // steps between measurements
constexpr std::size_t kPatience = 10;    // measurements without a better one
constexpr double kSizeWeight = 0.1;
constexpr float kMostSize = 20;       // of an answer, by the model's mean
constexpr double kMostLogFactor = 3;  // as in math/graph_router.cc

std::int64_t as_int(std::size_t n) { return static_cast<std::int64_t>(n); }

// Borrows the numbers.
Tensor tensor_of(float* values, std::initializer_list<std::int64_t> shape) {
  return at::from_blob(values, at::IntArrayRef(shape.begin(), shape.size()), at::kFloat);
}

Tensor index_of(Rows& rows) { return at::from_blob(rows.data(), {as_int(rows.size())}, at::kLong); }

// The rows of the table as tensors; a 1 in a mask is an observation.
struct Table {
  std::vector<float> values;  // of all below
  Tensor x, mixed;            // rows x dims: features; mean of the tasks' centres
  Tensor cost;                // rows x models: what an edge is told of its cost
  Tensor y, seen;             // rows x models
  Tensor size, sized;         // rows x models
};

void fill_inputs(const math::Matrix& x, const math::GraphRouter& g, float* features, float* mixed) {
  std::vector<float> share(g.tasks);
  std::copy(x.all().begin(), x.all().end(), features);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    g.shares(x.row(i), share);
    for (std::size_t d = 0; d < g.dims; ++d) {
      float sum = 0;
      for (std::size_t k = 0; k < g.tasks; ++k) sum += share[k] * g.centres[k * g.dims + d];
      mixed[i * g.dims + d] = sum;
    }
  }
}

Table table_of(const route::TrainingRows& rows, const math::GraphRouter& g) {
  Table t;
  const std::size_t n = rows.x.rows();
  const std::size_t models = rows.quality.size();
  const std::size_t cells = n * models;
  t.values.assign(2 * n * g.dims + 5 * cells, 0.0F);
  float* at = t.values.data();
  const auto take = [&](std::initializer_list<std::int64_t> shape, std::size_t count) {
    const Tensor made = tensor_of(at, shape);
    at += count;
    return made;
  };
  const std::int64_t r = as_int(n), m = as_int(models), d = as_int(g.dims);
  fill_inputs(rows.x, g, at, at + n * g.dims);
  t.x = take({r, d}, n * g.dims);
  t.mixed = take({r, d}, n * g.dims);
  std::array<float*, 5> cell{};
  std::array<Tensor*, 5> made = {&t.y, &t.seen, &t.size, &t.sized, &t.cost};
  for (std::size_t k = 0; k < cell.size(); ++k) {
    cell[k] = at;
    *made[k] = take({r, m}, cells);
  }
  for (std::size_t o = 0; o < models; ++o) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t c = i * models + o;
      const float y = rows.quality[o][i];
      const float size = rows.size[o][i];
      if (!std::isnan(y)) {
        cell[0][c] = y;
        cell[1][c] = 1;
        cell[4][c] = g.cost_attribute(rows.cost[o][i]);
      }
      if (!std::isnan(size)) {
        cell[2][c] = std::min(size, kMostSize);
        cell[3][c] = 1;
      }
    }
  }
  return t;
}

// The parameters of a graph as leaves of the differentiation; they share its memory.
struct Leaves {
  Tensor query, task, edge, conv1, conv2, pseudo, read;
  std::array<Tensor*, math::GraphRouter::kParameters> all() {
    return {&query, &task, &edge, &conv1, &conv2, &pseudo, &read};
  }
};

Leaves leaves_of(math::GraphRouter& g) {
  Leaves l;
  const auto values = g.parameters();
  const std::int64_t w = as_int(g.width()), e = math::GraphRouter::kEdge, d = as_int(g.dims);
  const std::array<std::int64_t, math::GraphRouter::kParameters> columns = {
      d + 1, d + 1, 3, w + e + 1, w + e + w + 1, w + 1, w + 1};
  const auto leaves = l.all();
  for (std::size_t p = 0; p < leaves.size(); ++p)
    *leaves[p] = tensor_of(values[p]->data(), {as_int(values[p]->size()) / columns[p], columns[p]})
                     .set_requires_grad(true);
  return l;
}

// Columns first..first + count of w, applied.
Tensor by(const Tensor& x, const Tensor& w, std::int64_t first, std::int64_t count) {
  return x.matmul(w.narrow(1, first, count).t());
}
Tensor affine(const Tensor& x, const Tensor& w) {
  const std::int64_t n = w.size(1) - 1;
  return by(x, w, 0, n) + w.select(1, n);
}

Tensor nodes(const Leaves& l, const Tensor& x, const Tensor& mixed) {
  return at::cat({affine(x, l.query), affine(mixed, l.task)}, 1);
}

struct Models {
  Tensor states;  // models x (2 width)
  Tensor biases;  // models
};

// By the edges of rows with nodes u.
Models models_of(const Leaves& l, const math::GraphRouter& g, const Tensor& u, const Tensor& y,
                 const Tensor& cost, const Tensor& visible) {
  constexpr double kWeight = math::GraphRouter::kMeanWeight;
  constexpr double kLeast = math::GraphRouter::kLeastMean;
  const std::int64_t w = u.size(1), e = math::GraphRouter::kEdge;
  const Tensor count = visible.sum(0);  // models
  const Tensor sum = (y * visible).sum(0);
  const Tensor mean = ((sum + kWeight * static_cast<double>(g.value_mean)) / (count + kWeight))
                          .clamp(kLeast, 1 - kLeast);
  const Tensor told = at::stack({2 * (y - mean), cost}, 2);
  const Tensor eps = affine(told, l.edge).relu();  // rows x models x 3
  const Tensor mask = visible.unsqueeze(2);        // rows x models x 1
  const auto pooled = [&](const Tensor& messages, std::int64_t k) {
    const Tensor weight = l.pseudo.select(0, k).narrow(0, w, 1).exp();
    return ((messages * mask).sum(0) + weight * l.pseudo.select(0, k).narrow(0, 0, w)) /
           (count.unsqueeze(1) + weight);
  };
  const Tensor first = by(u, l.conv1, 0, w) + l.conv1.select(1, w + e);
  const Tensor h1 = pooled((first.unsqueeze(1) + by(eps, l.conv1, w, e)).relu(), 0);
  const Tensor own = by(h1, l.conv2, w + e, w) + l.conv2.select(1, w + e + w);
  const Tensor second = by(u, l.conv2, 0, w).unsqueeze(1) + own.unsqueeze(0);
  const Tensor h2 = pooled((second + by(eps, l.conv2, w, e)).relu(), 1) + h1;
  return {affine(h2, l.read), mean.log() - (1 - mean).log()};
}

// rows x models: the logit of the value, and the logarithm of the factor on the cost.
Tensor head(const Tensor& u, const Tensor& states, std::int64_t which) {
  const std::int64_t w = u.size(1);
  return u.matmul(states.narrow(1, which * w, w).t()) / static_cast<double>(w);
}
Tensor logits(const Tensor& u, const Models& m) { return head(u, m.states, 0) + m.biases; }
Tensor factors(const Tensor& u, const Models& m) { return head(u, m.states, 1); }

// Means over observations.
Tensor cross_entropy(const Tensor& logit, const Tensor& y, const Tensor& seen) {
  const Tensor each = logit.relu() - logit * y + logit.abs().neg().exp().log1p();
  return (each * seen).sum() / (seen.sum() + 1e-6);
}
Tensor size_loss(const Tensor& f, const Tensor& size, const Tensor& sized) {
  const Tensor cut = f.clamp(-kMostLogFactor, kMostLogFactor);
  return ((cut.exp() - size * cut) * sized).sum() / (sized.sum() + 1e-6);
}

class Training {
 public:
  Training(const route::TrainingRows& rows, const route::GraphTraining& options,
           math::GraphRouter& graph)
      : options_(options), graph_(graph), table_(table_of(rows, graph)), leaves_(leaves_of(graph)) {
    const std::size_t n = rows.x.rows();
    for (std::size_t i = 0; i < n; ++i)
      (n >= 10 && i % 10 == 9 ? held_out_ : learned_).push_back(as_int(i));
    if (held_out_.empty()) held_out_ = learned_;
    base::Rng rng(options.seed, 0x57E9, 0);
    shuffle(held_out_, held_out_.size(), rng);
    held_out_.resize(std::min(held_out_.size(), kMeasured));
    shuffle(learned_, learned_.size(), rng);
    shown_.assign(learned_.begin(),
                  learned_.begin() + as_int(std::min(learned_.size(), kMostSeen)));
    for (std::vector<float>* p : graph_.parameters()) {
      first_.emplace_back(p->size(), 0.0F);
      second_.emplace_back(p->size(), 0.0F);
    }
  }

  void run() {
    base::Progress progress("graph_router", options_.steps);
    double least = measure();
    std::vector<std::vector<float>> best = kept();
    std::size_t without = 0;
    for (std::size_t s = 1; s <= options_.steps && without < kPatience; ++s) {
      step(s);
      progress.advance();
      if (s % kEvery != 0 && s != options_.steps) continue;
      const double loss = measure();
      ++without;
      if (!(loss < least)) continue;
      without = 0;
      least = loss;
      best = kept();
    }
    const auto values = graph_.parameters();
    for (std::size_t p = 0; p < values.size(); ++p) *values[p] = best[p];
  }

 private:
  [[nodiscard]] std::vector<std::vector<float>> kept() const {
    std::vector<std::vector<float>> out;
    for (const std::vector<float>* p : std::as_const(graph_).parameters()) out.push_back(*p);
    return out;
  }

  // `asked` rows are predicted from the edges of `shown` rows, of which visible says which.
  struct Losses {
    Tensor value, size;
  };
  Losses loss(Rows& asked, Rows& shown, const Tensor& visible) {
    const Tensor s = index_of(shown);
    const Tensor a = index_of(asked);
    const auto u = [&](const Tensor& rows) {
      return nodes(leaves_, table_.x.index_select(0, rows), table_.mixed.index_select(0, rows));
    };
    const auto at = [](const Tensor& column, const Tensor& rows) {
      return column.index_select(0, rows);
    };
    const Models m = models_of(leaves_, graph_, u(s), at(table_.y, s), at(table_.cost, s), visible);
    const Tensor of = u(a);
    return {cross_entropy(logits(of, m), at(table_.y, a), at(table_.seen, a)),
            size_loss(factors(of, m), at(table_.size, a), at(table_.sized, a))};
  }

  // The held-out rows, from as many others as a step has at most, always the same.
  double measure() {
    const at::NoGradGuard no_gradients;
    return loss(held_out_, shown_, table_.seen.index_select(0, index_of(shown_)))
        .value.item<double>();
  }

  // Brings n rows drawn without replacement to the front.
  static void shuffle(Rows& rows, std::size_t n, base::Rng& rng) {
    for (std::size_t i = 0; i < n; ++i) std::swap(rows[i], rows[i + rng.below(rows.size() - i)]);
  }

  void step(std::size_t s) {
    base::Rng rng(options_.seed, 0x57E9, s);
    const std::size_t n = learned_.size();
    const std::size_t asked = std::min(kAsked, std::max<std::size_t>(n / 2, 1));
    const std::size_t most = std::clamp<std::size_t>(n - asked, 1, kMostSeen);
    const double least = std::log(static_cast<double>(std::min(kLeastSeen, most)));
    const double range = std::log(static_cast<double>(most)) - least;
    const auto shown = std::min(
        most, static_cast<std::size_t>(std::lround(std::exp(least + range * rng.uniform()))));
    shuffle(learned_, std::min(n, asked + shown), rng);
    Rows predicted(learned_.begin(), learned_.begin() + as_int(asked));
    Rows seen(learned_.end() - as_int(std::min(n, shown)), learned_.end());
    if (n > asked)
      seen.assign(learned_.begin() + as_int(asked), learned_.begin() + as_int(asked + shown));
    std::vector<float> keep = hidden(seen.size(), rng);
    const Tensor visible = table_.seen.index_select(0, index_of(seen)) *
                           tensor_of(keep.data(), {as_int(seen.size()), table_.seen.size(1)});
    const Losses l = loss(predicted, seen, visible);
    (l.value + kSizeWeight * l.size).backward();
    update(s);
  }

  // By row and model: 1 stays visible. Half of the models keep everything, of others a share.
  std::vector<float> hidden(std::size_t rows, base::Rng& rng) const {
    const auto models = static_cast<std::size_t>(table_.seen.size(1));
    std::vector<double> share(models);
    for (double& v : share) {
      const double drawn = std::exp(-3 * rng.uniform());
      v = rng.below(2) == 0 ? 1 : drawn;
    }
    std::vector<float> keep(rows * models);
    for (std::size_t c = 0; c < keep.size(); ++c)
      keep[c] = rng.uniform() < share[c % models] ? 1.0F : 0.0F;
    return keep;
  }

  void update(std::size_t s) {
    const float rate = math::adam_rate(options_.rate, s);
    const auto values = graph_.parameters();
    const auto leaves = leaves_.all();
    for (std::size_t p = 0; p < values.size(); ++p) {
      const Tensor slope = leaves[p]->grad().contiguous();
      const std::span<float> g(slope.data_ptr<float>(), values[p]->size());
      math::adam_update(*values[p], g, first_[p], second_[p],
                        {rate, static_cast<float>(options_.decay), 1});
      leaves[p]->mutable_grad().reset();
    }
  }

  const route::GraphTraining& options_;
  math::GraphRouter& graph_;
  Table table_;
  Leaves leaves_;
  Rows learned_, held_out_, shown_;
  std::vector<std::vector<float>> first_, second_;  // Adam's moments
};

}  // namespace

math::GraphRouter train_graph(const route::TrainingRows& rows,
                              const route::GraphTraining& options) {
  // Steps are too small for more, whose sums would depend on the machine.
  at::set_num_threads(1);
  math::GraphRouter g =
      math::place_graph(rows.x, rows.domains, {rows.quality, rows.cost}, options.hidden);
  math::start_graph(g, options.seed);
  Training(rows, options, g).run();
  for (std::size_t m = 0; m < rows.quality.size(); ++m)
    g.join(rows.x, rows.quality[m], rows.cost[m]);
  return g;
}

GraphAnswer answer_by_training(const math::GraphRouter& graph, const route::TrainingRows& rows,
                               const math::Matrix& asked) {
  const at::NoGradGuard no_gradients;
  math::GraphRouter g = graph;
  const Table t = table_of(rows, g);
  const Leaves l = leaves_of(g);
  std::vector<float> inputs(2 * asked.rows() * g.dims);
  const std::int64_t n = as_int(asked.rows()), d = as_int(g.dims);
  fill_inputs(asked, g, inputs.data(), inputs.data() + asked.rows() * g.dims);
  const Tensor u = nodes(l, tensor_of(inputs.data(), {n, d}),
                         tensor_of(inputs.data() + asked.rows() * g.dims, {n, d}));
  const Models m = models_of(l, g, nodes(l, t.x, t.mixed), t.y, t.cost, t.seen);
  const Tensor value = logits(u, m).sigmoid().contiguous();
  const Tensor scale = factors(u, m).clamp(-kMostLogFactor, kMostLogFactor).exp().contiguous();
  GraphAnswer out{math::Matrix(asked.rows(), rows.quality.size()),
                  math::Matrix(asked.rows(), rows.quality.size())};
  std::copy_n(value.data_ptr<float>(), out.value.all().size(), out.value.all().begin());
  std::copy_n(scale.data_ptr<float>(), out.scale.all().size(), out.scale.all().begin());
  return out;
}

}  // namespace swy::app
