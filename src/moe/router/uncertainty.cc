// uncertainty_weights(): MoFME's router (2312.16610). The gate runs several times with dropout;
// its mean logit mu_j counts for less where the passes disagree: w_j ~ mu_j / (var_j + 1e-5).
// Variant of the paper: the diagonal of the covariance in place of the whole matrix, and its text
// in place of its code, which averages after subtracting the mean (always about 0). Evaluation
// keeps the k best and takes their softmax (Weigh::kSoftmaxSelected). Cost: passes * E. Loses: five
// passes estimate a variance badly; logits are not on a ratio scale, so that a constant added to
// all of them changes the weights. Test: router/score_edit_test.cc.
#include <cmath>

#include "moe/score_edit.h"

namespace swy::moe {

Status uncertainty_weights(Rows<const double> passes, std::span<double> weight) {
  constexpr double kTiny = 1e-5;
  const auto args = Arguments()
                        .table(passes, "passes")
                        .that(passes.rows > 1, Code::kBadShape, "passes")
                        .same(weight.size(), passes.cols, "weight");
  if (!args.ok()) return args.status();
  const auto n = static_cast<double>(passes.rows);
  double sum = 0;
  for (std::size_t j = 0; j < weight.size(); ++j) {
    double mean = 0;
    for (std::size_t i = 0; i < passes.rows; ++i) mean += passes.at(i, j) / n;
    double squares = 0;
    for (std::size_t i = 0; i < passes.rows; ++i) {
      const double off = passes.at(i, j) - mean;
      squares += off * off;
    }
    weight[j] = mean > 0 ? mean / (squares / (n - 1) + kTiny) : 0.0;
    sum += weight[j];
  }
  for (double& w : weight) w = sum > 0 ? w / sum : 1.0 / static_cast<double>(weight.size());
  return {};
}

}  // namespace swy::moe
