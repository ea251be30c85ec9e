// The property list of the specification as randomised tests (numbers as there). SWY_CASES sets
// how many cases each gets; a failure prints the case, which alone makes its input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using testing::cases;
using testing::Lab;
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Draw {
  base::Rng rng;
  explicit Draw(std::uint64_t property, std::uint64_t c) : rng(property, c, 7) {}
  std::size_t size(std::size_t low, std::size_t high) { return low + rng.below(high - low + 1); }
  bool one_in(std::uint64_t n) { return rng.below(n) == 0; }
  float normal() {
    const double u = 1 - rng.uniform();
    return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(6.283185307 * rng.uniform()));
  }
  std::vector<float> normals(std::size_t n, bool ties = false) {
    std::vector<float> v(n);
    for (float& x : v) x = ties ? static_cast<float>(rng.below(4)) : normal();
    return v;
  }
};

Lab lab_of(const Spec& spec, std::vector<float> scores, std::size_t rows, std::size_t cols) {
  Lab lab(spec, {});
  lab.scores = std::move(scores);
  lab.rows = static_cast<std::uint32_t>(rows);
  lab.cols = static_cast<std::uint32_t>(cols);
  return lab;
}

Spec topk_spec(const char* name, std::size_t k) {
  Spec s = testing::named(name);
  s.k = static_cast<std::uint16_t>(k);
  s.groups = 0;
  return s;
}

std::vector<double> softmax(const std::vector<double>& z) {
  const double top = *std::max_element(z.begin(), z.end());
  std::vector<double> p(z.size());
  double sum = 0;
  for (std::size_t j = 0; j < z.size(); ++j) sum += p[j] = std::exp(z[j] - top);
  for (double& v : p) v /= sum;
  return p;
}

// Top-k by a stable sort; `live`: a bitset.
std::vector<std::int32_t> sorted_topk(const float* row, std::size_t cols, std::size_t k,
                                      const std::vector<std::uint64_t>& live) {
  const auto at = [&](std::int32_t j) {
    return std::isnan(row[j]) ? std::numeric_limits<float>::lowest() : row[j];
  };
  std::vector<std::int32_t> all;
  for (std::size_t j = 0; j < cols; ++j) {
    const auto e = static_cast<std::int32_t>(j);
    if (at(e) > -kInf && ((live[j / 64] >> (j % 64)) & 1U) != 0) all.push_back(e);
  }
  std::stable_sort(all.begin(), all.end(),
                   [&](std::int32_t a, std::int32_t b) { return at(a) > at(b); });
  all.resize(k, -1);
  return all;
}

// Some of the values become infinite or NaN.
void spoil(Draw& d, std::vector<float>& scores) {
  for (float& v : scores) {
    if (d.one_in(20)) v = kInf;
    if (d.one_in(20)) v = -kInf;
    if (d.one_in(20)) v = std::nanf("");
  }
}

TEST(Properties, P1TopkIsTheSortOracle) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(1, c);
    const std::size_t cols = d.size(1, 70);
    const std::size_t ld = cols + d.size(0, 3);
    auto scores = d.normals(ld + cols, d.one_in(2));
    spoil(d, scores);
    const std::size_t k = d.one_in(5) ? cols : d.size(1, cols);
    Lab lab = lab_of(topk_spec("mixtral", k), scores, 2, cols);
    lab.ld = ld;
    std::vector<std::uint64_t> live((cols + 63) / 64, ~std::uint64_t{0});
    if (d.one_in(2)) {
      for (auto& w : live) w = d.rng.next() | d.rng.next();
      lab.ctx.expert_live = live;
    }
    ASSERT_TRUE(lab.run().ok());
    for (std::size_t t = 0; t < 2; ++t) {
      ASSERT_EQ(lab.experts(t), sorted_topk(scores.data() + t * ld, cols, k, live)) << "case " << c;
    }
  }
}

