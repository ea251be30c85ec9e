// Figures from scikit-learn 1.9.1: tests/parity/learn_figures.py prints them.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "learn/calibrate.h"
#include "learn/figures.h"
#include "learn/logistic.h"

namespace swy::learn {
namespace {

constexpr std::size_t kRows = 60;

struct Data {
  Features dense, sparse;  // the same numbers
  Targets targets;
  std::vector<std::uint32_t> y, rows;
  std::vector<float> first, second;
};

Data make_data() {
  Data d;
  d.dense.dense_columns = 3;
  d.sparse.sparse_columns = 3;
  const auto fraction = [](double v) { return v - std::floor(v); };
  for (std::uint32_t i = 1; i <= kRows; ++i) {
    const std::array<double, 3> x = {fraction(i * std::sqrt(2.0)), fraction(i * std::sqrt(3.0)),
                                     fraction(i * std::sqrt(5.0))};
    for (std::uint32_t k = 0; k < 3; ++k) {
      d.dense.dense.push_back(static_cast<float>(x[k]));
      d.sparse.cells.push_back({k, static_cast<float>(x[k])});
    }
    d.sparse.begin.push_back(d.sparse.cells.size());
    d.dense.begin.push_back(0);
    d.first.push_back(static_cast<float>(x[0]));
    d.second.push_back(static_cast<float>(x[1]));
    const float sum = d.first.back() + d.second.back();
    const double noise = 0.5 * fraction(i * std::sqrt(7.0));
    d.y.push_back(static_cast<std::uint32_t>((static_cast<double>(sum) + noise) * 1.3));
    d.targets.add({&d.y.back(), 1});
    d.rows.push_back(i - 1);
  }
  return d;
}

const LogisticOptions kExact{.c = 10, .max_iterations = 2000, .tolerance = 1e-6};

TEST(Logistic, SoftmaxProbabilitiesAreThoseOfScikitLearn) {
  const Data d = make_data();
  for (const Features* features : {&d.dense, &d.sparse}) {
    const LinearModel m = fit_logistic(*features, d.targets, 3, d.rows, kExact);
    std::vector<float> z;
    const auto probability = [&](std::size_t row, std::size_t label) {
      m.logits(*features, row, z);
      double sum = 0;
      for (std::size_t c = 0; c < 3; ++c) sum += std::exp(static_cast<double>(z[c]));
      return std::exp(static_cast<double>(z[label])) / sum;
    };
    EXPECT_NEAR(probability(0, 0), 0.01625588, 2e-3);
    EXPECT_NEAR(probability(0, 1), 0.7376685, 2e-3);
    EXPECT_NEAR(probability(59, 1), 0.03907985, 2e-3);
    EXPECT_NEAR(probability(59, 2), 0.96086711, 2e-3);
  }
}

TEST(Logistic, OneVersusRestFitsEveryLabelOnItsOwn) {
  const Data d = make_data();
  LogisticOptions options = kExact;
  options.one_vs_rest = true;
  const LinearModel m = fit_logistic(d.sparse, d.targets, 3, d.rows, options);
  std::vector<float> z;
  m.logits(d.sparse, 0, z);
  EXPECT_NEAR(1 / (1 + std::exp(-z[0])), 0.016167535, 2e-3);
  EXPECT_NEAR(1 / (1 + std::exp(-z[1])), 0.62022614, 2e-3);
  m.logits(d.sparse, 59, z);
  EXPECT_NEAR(1 / (1 + std::exp(-z[1])), 0.43396816, 2e-3);
}

TEST(Logistic, TheSameDataGiveTheSameWeights) {
  const Data d = make_data();
  const LinearModel a = fit_logistic(d.sparse, d.targets, 3, d.rows, {});
  const LinearModel b = fit_logistic(d.sparse, d.targets, 3, d.rows, {});
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.bias, b.bias);
}

TEST(Figures, AreThoseOfScikitLearn) {
  const Data d = make_data();
  std::vector<std::uint32_t> said;
  std::vector<float> coarse;
  std::vector<std::uint8_t> positive;
  for (std::size_t i = 0; i < kRows; ++i) {
    said.push_back(static_cast<std::uint32_t>(d.first[i] + d.second[i]));
    coarse.push_back(std::round(d.first[i] * 10) / 10);  // ties
    positive.push_back(d.y[i] >= 1 ? 1 : 0);
  }
  EXPECT_NEAR(macro_f1(d.y, said, 3), 0.3083953518736127, 1e-9);
  EXPECT_NEAR(auroc(coarse, positive), 0.8125, 1e-9);
}

TEST(Figures, CalibrationErrorIsTheGapBetweenClaimAndTruth) {
  // Two bins of 15 are used: 0.9 claimed and 3 of 4 right; 0.5 claimed and 1 of 2 right.
  const std::array<float, 6> confidence = {0.9F, 0.9F, 0.9F, 0.9F, 0.5F, 0.5F};
  const std::array<std::uint8_t, 6> right = {1, 1, 1, 0, 1, 0};
  EXPECT_NEAR(ece(confidence, right), 0.15 * 4 / 6, 1e-6);
  EXPECT_EQ(ece({}, {}), 0);
}

TEST(Figures, OnFewRowsPerfectProbabilitiesHaveAnErrorToo) {
  const std::vector<float> few(50, 0.7F);
  const std::vector<float> many(50000, 0.7F);
  // One bin: |0.7 - share right|, of which 95 in 100 are under 1.96 sqrt(0.21 / n).
  EXPECT_NEAR(ece_by_chance(few), 1.96 * std::sqrt(0.21 / 50), 0.03);
  EXPECT_NEAR(ece_by_chance(many), 1.96 * std::sqrt(0.21 / 50000), 0.001);
  EXPECT_EQ(ece_by_chance({}), 0);
}

TEST(Figures, OneKindOnlyIsACoinToss) {
  EXPECT_EQ(auroc(std::array{1.0F, 2.0F}, std::array<std::uint8_t, 2>{1, 1}), 0.5);
}

TEST(Calibrate, IsotonicIsThatOfScikitLearn) {
  const Data d = make_data();
  std::vector<float> y;
  for (const std::uint32_t label : d.y) y.push_back(label >= 2 ? 1 : 0);
  const Curve curve = fit_isotonic(d.first, y);
  EXPECT_NEAR(curve.at(0.05F), 0, 1e-6);
  EXPECT_NEAR(curve.at(0.3F), 0, 1e-6);
  EXPECT_NEAR(curve.at(0.5F), 0.16952623, 1e-4);
  EXPECT_NEAR(curve.at(0.7F), 0.41666666, 1e-4);
  EXPECT_NEAR(curve.at(0.95F), 0.75, 1e-6);
}

TEST(Calibrate, PlattIsThatOfScikitLearn) {
  const Data d = make_data();
  std::vector<std::uint8_t> positive;
  for (const std::uint32_t label : d.y) positive.push_back(label >= 2 ? 1 : 0);
  const Platt p = fit_platt(d.first, positive);
  EXPECT_NEAR(p.slope, 4.6648260413966405, 1e-3);
  EXPECT_NEAR(p.offset, -3.9459669072672163, 1e-3);
}

// Probabilities spread evenly over 0.05..0.95 and, for each, how often the best label is right.
struct Confidences {
  std::vector<float> p;
  std::vector<std::uint8_t> right;
};
template <typename F>
Confidences draw(std::uint64_t seed, std::size_t n, const F& share) {
  Confidences out;
  base::Rng rng(seed, 0, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const double p = 0.05 + 0.9 * rng.uniform();
    out.p.push_back(static_cast<float>(p));
    out.right.push_back(rng.uniform() < share(p) ? 1 : 0);
  }
  return out;
}

template <typename F>
double worst_of(const Curve& curve, const F& share) {
  double worst = 0;
  for (double p = 0.1; p < 0.95; p += 0.05) {
    worst =
        std::max(worst, std::fabs(static_cast<double>(curve.at(static_cast<float>(p))) - share(p)));
  }
  return worst;
}

TEST(Calibrate, OfTwoCurvesTheLikelierOnHeldOutRowsIsTaken) {
  const auto smooth = [](double p) { return 1 / (1 + std::sqrt((1 - p) / p) * 2); };
  int logistic = 0, nearer = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Confidences c = draw(seed, 600, smooth);
    const Curve taken = fit_confidence(c.p, c.right);
    if (taken.x.size() != 65) continue;  // not the pieces of a logistic curve
    ++logistic;
    const Curve isotonic = fit_isotonic(c.p, std::vector<float>(c.right.begin(), c.right.end()));
    nearer += worst_of(taken, smooth) < worst_of(isotonic, smooth) ? 1 : 0;
  }
  EXPECT_GE(logistic, 8);
  EXPECT_EQ(nearer, logistic) << "isotonic follows the noise";

