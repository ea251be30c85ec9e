// complete(): a new model as a mixture of those that are known.
//
// Formula: on a row on which the known models score r on average (each less its own mean, plus the
// mean of all) and model j lies e_j from that, the new model is expected at
//   r + level + a r + sum_j w_j e_j + u_g,
// level, a, w and the groups' u by ridge regression on the rows on which it was observed, the
// penalty chosen by cross-validation (math/ridge.h), and so is how much less the u are penalised:
// with few rows it is as good on every row as the others are, but for its level; with more it takes
// after those that it resembles, and is good and bad at the groups in which it was. Clamped to 0
// to 1. A score that a known model lacks counts as e_j = 0. Cost: rows x models, and the regression
// over its own rows. When it loses: a model good at what no other is good at looks like the others
// there until it has been observed there often; its level is as uncertain as a mean of its few
// rows, so among many models one may be taken for the best by luck. Drawing the level to the
// others' mean helps that, and hides the models that are really better
// (docs/reference/estimators.md). Source: ours; regression on other items' outcomes as in
// collaborative filtering. Tests: completion_test.cc.
#include "route/estimator/completion.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "math/matrix.h"
#include "math/ridge.h"

namespace swy::route {
namespace {

constexpr std::size_t kMostGroups = 128;  // of more, none is told apart
constexpr std::size_t kFolds = 10;
constexpr float kCommon = 3;  // how much less the common score's slope is penalised than others'

// The models that are known, and what is read off them on a row.
class Known {
 public:
  Known(const std::vector<std::vector<float>>& y, std::vector<std::size_t> models,
        const Labels& groups)
      : y_(y), models_(std::move(models)), groups_(groups) {
    for (const std::size_t m : models_) {
      double sum = 0;
      for (const float v : y[m]) sum += std::isnan(v) ? 0 : static_cast<double>(v);
      mean_.push_back(sum / static_cast<double>(count_observed(y[m])));
      level_ += mean_.back() / static_cast<double>(models_.size());
    }
  }
  [[nodiscard]] std::size_t dims() const { return models_.size() + 1 + groups(); }

  // The common score; x: kCommon times it, less its mean, how far every model lies from it, and by
  // for the row's group. NaN where none was observed.
  double read(std::size_t row, float by, std::span<float> x) const {
    double sum = 0;
    double n = 0;
    for (std::size_t j = 0; j < models_.size(); ++j) {
      const float v = y_[models_[j]][row];
      x[j + 1] = std::isnan(v) ? v : v - static_cast<float>(mean_[j]);
      if (std::isnan(v)) continue;
      sum += static_cast<double>(x[j + 1]);
      n += 1;
    }
    if (n == 0) return std::numeric_limits<double>::quiet_NaN();
    x[0] = kCommon * static_cast<float>(sum / n);
    const auto end = x.subspan(models_.size() + 1);
    for (float& e : x.subspan(1, models_.size()))
      e = std::isnan(e) ? 0 : e - static_cast<float>(sum / n);
    std::fill(end.begin(), end.end(), 0.0F);
    if (!end.empty()) end[groups_.of[row]] = by;
    return level_ + sum / n;
  }

 private:
  [[nodiscard]] std::size_t groups() const {
    return groups_.count <= kMostGroups ? groups_.count : 0;
  }

  const std::vector<std::vector<float>>& y_;
  std::vector<std::size_t> models_;
  const Labels& groups_;
  std::vector<double> mean_;
  double level_ = 0;
};

double held_out_error(const math::RidgeModel& model, std::span<const float> y) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double e = static_cast<double>(model.held_out.row(i)[0] - y[i]);
    sum += e * e;
  }
  return sum;
}

struct Fitted {
  math::RidgeModel model;
  float by = 1;  // how much less the groups' offsets are penalised than the other models' parts
};