TEST(Properties, P2RenormalisedWeightsSumToOneInTheOrderOfTheScores) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(2, c);
    const std::size_t cols = d.size(2, 64);
    const auto scores = d.normals(cols, d.one_in(4));
    const std::size_t k = d.size(1, cols);
    Lab renorm = lab_of(topk_spec("mixtral", k), scores, 1, cols);
    Lab after = lab_of(topk_spec("gpt-oss", k), scores, 1, cols);
    Spec through = topk_spec("mixtral", k);
    through.cap = Cap::kBatchPriority;  // makes the softmax run over all of the row
    through.capacity_factor = 1e6F;
    Lab full = lab_of(through, scores, 1, cols);
    ASSERT_TRUE(renorm.run().ok() && after.run().ok() && full.run().ok());
    const auto w = renorm.weights(0);
    ASSERT_NEAR(std::accumulate(w.begin(), w.end(), 0.0), 1, 2e-6) << "case " << c;
    ASSERT_TRUE(std::is_sorted(w.rbegin(), w.rend())) << "case " << c;
    ASSERT_EQ(renorm.expert, after.expert) << "case " << c;
    ASSERT_EQ(w, after.weights(0)) << "case " << c;
    for (std::size_t i = 0; i < k; ++i)
      ASSERT_NEAR(full.weights(0)[i], w[i], 1e-6F * std::max(w[i], 1e-3F)) << "case " << c;
  }
}

TEST(Properties, P3SoftmaxIgnoresShiftsAndNormsIgnoreScale) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(3, c);
    const std::size_t cols = d.size(2, 40);
    auto scores = d.normals(cols);
    for (float& v : scores) v = std::round(v * 1024) / 1024;  // shifts by 4 are then exact
    const std::size_t k = d.size(1, cols);
    const bool norm = d.one_in(2);
    Spec spec = topk_spec(norm ? "unipool" : "olmoe", k);
    if (norm && d.one_in(2)) {
      spec.transform = Transform::kReluRms;
      spec.norm_eps = 0;
    }
    Lab a = lab_of(spec, scores, 1, cols);
    for (float& v : scores) v = norm ? v * 4 : v + 4;
    Lab b = lab_of(spec, scores, 1, cols);
    ASSERT_TRUE(a.run().ok() && b.run().ok());
    ASSERT_EQ(a.expert, b.expert) << "case " << c;
    for (std::size_t i = 0; i < k; ++i) ASSERT_NEAR(a.weight[i], b.weight[i], 1e-6) << "case " << c;
  }
}

Spec any_token_rule(Draw& d, std::size_t cols) {
  Spec s = topk_spec(d.one_in(2) ? "olmoe" : "deepseek-v3", d.size(1, cols));
  if (d.one_in(4)) s = testing::named("dynamic-moe");
  if (d.one_in(5)) s = testing::named("blockffn");
  return s;
}

bool has_equals(std::vector<float> v) {
  std::sort(v.begin(), v.end());
  return std::adjacent_find(v.begin(), v.end()) != v.end();
}

TEST(Properties, P4TokensMayComeInAnyOrderAndExpertsInAnyOrder) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(4, c);
    const std::size_t cols = d.size(2, 24);
    const std::size_t rows = d.size(1, 6);
    const auto scores = d.normals(rows * cols);
    const Spec spec = any_token_rule(d, cols);
    if (has_equals(scores)) continue;  // once in some ten thousand: equals go by index
    Lab a = lab_of(spec, scores, rows, cols);
    std::vector<float> turned(scores.size());
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t j = 0; j < cols; ++j)
        turned[(rows - 1 - t) * cols + (cols - 1 - j)] = scores[t * cols + j];
    }
    Lab b = lab_of(spec, turned, rows, cols);
    ASSERT_TRUE(a.run().ok() && b.run().ok());
    for (std::size_t t = 0; t < rows; ++t) {
      auto back = b.experts(rows - 1 - t);
      for (auto& e : back) e = e < 0 ? -1 : static_cast<std::int32_t>(cols) - 1 - e;
      ASSERT_EQ(a.experts(t), back) << "case " << c;
      for (std::size_t i = 0; i < a.kmax; ++i)
        ASSERT_NEAR(a.weights(t)[i], b.weights(rows - 1 - t)[i], 1e-6) << "case " << c;
    }
  }
}

