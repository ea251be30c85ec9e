#include "moe/online_bip.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "moe/testing/golden.h"
#include "moe/testing/golden_file.h"

namespace swy::moe {
namespace {

struct Stream {
  std::vector<std::uint32_t> limit, held;
  std::vector<double> price, margin;
  explicit Stream(std::vector<std::uint32_t> most)
      : limit(std::move(most)),
        held(limit.size()),
        price(limit.size()),
        margin(online_bip_room(limit)) {}
  [[nodiscard]] OnlineBip view() { return {price, held, margin, limit}; }
};

// The specification's reference: all margins kept, sorted anew for every token.
struct Plain {
  std::vector<std::vector<double>> seen;
  std::vector<double> price;

  static double kth(std::vector<double> v, std::size_t place) {
    std::sort(v.rbegin(), v.rend());
    return place <= v.size() ? v[place - 1] : 0;
  }
  void step(std::span<const double> s, std::size_t k, const std::vector<std::uint32_t>& limit,
            std::uint32_t iterations) {
    double p = 0;
    for (std::uint32_t i = 0; i < iterations; ++i) {
      std::vector<double> d(s.size());
      for (std::size_t j = 0; j < s.size(); ++j) d[j] = s[j] - price[j];
      p = std::max(0.0, kth(d, k + 1));
      for (std::size_t j = 0; j < s.size(); ++j) {
        auto h = seen[j];
        h.push_back(s[j] - p);
        price[j] = std::max(0.0, kth(h, limit[j] + 1));
      }
    }
    for (std::size_t j = 0; j < s.size(); ++j) seen[j].push_back(s[j] - p);
  }
};

TEST(OnlineBip, SolvesTheWorkedExample) {
  Stream stream({2, 2, 2});
  std::vector<std::int32_t> owners;
  for (const auto& row : testing::kF2) {
    std::int32_t one = -1;
    ASSERT_TRUE(online_bip(row, 1, stream.view(), {&one, 1}).ok());
    owners.push_back(one);
  }
  EXPECT_EQ(owners, (std::vector<std::int32_t>{0, 0, 0, 2, 0, 0}));
  testing::expect_near(stream.price, {.5, 0, 0}, 1e-12);
}

TEST(OnlineBip, KeepsExactlyTheOrderStatisticsOfAllThatWasSeen) {
  for (std::size_t c = 0; c < testing::random_cases(); ++c) {
    base::Rng rng(190, c, 0);
    const std::size_t m = 1 + rng.below(5);
    const std::size_t k = 1 + rng.below(m);
    const auto iterations = static_cast<std::uint32_t>(1 + rng.below(3));
    std::vector<std::uint32_t> limit(m);
    for (auto& l : limit) l = static_cast<std::uint32_t>(rng.below(4));
    Stream stream(limit);
    Plain plain{std::vector<std::vector<double>>(m), std::vector<double>(m)};
    for (std::size_t t = 0; t < 12; ++t) {
      std::vector<double> s(m);
      for (double& v : s) v = rng.below(2) == 0 ? normal(rng) : static_cast<double>(rng.below(3));
      std::vector<double> gain(m);
      for (std::size_t j = 0; j < m; ++j) gain[j] = s[j] - plain.price[j];
      std::vector<std::int32_t> want(k);
      std::vector<std::int32_t> got(k);
      largest(gain, want);
      ASSERT_TRUE(online_bip(s, iterations, stream.view(), got).ok());
      ASSERT_EQ(got, want) << "case " << c;
      plain.step(s, k, limit, iterations);
      ASSERT_EQ(stream.price, plain.price) << "case " << c;
    }
  }
}

TEST(OnlineBip, ScoresThatAreNoNumbersMoveNoPrice) {
  Stream stream({0, 0});
  std::vector<std::int32_t> id(2);
  const double never = -std::numeric_limits<double>::infinity();
  ASSERT_TRUE(online_bip(std::vector<double>{std::nan(""), never}, 2, stream.view(), id).ok());
  EXPECT_EQ(id, (std::vector<std::int32_t>{-1, -1}));
  EXPECT_EQ(stream.price, (std::vector<double>{0, 0}));
}

TEST(OnlineBip, AgreesWithTheOraclesFile) {
  SWY_MOE_GOLDEN(golden);
  Stream stream({2, 2, 2});
  std::vector<double> owners;
  for (const auto& row : testing::kF2) {
    std::int32_t one = -1;
    ASSERT_TRUE(online_bip(row, 1, stream.view(), {&one, 1}).ok());
    owners.push_back(one);
  }
  std::vector<double> want;
  for (const auto& row : testing::matrix(golden.at("E_bip_online", "sel")))
    want.push_back(row.at(0));
  testing::expect_near(owners, want);
  testing::expect_near(stream.price, testing::numbers(golden.at("E_bip_online", "q")));
}

}  // namespace
}  // namespace swy::moe