// What the others' scores leave open: fitted on the rows of the new model.
Fitted fit(const Known& known, const std::vector<float>& y) {
  std::vector<std::size_t> rows;
  std::vector<float> left;
  std::vector<float> row(known.dims());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double common =
        std::isnan(y[i]) ? std::numeric_limits<double>::quiet_NaN() : known.read(i, 1, row);
    if (std::isnan(common)) continue;
    rows.push_back(i);
    left.push_back(y[i] - static_cast<float>(common));
  }
  Fitted best;
  if (rows.size() < kFolds) return best;
  double least = std::numeric_limits<double>::infinity();
  for (const float by : {1.0F, 2.0F, 4.0F}) {
    math::Matrix x(rows.size(), known.dims());
    for (std::size_t i = 0; i < rows.size(); ++i) (void)known.read(rows[i], by, x.row(i));
    auto model =
        math::fit_ridge(x, std::span(&left, 1),
                        {.penalties = {1, 3, 10, 30, 100, 300, 1000, 3000}, .folds = kFolds});
    const double error = held_out_error(model, left);
    if (error >= least) continue;
    least = error;
    best = {std::move(model), by};
  }
  return best;
}

void fill(const Known& known, std::vector<float>& y) {
  const Fitted fitted = fit(known, y);
  if (fitted.model.outputs == 0) return;
  std::vector<float> row(known.dims());
  std::vector<double> said(1);
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!std::isnan(y[i])) continue;
    const double common = known.read(i, fitted.by, row);
    if (std::isnan(common)) continue;
    fitted.model.predict(row, said);
    y[i] = static_cast<float>(std::clamp(common + said[0], 0.0, 1.0));
  }
}

// Which models are known, and which are to be completed.
struct Split {
  std::vector<std::size_t> known, few;
  explicit Split(const std::vector<std::vector<float>>& y) {
    std::vector<std::size_t> count;
    for (const auto& column : y) count.push_back(count_observed(column));
    const std::size_t most = count.empty() ? 0 : *std::max_element(count.begin(), count.end());
    for (std::size_t m = 0; m < y.size(); ++m) {
      if (2 * count[m] >= most && most > 0) known.push_back(m);
      if (is_completed(static_cast<double>(count[m]), static_cast<double>(most))) few.push_back(m);
    }
    if (known.size() < 2) few.clear();
  }
};

}  // namespace

std::size_t count_observed(const std::vector<float>& column) {
  return static_cast<std::size_t>(
      std::count_if(column.begin(), column.end(), [](float v) { return !std::isnan(v); }));
}

std::vector<std::size_t> complete(std::vector<std::vector<float>>& y, const Labels& groups) {
  std::vector<std::size_t> had(y.size(), 0);
  Split split(y);
  if (split.few.empty()) return had;
  const Known known(y, std::move(split.known), groups);
  for (const std::size_t m : split.few) {
    had[m] = count_observed(y[m]);
    fill(known, y[m]);
  }
  return had;
}

void complete_in_proportion(std::vector<std::vector<float>>& y) {
  const Split split(y);
  for (const std::size_t m : split.few) {
    // Of the others on row i; NaN where none is known.
    const auto common = [&](std::size_t i) {
      double sum = 0;
      double n = 0;
      for (const std::size_t j : split.known) {
        if (std::isnan(y[j][i])) continue;
        sum += static_cast<double>(y[j][i]);
        n += 1;
      }
      return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN();
    };
    double mine = 0;
    double theirs = 0;
    for (std::size_t i = 0; i < y[m].size(); ++i) {
      const double c = common(i);
      if (std::isnan(y[m][i]) || std::isnan(c)) continue;
      mine += static_cast<double>(y[m][i]);
      theirs += c;
    }
    if (!(theirs > 0)) continue;
    for (std::size_t i = 0; i < y[m].size(); ++i)
      if (std::isnan(y[m][i])) y[m][i] = static_cast<float>(common(i) * mine / theirs);
  }
}

}  // namespace swy::route
