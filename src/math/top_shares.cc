// top_shares(): share_i = exp(s_i) / (base + sum over the k highest of exp(s_j)), O(n k).
//
// Test: top_shares_test.cc.
#include "math/top_shares.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace swy::math {

void top_shares(std::span<const double> score, std::size_t k, bool base, std::span<double> share) {
  SWY_ASSERT(score.size() == share.size() && k > 0);
  double most = base ? 0.0 : -HUGE_VAL;
  for (const double s : score) most = std::max(most, s);
  double sum = base ? std::exp(-most) : 0.0;
  for (std::size_t i = 0; i < score.size(); ++i) {
    std::size_t better = 0;
    for (std::size_t j = 0; j < score.size(); ++j)
      better += score[j] > score[i] || (score[j] == score[i] && j < i) ? 1 : 0;
    share[i] = better < k ? std::exp(score[i] - most) : 0.0;
    sum += share[i];
  }
  for (double& v : share) v /= sum;
}

}  // namespace swy::math
