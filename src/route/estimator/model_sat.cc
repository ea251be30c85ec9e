// model_sat: a model is the vector of its marks in an aptitude test, and a head says which marks a
// prompt asks for.
//
// Formula: the test has `tasks` groups of similar prompts (k-means of the features) with `shots`
// rows each, fewer where these would be more than half of the table. a_mt = 2 (sum of m's outcomes
// in the test's rows of t + its mean in the test) / (n + 1)
// - 1, from -1 to 1. s_m(x) = z_0(x) + sum_t z_t(x) a_mt with z = W x + b, quality = sigma(s_m):
// the softmax of a Yes at s_m and a No at 0. W is fitted by cross-entropy on the rows that are not
// in the test, so that no mark holds the outcome that it predicts. A new model needs the answers to
// the test only; adding one changes nothing of the others, and a copy of a model gets the same
// beliefs. Cost: features x tasks + tasks x models. When it loses: with many rows of every model, a
// weight vector of its own says more than a few marks. Source: variant of Model-SAT (capability
// instruction tuning; request-routing.md 4.4). Deviations: marks as numbers in place of a sentence,
// a bilinear head in place of a 7 B model; tasks are found, so that no data set is named in a
// model's description. Tests: model_sat_test.cc.
#include <algorithm>
#include <cmath>

#include "math/cluster_map.h"
#include "route/estimator/learned.h"
#include "route/estimator/linear_scores.h"
#include "route/estimator/preference_losses.h"

namespace swy::route {
namespace {

constexpr std::size_t kRounds = 30;

struct Options : LearnedOptions {
  std::int64_t tasks = 50;
  std::int64_t shots = 20;
  TrainingOptions training;

  void bind(base::OptionBinder& b) {
    LearnedOptions::bind(b);
    b.field("tasks", tasks, {.min = 1, .max = 1000},
            "groups of prompts in the test, which has at most half of the rows");
    b.field("shots", shots, {.min = 1, .max = 100'000}, "rows of each in the test");
    training.bind(b, "of the tasks and the order of the rows");
  }
};

// Marks with a leading 1: models x (tasks + 1).
using Marks = std::vector<float>;

double score(std::span<const float> z, std::span<const float> marks) {
  double s = 0;
  for (std::size_t t = 0; t < z.size(); ++t)
    s += static_cast<double>(z[t]) * static_cast<double>(marks[t]);
  return s;
}

class ModelSat final : public QualityModel {
 public:
  ModelSat(LinearScores head, Marks marks) : head_(std::move(head)), marks_(std::move(marks)) {}
  void predict(std::span<const float> x, std::span<double> quality) const override {
    thread_local std::vector<float> z;
    z.resize(head_.outputs);
    head_.scores(x, z);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const auto marks = std::span(marks_).subspan(m * z.size(), z.size());
      quality[m] = 1 / (1 + std::exp(-score(z, marks)));
    }
  }
  void write(WeightFile& out) const override {
    out.tensors["weights"] = head_.weights;
    out.tensors["marks"] = marks_;
  }

 private:
  LinearScores head_;
  Marks marks_;
};

Result<std::unique_ptr<QualityModel>> read(const WeightFile& w, std::size_t dims) {
  const auto found = w.tensors.find("marks");
  const std::size_t models = w.models.size();
  const std::size_t outputs =
      found == w.tensors.end() || models == 0 ? 0 : found->second.size() / models;
  if (outputs == 0) return fail(ErrorCode::kParse, "model_sat: weights without marks");
  SWY_TRY(auto marks, w.tensor("marks", outputs * models));
  SWY_TRY(auto head, LinearScores::read(w, dims, outputs));
  return std::make_unique<ModelSat>(std::move(head), std::move(marks));
}

struct Test {
  std::vector<std::uint32_t> task;     // by row
  std::vector<std::uint8_t> in;        // by row: whether the test has it
  std::vector<std::uint32_t> learned;  // the other rows
  std::size_t tasks = 0;
};

Test test_of(const math::Matrix& x, const Options& o) {
  Test t;
  const std::size_t most = x.rows() / (2 * static_cast<std::size_t>(o.shots));
  const auto tasks = std::clamp<std::size_t>(most, 1, static_cast<std::size_t>(o.tasks));
  t.task = math::dense_k_means(x, tasks, kRounds, static_cast<std::uint64_t>(o.training.seed));
  t.tasks = 1 + *std::max_element(t.task.begin(), t.task.end());
  t.in.assign(x.rows(), 0);
  std::vector<std::int64_t> taken(t.tasks, 0);
  for (std::uint32_t i = 0; i < x.rows(); ++i) {
    if (taken[t.task[i]]++ < o.shots) {
      t.in[i] = 1;
    } else {
      t.learned.push_back(i);
    }
  }
  return t;
}

Marks marks_of(const LearnedRows& rows, const Test& test) {
  Marks marks;
  for (const ObservedModel& m : rows.models) {
    std::vector<double> sum(test.tasks, 0.0), n(test.tasks, 0.0);
    double all = 0, count = 0;
    for (std::size_t i = 0; i < test.in.size(); ++i) {
      const auto y = static_cast<double>(m.quality.value[i]);
      if (test.in[i] == 0 || std::isnan(y)) continue;
      sum[test.task[i]] += y;
      n[test.task[i]] += 1;
      all += y;
      count += 1;
    }
    const double mean = count > 0 ? all / count : 0.5;
    marks.push_back(1);
    for (std::size_t t = 0; t < test.tasks; ++t)
      marks.push_back(static_cast<float>(2 * (sum[t] + mean) / (n[t] + 1) - 1));
  }
  return marks;
}

std::unique_ptr<QualityModel> fit(const LearnedRows& rows, const Options& o) {
  Test test = test_of(rows.x, o);
  if (test.learned.empty())  // everything is in the test: better than to learn nothing
    for (std::uint32_t i = 0; i < rows.x.rows(); ++i) test.learned.push_back(i);
  const Marks marks = marks_of(rows, test);
  const std::size_t outputs = test.tasks + 1;
  const math::Matrix x = rows.x.only(test.learned);
  const ScoreLoss loss = [&](std::uint32_t row, std::span<const float> z, std::span<float> slope) {
    double sum = 0;
    for (std::size_t m = 0; m < rows.models.size(); ++m) {
      const auto y = static_cast<double>(rows.models[m].quality.value[test.learned[row]]);
      if (std::isnan(y)) continue;
      const auto of = std::span(marks).subspan(m * outputs, outputs);
      const double s = score(z, of);
      const LossAt at = cross_entropy(s, y);
      sum += at.loss;
      const auto d = static_cast<float>(at.slope);
      for (std::size_t t = 0; t < outputs; ++t) slope[t] += d * of[t];
    }
    return sum;
  };
  return std::make_unique<ModelSat>(LinearScores::fit(x, outputs, loss, o.training.descent()),
                                    marks);
}

}  // namespace

std::unique_ptr<Estimator> make_model_sat(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const LearnedType type{
      "model_sat", {}, read, [o](const LearnedRows& rows) { return fit(rows, o); }};
  return make_learned(type, o, node, ctx);
}

}  // namespace swy::route
