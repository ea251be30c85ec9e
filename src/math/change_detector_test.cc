#include "math/change_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace swy::math {
namespace {

TEST(ChangeDetector, FollowsTheSumsWrittenOutByHand) {
  ChangeDetector d({.every = 1e9, .reference = 2, .tolerance = 0.1, .up = true, .down = false});
  EXPECT_EQ(d.add(0), Change::kNone);
  EXPECT_TRUE(d.learning());
  EXPECT_EQ(d.add(1), Change::kNone);
  EXPECT_FALSE(d.learning());
  EXPECT_DOUBLE_EQ(d.reference(), 0.5);
  double sum = 0;  // bound 0.6; then 1 and 0.3
  for (const double share : {0.5, 0.25, 0.12, 0.06, 0.03}) {
    const double rate = share / 0.6;
    sum += ((1 + rate * 0.4) + 1) * (1 + rate * (0.3 - 0.6));
  }
  d.add(1);
  d.add(0.3);
  EXPECT_NEAR(d.level() * 1e9, sum / 5, 1e-9);
}

TEST(ChangeDetector, GoesOnWhereAnotherOneWasToTheLastBit) {
  const ChangeOptions options{.every = 500, .reference = 20, .tolerance = 0.05};
  ChangeDetector whole(options);
  ChangeDetector first(options);
  base::Rng rng(3, 1, 4);
  std::vector<double> stream;
  for (int i = 0; i < 400; ++i) stream.push_back(rng.uniform() < (i < 220 ? 0.5 : 0.9) ? 1 : 0);
  for (std::size_t cut : {5U, 20U, 100U, 200U}) {
    first = whole = ChangeDetector(options);
    for (std::size_t i = 0; i < cut; ++i) {
      whole.add(stream[i]);
      first.add(stream[i]);
    }
    ChangeDetector second(options);
    ASSERT_TRUE(second.restore(first.state()));
    bool alarm = false;
    for (std::size_t i = cut; i < stream.size(); ++i) {
      const Change c = whole.add(stream[i]);
      EXPECT_EQ(second.add(stream[i]), c);
      EXPECT_EQ(second.level(), whole.level());
      alarm = alarm || c != Change::kNone;
    }
    EXPECT_TRUE(alarm);
  }
  ChangeDetector::State bad = first.state();
  bad.up[2] = std::nan("");
  EXPECT_FALSE(whole.restore(bad));
  bad = first.state();
  bad.seen = bad.total + 1;
  EXPECT_FALSE(whole.restore(bad));
  bad = first.state();
  bad.recent = 2;
  EXPECT_FALSE(whole.restore(bad));
}

TEST(ChangeDetector, FalseAlarmsAreAsRareAsPromised) {
  constexpr double kEvery = 500;
  constexpr int kStreams = 300;
  constexpr int kLength = 5000;  // longer runs count as this long: the average is not flattered
  for (const double mean : {0.05, 0.5, 0.95}) {
    double total = 0;
    for (int s = 0; s < kStreams; ++s) {
      base::Rng rng(9, static_cast<std::uint64_t>(s), 0);
      ChangeDetector d({.every = kEvery, .reference = 400, .tolerance = 0.05});
      int i = 0;
      while (i < 400) {
        d.add(rng.uniform() < mean ? 1 : 0);
        ++i;
      }
      int run = 0;
      while (run < kLength && d.add(rng.uniform() < mean ? 1 : 0) == Change::kNone) ++run;
      total += run;
    }
    std::printf("mean %.2f: %.0f numbers to a false alarm (at most %d counted)\n", mean,
                total / kStreams, kLength);
    EXPECT_GE(total / kStreams, kEvery);
  }
}

TEST(ChangeDetector, ARiseAndAFallAreFoundAndNamed) {
  for (const bool rise : {true, false}) {
    double delay = 0;
    constexpr int kStreams = 100;
    for (int s = 0; s < kStreams; ++s) {
      base::Rng rng(11, static_cast<std::uint64_t>(s), rise ? 1 : 0);
      ChangeDetector d({.every = 10'000, .reference = 200, .tolerance = 0.05});
      for (int i = 0; i < 300; ++i) ASSERT_EQ(d.add(rng.uniform() < 0.5 ? 1 : 0), Change::kNone);
      int waited = 0;
      Change c = Change::kNone;
      while (c == Change::kNone && waited < 2000) {
        c = d.add(rng.uniform() < (rise ? 0.8 : 0.2) ? 1 : 0);
        ++waited;
      }
      EXPECT_EQ(c, rise ? Change::kUp : Change::kDown);
      EXPECT_TRUE(d.learning());  // the new place
      delay += waited;
    }
    std::printf("a change of 0.3 is found after %.0f numbers\n", delay / kStreams);
    EXPECT_LE(delay / kStreams, 150);
  }
}

TEST(ChangeDetector, OnlyTheWayThatMattersRaisesAnAlarm) {
  ChangeDetector d({.every = 1000, .reference = 50, .tolerance = 0.02, .up = true, .down = false});
  for (int i = 0; i < 50; ++i) d.add(0.5);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(d.add(0), Change::kNone);
}

TEST(ChangeDetector, NumbersAtTheEndsOfTheRangeNeverBreakIt) {
  ChangeDetector d({.every = 100, .reference = 1, .tolerance = 0});
  d.add(0);
  for (int i = 0; i < 10'000; ++i) {
    d.add(i % 977 == 0 ? 1 : 0);
    ASSERT_TRUE(std::isfinite(d.level()));
  }
}

}  // namespace
}  // namespace swy::math