  const auto steps = [](double p) { return p < 0.3 ? 0.02 : p < 0.6 ? 0.5 : 0.55; };
  const Confidences b = draw(3, 5000, steps);
  const Curve bent = fit_confidence(b.p, b.right);
  EXPECT_NEAR(bent.at(0.2F), 0.02, 0.03);
  EXPECT_NEAR(bent.at(0.45F), 0.5, 0.06);
  EXPECT_NEAR(bent.at(0.9F), 0.55, 0.08);
}

TEST(Calibrate, AConfidenceThatSaysNothingBecomesTheShareThatIsRight) {
  const Confidences c = draw(3, 1000, [](double p) { return 0.8 - 0.2 * p; });
  const Curve curve = fit_confidence(c.p, c.right);
  EXPECT_NEAR(curve.at(0.2F), 0.7, 0.08);
  EXPECT_NEAR(curve.at(0.9F), 0.7, 0.08);
}

TEST(Calibrate, TheTemperatureUndoesAScale) {
  const Data d = make_data();
  const LinearModel m = fit_logistic(d.dense, d.targets, 3, d.rows, kExact);
  std::vector<float> logits, scaled, z;
  for (const std::uint32_t row : d.rows) {
    m.logits(d.dense, row, z);
    logits.insert(logits.end(), z.begin(), z.begin() + 3);
  }
  for (const float v : logits) scaled.push_back(3 * v);
  const double t = fit_temperature(logits, 3, d.y);
  EXPECT_NEAR(fit_temperature(scaled, 3, d.y), 3 * t, 1e-3);
  EXPECT_LT(t, 1) << "the penalty had shrunk the weights";
  EXPECT_GT(t, 0.2);
}

}  // namespace
}  // namespace swy::learn