TEST(Properties, P5CapacityIsKeptAndPlacesAreUnique) {
  constexpr Cap kCaps[] = {Cap::kArrival, Cap::kChoiceMajor, Cap::kBatchPriority, Cap::kByWeight};
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(5, c);
    const std::size_t cols = d.size(1, 6);
    const std::size_t rows = d.size(1, 12);
    Spec spec = topk_spec("mixtral", d.size(1, cols));
    spec.cap = kCaps[d.size(0, 3)];
    Lab lab = lab_of(spec, d.normals(rows * cols, d.one_in(2)), rows, cols);
    std::vector<std::uint32_t> room(cols);
    for (auto& r : room) r = static_cast<std::uint32_t>(d.size(0, 5));
    lab.ctx.capacity = room;
    ASSERT_TRUE(lab.run().ok());
    std::vector<std::vector<std::uint32_t>> places(cols);
    for (std::size_t i = 0; i < lab.expert.size(); ++i) {
      if (lab.expert[i] >= 0)
        places[static_cast<std::size_t>(lab.expert[i])].push_back(lab.slot[i]);
      if (lab.expert[i] < 0) {
        ASSERT_EQ(lab.weight[i], 0);
      }
    }
    const auto kept = lab.kept;
    for (std::size_t j = 0; j < cols; ++j) {
      ASSERT_EQ(lab.kept[j], std::min(room[j], lab.demand[j])) << "case " << c;
      ASSERT_EQ(places[j].size(), lab.kept[j]);
      std::sort(places[j].begin(), places[j].end());
      for (std::uint32_t i = 0; i < places[j].size(); ++i) ASSERT_EQ(places[j][i], i);
    }
    room[d.size(0, cols - 1)] += 1;
    ASSERT_TRUE(lab.run().ok());
    for (std::size_t j = 0; j < cols; ++j) ASSERT_GE(lab.kept[j], kept[j]) << "case " << c;
  }
}

TEST(Properties, P5FirstChoicesGoBeforeSecondOnes) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(55, c);
    const std::size_t cols = d.size(2, 5);
    const std::size_t rows = d.size(1, 12);
    Spec spec = topk_spec("gpt-oss", 2);
    spec.cap = d.one_in(2) ? Cap::kChoiceMajor : Cap::kBatchPriority;
    Lab free = lab_of(topk_spec("gpt-oss", 2), d.normals(rows * cols), rows, cols);
    Lab lab = lab_of(spec, free.scores, rows, cols);
    const std::vector<std::uint32_t> room(cols, static_cast<std::uint32_t>(d.size(1, 4)));
    lab.ctx.capacity = room;
    ASSERT_TRUE(lab.run().ok() && free.run().ok());
    for (std::size_t t = 0; t < rows; ++t) {
      if (lab.experts(t)[0] >= 0) continue;
      // Its first choice was dropped: nobody's second choice of that expert may be kept.
      for (std::size_t u = 0; u < rows; ++u)
        ASSERT_NE(lab.experts(u)[1], free.experts(t)[0]) << "case " << c;
    }
  }
}

TEST(Properties, P6ExpertsThatChooseTakeExactlyTheirShare) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(6, c);
    const std::size_t cols = d.size(1, 8);
    const std::size_t rows = d.size(1, 16);
    Spec spec = testing::named("expert-choice");
    spec.k = static_cast<std::uint16_t>(d.size(1, cols));
    Lab lab = lab_of(spec, d.normals(rows * cols, d.one_in(2)), rows, cols);
    ASSERT_TRUE(lab.run().ok());
    const std::size_t share = std::max<std::size_t>(rows * spec.k / cols, 1);
    for (const auto n : lab.kept) ASSERT_EQ(n, share) << "case " << c;

    if (rows < 2) continue;
    Lab volunteer = lab_of(testing::named("olmoe"), d.normals(rows * cols), rows, cols);
    volunteer.spec.k = spec.k;
    volunteer.spec.transform = Transform::kIdentity;
    volunteer.spec.select = Select::kThreshold;
    volunteer.spec.update = Update::kColumnQuantile;
    volunteer.bias.assign(cols, 0);
    ASSERT_TRUE(volunteer.learn().ok());
    ASSERT_TRUE(volunteer.run().ok());
    const double exact =
        std::nearbyint(static_cast<double>(rows * spec.k) / static_cast<double>(cols));
    const auto want = std::clamp<std::size_t>(static_cast<std::size_t>(exact), 1, rows - 1);
    for (const auto n : volunteer.demand) ASSERT_EQ(n, want) << "case " << c;
  }
}

double dual_of(const Lab& lab, const std::vector<float>& bias) {
  double sum = 0;
  for (std::size_t t = 0; t < lab.rows; ++t) {
    std::vector<double> s(lab.cols);
    for (std::size_t j = 0; j < lab.cols; ++j)
      s[j] = static_cast<double>(lab.scores[t * lab.cols + j]) + static_cast<double>(bias[j]);
    std::sort(s.rbegin(), s.rend());
    sum += std::accumulate(s.begin(), s.begin() + lab.spec.k, 0.0);
  }
  const double room = static_cast<double>(lab.rows) * lab.spec.k / static_cast<double>(lab.cols);
  for (const float b : bias) sum -= room * static_cast<double>(b);
  return sum;
}

