#include "math/mean_evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "base/rng.h"

namespace swy::math {
namespace {

TEST(MeanEvidence, IsTheMeanOfEightProcessesWrittenOutByHand) {
  MeanEvidence e;
  e.add(1);  // predicted 0.5: spread 0.25
  e.add(0);  // predicted 1: spread 1.25
  EXPECT_EQ(e.n(), 2U);
  EXPECT_DOUBLE_EQ(e.mean(), 0.5);
  double sum = 0;
  for (double l = 0.8; l > 0.006; l /= 2) {
    const double psi = -std::log(1 - l) - l;
    sum += std::exp(l * (1 - 2 * 0.2) - psi * 1.25);
  }
  EXPECT_NEAR(e.against_at_most(0.2), std::log(sum / 8), 1e-12);
  EXPECT_NEAR(e.against_at_least(0.8), std::log(sum / 8), 1e-12);  // the mirror image
}

TEST(MeanEvidence, WithoutNumbersNothingIsSaid) {
  const MeanEvidence none;
  EXPECT_DOUBLE_EQ(none.against_at_most(0), 0);
  EXPECT_DOUBLE_EQ(against_difference_of_at_least(none, none, 0), 0);
  EXPECT_FALSE(refutes_difference_of_at_least(none, none, 0, 0.1));
  const Bounds b = difference_bounds(none, none, 0.05);
  EXPECT_NEAR(b.low, -1, 1e-6);
  EXPECT_NEAR(b.high, 1, 1e-6);
}

TEST(MeanEvidence, TheDifferenceTakesTheLeastProductOverAllMeans) {
  base::Rng rng(1, 2, 3);
  MeanEvidence a, b;
  for (int i = 0; i < 80; ++i) a.add(rng.uniform() < 0.8 ? 1 : 0);
  for (int i = 0; i < 30; ++i) b.add(rng.uniform() * 0.5);
  for (const double d : {-0.3, -0.1, 0.0, 0.2}) {
    double least = 1e9;
    const double high = std::min(1.0, 1.0 - d);
    for (int k = 0; k <= 20000; ++k) {
      const double m = high * k / 20000;
      least = std::min(least, a.against_at_most(m) + b.against_at_least(m + d));
    }
    EXPECT_NEAR(against_difference_of_at_least(a, b, d), least, 1e-4) << d;
    EXPECT_LE(against_difference_of_at_least(a, b, d), least + 1e-9) << d;
  }
}

TEST(MeanEvidence, TheQuickAnswerIsTheFullOne) {
  base::Rng rng(7, 7, 7);
  MeanEvidence a, b;
  for (int i = 0; i < 300; ++i) {
    a.add(rng.uniform());
    if (i % 3 == 0) b.add(rng.uniform() * 0.8);
    for (const double level : {0.5, 1.0, 3.0}) {
      EXPECT_EQ(refutes_difference_of_at_least(a, b, 0, level),
                a.n() > 0 && b.n() > 0 && against_difference_of_at_least(a, b, 0) >= level);
    }
  }
}

// Share of streams in which the hypothesis "b is at least as good as a" is ever refuted although it
// holds, looking after every number; or, with a worse b, in which it is refuted as it should be.
struct Share {
  double refuted = 0;
  double mean_n = 0;  // numbers of b when it was
};
Share refuted(double mean_a, double mean_b, double share_b, bool binary, int streams, int length,
              double alpha) {
  Share out;
  int hits = 0;
  double numbers = 0;
  const double level = std::log(1 / alpha);
  for (int s = 0; s < streams; ++s) {
    base::Rng rng(42, static_cast<std::uint64_t>(s), 0);
    MeanEvidence a, b;
    for (int i = 0; i < length; ++i) {
      const bool to_b = rng.uniform() < share_b;
      const double mean = to_b ? mean_b : mean_a;
      // Uniform numbers keep their mean by a width that fits into [0, 1].
      const double width = std::min(mean, 1 - mean);
      const double u = rng.uniform();
      const double x = binary ? (u < mean ? 1.0 : 0.0) : mean + (2 * u - 1) * width;
      (to_b ? b : a).add(x);
      if (!refutes_difference_of_at_least(a, b, 0, level)) continue;
      ++hits;
      numbers += static_cast<double>(b.n());
      break;
    }
  }
  out.refuted = static_cast<double>(hits) / streams;
  out.mean_n = hits == 0 ? 0 : numbers / hits;
  return out;
}

TEST(MeanEvidence, FalseAlarmsStayBelowAlphaAlthoughLookedAtAfterEveryNumber) {
  constexpr double kAlpha = 0.05;
  for (const double mean : {0.1, 0.5, 0.9}) {
    for (const double share : {0.1, 0.5}) {
      for (const bool binary : {true, false}) {
        const Share s = refuted(mean, mean, share, binary, 1000, 1000, kAlpha);
        std::printf("null mean %.1f share %.1f %s: %.4f\n", mean, share,
                    binary ? "binary" : "uniform", s.refuted);
        EXPECT_LE(s.refuted, kAlpha);
      }
    }
  }
}

TEST(MeanEvidence, APlantedLossIsFound) {
  const Share even = refuted(0.8, 0.6, 0.5, true, 300, 2000, 0.05);
  std::printf("0.8 against 0.6, even: found %.3f after %.0f of the worse\n", even.refuted,
              even.mean_n);
  EXPECT_GE(even.refuted, 0.99);
  EXPECT_LE(even.mean_n, 250);
  const Share canary = refuted(0.8, 0.5, 0.1, true, 300, 3000, 0.05);
  std::printf("0.8 against 0.5, a tenth: found %.3f after %.0f of the worse\n", canary.refuted,
              canary.mean_n);
  EXPECT_GE(canary.refuted, 0.99);
  EXPECT_LE(canary.mean_n, 120);
}

TEST(MeanEvidence, BoundsHoldTheTruthAtAllTimesAndNarrow) {
  int missed = 0;
  constexpr int kStreams = 60;
  for (int s = 0; s < kStreams; ++s) {
    base::Rng rng(5, static_cast<std::uint64_t>(s), 1);
    MeanEvidence a, b;
    bool held = true;
    for (int i = 1; i <= 400; ++i) {
      a.add(rng.uniform() < 0.7 ? 1 : 0);
      b.add(rng.uniform() < 0.6 ? 1 : 0);
      if (i % 20 != 0) continue;
      const Bounds d = difference_bounds(a, b, 0.1);
      const Bounds m = mean_bounds(a, 0.1);
      held = held && d.low <= -0.1 && d.high >= -0.1 && m.low <= 0.7 && m.high >= 0.7;
      EXPECT_LE(m.low, a.mean());
      EXPECT_GE(m.high, a.mean());
    }
    missed += held ? 0 : 1;
    EXPECT_LT(mean_bounds(a, 0.1).high - mean_bounds(a, 0.1).low, 0.25);
  }
  EXPECT_LE(missed, kStreams / 5);  // two sequences, a tenth each
}

}  // namespace
}  // namespace swy::math