Lab even_batch(Draw& d, Update rule) {
  const std::size_t cols = d.size(2, 4);
  const std::size_t k = d.size(1, cols - 1);
  const std::size_t rows = cols * d.size(2, 4);
  Spec spec = topk_spec("gpt-oss", k);
  spec.update = rule;
  Lab lab = lab_of(spec, d.normals(rows * cols), rows, cols);
  lab.bias.assign(cols, 0);
  return lab;
}

TEST(Properties, P9PricesNeverRaiseTheDualAndNeverTouchWeights) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(9, c);
    Lab lab = even_batch(d, Update::kPrice);
    lab.spec.midpoint = true;
    lab.spec.clip_nonneg = false;
    lab.spec.iters = 1;
    double before = dual_of(lab, lab.bias);
    for (int step = 0; step < 4; ++step) {
      ASSERT_TRUE(lab.learn().ok());
      const double now = dual_of(lab, lab.bias);
      ASSERT_LE(now, before + 1e-5) << "case " << c;
      before = now;
    }
    // A weight depends on the set alone: softmax over the selected scores.
    ASSERT_TRUE(lab.run().ok());
    std::vector<double> z;
    for (const auto e : lab.experts(0))
      z.push_back(static_cast<double>(lab.scores[static_cast<std::size_t>(e)]));
    const auto want = softmax(z);
    for (std::size_t i = 0; i < z.size(); ++i) ASSERT_NEAR(lab.weights(0)[i], want[i], 1e-6);
  }
}

struct Step {  // one loss-free step on a batch: what was before it
  std::vector<std::int32_t> expert;
  std::vector<std::uint32_t> load;
  double mean;
  int sign(std::int32_t e) const {
    const double gap = mean - load[static_cast<std::size_t>(e)];
    return (gap > 0 ? 1 : 0) - (gap < 0 ? 1 : 0);
  }
};

// What the new choice of a token is worth above the old one, under the new biases.
double benefit_of(const Lab& lab, const Step& before, std::size_t t) {
  double benefit = 0;
  for (std::size_t i = t * lab.kmax; i < (t + 1) * lab.kmax; ++i) {
    const auto worth = [&](std::int32_t e) {
      const auto j = static_cast<std::size_t>(e);
      return static_cast<double>(lab.scores[t * lab.cols + j]) + static_cast<double>(lab.bias[j]);
    };
    benefit += worth(lab.expert[i]) - worth(before.expert[i]);
  }
  return benefit;
}

std::vector<std::int32_t> without(std::vector<std::int32_t> a, const std::vector<std::int32_t>& b) {
  std::erase_if(a, [&](std::int32_t e) { return std::find(b.begin(), b.end(), e) != b.end(); });
  return a;
}

// No newcomer of a token is worse off for load than an expert that it left.
void expect_lighter(const Lab& lab, const Step& before, std::size_t t) {
  const auto from = before.expert.begin() + static_cast<std::ptrdiff_t>(t * lab.kmax);
  const std::vector<std::int32_t> old(from, from + lab.kmax);
  for (const auto came : without(lab.experts(t), old)) {
    for (const auto left : without(old, lab.experts(t)))
      ASSERT_GE(before.sign(came), before.sign(left));
  }
}

TEST(Properties, P10LossFreeStepsMoveTokensTowardsLighterExperts) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    SCOPED_TRACE(c);
    Draw d(10, c);
    Lab lab = even_batch(d, Update::kBiasSign);
    lab.spec.rate = 0.05F;
    for (float& b : lab.bias) b = 0.3F * d.normal();
    const auto bias = lab.bias;
    ASSERT_TRUE(lab.run().ok());
    ASSERT_EQ(lab.bias, bias) << "assign does not write the state";
    const double mean = static_cast<double>(lab.rows) * lab.spec.k / static_cast<double>(lab.cols);
    const Step before{lab.expert, lab.demand, mean};
    ASSERT_TRUE(lab.learn().ok());
    ASSERT_TRUE(lab.run().ok());
    double change = 0;
    for (std::size_t t = 0; t < lab.rows; ++t) {
      expect_lighter(lab, before, t);
      change += benefit_of(lab, before, t);
    }
    for (const auto n : before.load) change -= 0.05 * std::abs(mean - n);
    ASSERT_NEAR(dual_of(lab, lab.bias) - dual_of(lab, bias), change, 1e-4);
    // In steps of 1 / 4096 every sum is exact, so that no rounding makes or breaks a tie.
    for (auto* v : {&lab.scores, &lab.bias})
      for (float& x : *v) x = std::round(x * 4096) / 4096;
    ASSERT_TRUE(lab.run().ok());
    const auto selected = lab.expert;
    for (float& b : lab.bias) b += 1;
    ASSERT_TRUE(lab.run().ok());
    ASSERT_EQ(lab.expert, selected) << "only differences of biases matter";
  }
}

TEST(Properties, P11QuantileStepsLeaveTheNextTokenAtTheMargin) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(11, c);
    Lab lab = even_batch(d, Update::kQuantile);
    lab.spec.rate = 1;
    const std::size_t m = lab.cols;
    std::vector<float> row_price(lab.rows);
    for (std::size_t t = 0; t < lab.rows; ++t) {
      std::vector<float> s(lab.scores.begin() + static_cast<std::ptrdiff_t>(t * m),
                           lab.scores.begin() + static_cast<std::ptrdiff_t>((t + 1) * m));
      std::sort(s.rbegin(), s.rend());
      row_price[t] = s[lab.spec.k];
    }
    ASSERT_TRUE(lab.learn().ok());
    const std::size_t share = lab.rows * lab.spec.k / m;
    for (std::size_t j = 0; j < m; ++j) {
      std::vector<float> margin(lab.rows);
      for (std::size_t t = 0; t < lab.rows; ++t)
        margin[t] = lab.scores[t * m + j] + lab.bias[j] - row_price[t];
      std::sort(margin.rbegin(), margin.rend());
      ASSERT_NEAR(margin[share], 0, 1e-5) << "case " << c;
    }
  }
}

TEST(Properties, P11QuantileBalancingIsBalancedAfterFiveSkewedBatches) {
  Spec spec = topk_spec("gpt-oss", 2);
  for (const Update rule : {Update::kQuantile, Update::kHistQuantile}) {
    spec.update = rule;
    spec.rate = 1;
    spec.transform = Transform::kSigmoid;
    spec.weigh = Weigh::kRaw;
    Lab lab = lab_of(spec, {}, 512, 16);
    lab.bias.assign(16, 0);
    lab.hist.assign(16 * 100, 0);
    double maxvio = 0;
    for (std::uint64_t batch = 0; batch < 5; ++batch) {
      Draw d(111, batch);
      lab.scores = d.normals(std::size_t{512} * 16);
      for (std::size_t i = 0; i < lab.scores.size(); ++i)
        lab.scores[i] += 1.5F - 0.2F * static_cast<float>(i % 16);
      ASSERT_TRUE(lab.run().ok());
      maxvio = measure(lab.out, {512, 16, 2}).maxvio;
      ASSERT_TRUE(lab.learn().ok());
    }
    EXPECT_LT(maxvio, 0.5);
  }
}

TEST(Properties, P12TopPIsTheShortestPrefixPastTheMassAndGrowsWithIt) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(12, c);
    const std::size_t cols = d.size(1, 30);
    Lab lab = lab_of(testing::named("dynamic-moe"), d.normals(cols, d.one_in(4)), 1, cols);
    lab.spec.top_p = static_cast<float>(d.rng.uniform());
    ASSERT_TRUE(lab.run().ok());
    const auto n = lab.demand;
    const auto count = std::accumulate(n.begin(), n.end(), std::size_t{0});
    double mass = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_LE(mass, static_cast<double>(lab.spec.top_p)) << "not minimal, case " << c;
      mass += static_cast<double>(lab.weights(0)[i]);
    }
    ASSERT_TRUE(mass > static_cast<double>(lab.spec.top_p) || count == cols) << "case " << c;
    lab.spec.top_p *= 0.5F;
    ASSERT_TRUE(lab.run().ok());
    ASSERT_LE(std::accumulate(lab.demand.begin(), lab.demand.end(), std::size_t{0}), count);
  }
}

TEST(Properties, P14PlansAreStablePermutationsWithAlignedParts) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(14, c);
    const std::size_t cols = d.size(1, 9);
    const std::size_t rows = d.size(0, 12);
    const auto block = static_cast<std::uint32_t>(d.size(0, 5));
    Spec spec = topk_spec("gpt-oss", d.size(1, cols));
    spec.cap = d.one_in(2) ? Cap::kArrival : Cap::kNone;
    spec.capacity_factor = 0.7F;
    Lab lab = lab_of(spec, d.normals(rows * cols), rows, cols);
    ASSERT_TRUE(lab.run().ok());
    std::vector<std::uint32_t> order(lab.expert.size()), bins(cols), padded(cols);
    std::vector<std::uint32_t> gaps(lab.expert.size() + cols * (block + 1));
    std::vector<std::uint32_t> owner(gaps.size());
    Plan p{order, bins, padded, gaps, owner};
    const Shape shape{lab.rows, lab.cols, lab.kmax};
    ASSERT_TRUE(plan(lab.out, shape, block, p).ok());
    std::vector<std::uint32_t> want;
    for (std::size_t j = 0; j < cols; ++j) {
      for (std::uint32_t i = 0; i < lab.expert.size(); ++i) {
        if (lab.expert[i] == static_cast<std::int32_t>(j)) want.push_back(i);
      }
      ASSERT_EQ(bins[j], want.size()) << "case " << c;
      ASSERT_EQ(padded[j] % std::max(block, 1U), 0U);
    }
    ASSERT_EQ(p.entries, want.size());
    order.resize(p.entries);
    ASSERT_EQ(order, want) << "case " << c;
    ASSERT_LE(p.padded_rows, want.size() + cols * (std::max(block, 1U) - 1));
    std::vector<std::uint32_t> filled;
    for (std::uint32_t i = 0; i < p.padded_rows; ++i) {
      if (gaps[i] == lab.expert.size()) continue;
      filled.push_back(gaps[i]);
      if (block > 0) {
        ASSERT_EQ(static_cast<std::int32_t>(owner[i / block]), lab.expert[gaps[i]]);
      }
    }
    ASSERT_EQ(filled, want) << "case " << c;
    // Counts that are not those of the entries, or none, change nothing.
    for (std::uint32_t& n : lab.kept) n = static_cast<std::uint32_t>(d.size(0, 4));
    if (d.one_in(3)) lab.out.kept = {};
    std::vector<std::uint32_t> bins_again(cols);
    Plan again{order, bins_again, {}, {}, {}};
    ASSERT_TRUE(plan(lab.out, shape, block, again).ok());
    ASSERT_EQ(order, want) << "case " << c;
    ASSERT_EQ(bins_again, bins) << "case " << c;
  }
}

TEST(Properties, P17APrefixOfTheBatchIsAssignedAsInTheBatch) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(17, c);
    const std::size_t cols = d.size(2, 20);
    const std::size_t rows = d.size(2, 8);
    const std::size_t prefix = d.size(1, rows - 1);
    Spec spec = any_token_rule(d, cols);
    spec.noise = d.one_in(2) ? 1.0F : 0.0F;
    Lab all = lab_of(spec, d.normals(rows * cols, d.one_in(3)), rows, cols);
    all.ctx.training = true;
    all.ctx.seed = c;
    Lab some = all;
    some.rows = static_cast<std::uint32_t>(prefix);
    ASSERT_TRUE(all.run().ok() && some.run().ok());
    all.expert.resize(some.expert.size());
    all.weight.resize(some.weight.size());
    ASSERT_EQ(all.expert, some.expert) << "case " << c;
    ASSERT_EQ(all.weight, some.weight) << "case " << c;
  }
}

TEST(Properties, P18SelectionAndWeightsAgreeWithADoubleOracle) {
  for (std::uint64_t c = 0; c < cases(); ++c) {
    Draw d(18, c);
    const std::size_t cols = d.size(2, 130);
    const std::size_t k = d.size(1, std::min<std::size_t>(cols, 10));
    const auto scores = d.normals(cols);
    const bool raw = d.one_in(2);
    Lab lab = lab_of(topk_spec(raw ? "olmoe" : "mixtral", k), scores, 1, cols);
    ASSERT_TRUE(lab.run().ok());
    const auto p = softmax({scores.begin(), scores.end()});
    double kept = 0;
    for (const auto e : lab.experts(0)) kept += p[static_cast<std::size_t>(e)];
    for (std::size_t i = 0; i < k; ++i) {
      const double want = p[static_cast<std::size_t>(lab.experts(0)[i])] / (raw ? 1 : kept);
      ASSERT_NEAR(lab.weights(0)[i], want, 1e-6 * want) << "case " << c;
    }
  }
}

}  // namespace
}  // namespace swy::moe
