#include "route/estimator/completion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace swy::route {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
using Table = std::vector<std::vector<float>>;

// 600 rows of two groups and three models: the first is right on half of the rows, the second
// where the first is not, the third in the first group. The fourth is new.
struct Lab {
  Table y{4};
  Labels groups{{}, 2};

  template <class F>
  explicit Lab(F newcomer) {
    base::Rng rng(7, 0, 0);
    for (std::uint32_t i = 0; i < 600; ++i) {
      const std::uint32_t group = i % 2;
      const float first = rng.below(2) == 0 ? 0.0F : 1.0F;
      groups.of.push_back(group);
      y[0].push_back(first);
      y[1].push_back(1 - first);
      y[2].push_back(group == 0 ? 1.0F : 0.0F);
      y[3].push_back(newcomer(first, group));
    }
  }
  // Only every `step`-th row of the newcomer was observed. Returns what it really does.
  std::vector<float> hide(std::size_t step) {
    auto real = y[3];
    for (std::size_t i = 0; i < real.size(); ++i)
      if (i % step != 0) y[3][i] = kMissing;
    return real;
  }
  // Root mean square of what was filled in beside what is real.
  [[nodiscard]] double error(const std::vector<float>& real) const {
    double sum = 0;
    for (std::size_t i = 0; i < real.size(); ++i)
      sum += std::pow(static_cast<double>(y[3][i]) - static_cast<double>(real[i]), 2);
    return std::sqrt(sum / static_cast<double>(real.size()));
  }
};

TEST(Completion, ANewModelTakesAfterTheOneItResembles) {
  Lab lab([](float first, std::uint32_t) { return first; });
  const auto real = lab.hide(15);  // 40 rows
  EXPECT_EQ(complete(lab.y, lab.groups), (std::vector<std::size_t>{0, 0, 0, 40}));
  EXPECT_LT(lab.error(real), 0.2);  // its mean alone: 0.5
}

TEST(Completion, AGroupInWhichItFailedIsRemembered) {
  base::Rng rng(8, 0, 0);
  // Like none of the others: never right in the second group, three times of four in the first.
  Lab lab(
      [&](float, std::uint32_t group) { return group == 1 || rng.below(4) == 0 ? 0.0F : 1.0F; });
  lab.y[2] = lab.y[0];  // nobody else tells the groups apart
  lab.hide(9);
  (void)complete(lab.y, lab.groups);
  double mean[2] = {0, 0};
  for (std::size_t i = 0; i < 600; ++i) mean[i % 2] += static_cast<double>(lab.y[3][i]) / 300;
  EXPECT_NEAR(mean[0], 0.75, 0.12);
  EXPECT_NEAR(mean[1], 0.0, 0.12);
}

TEST(Completion, LeavesFullTablesAndHandfulsAlone) {
  Lab full([](float first, std::uint32_t) { return first; });
  const Table before = full.y;
  EXPECT_EQ(complete(full.y, full.groups), std::vector<std::size_t>(4, 0));
  EXPECT_EQ(full.y, before);
  Lab handful([](float first, std::uint32_t) { return first; });
  handful.hide(70);  // 9 rows
  EXPECT_EQ(complete(handful.y, handful.groups), std::vector<std::size_t>(4, 0));
  EXPECT_TRUE(std::isnan(handful.y[3][1]));
}

// What one model alone says is its own affair, and rows that nobody else saw say nothing.
TEST(Completion, NeedsTwoKnownModelsOnTheSameRows) {
  Table two = {std::vector<float>(100, 1.0F), std::vector<float>(100, kMissing)};
  std::fill_n(two[1].begin(), 20, 0.0F);
  const Labels groups{std::vector<std::uint32_t>(100, 0), 1};
  EXPECT_EQ(complete(two, groups), std::vector<std::size_t>(2, 0));
  // As live traffic leaves them: every row was answered by one model.
  Table live(3, std::vector<float>(300, kMissing));
  for (std::size_t i = 0; i < 300; ++i) live[i < 130 ? 0 : (i < 260 ? 1 : 2)][i] = 0.5F;
  const Labels all{std::vector<std::uint32_t>(300, 0), 1};
  (void)complete(live, all);
  EXPECT_TRUE(std::isnan(live[2][0]));
  complete_in_proportion(live);
  EXPECT_TRUE(std::isnan(live[2][0]));
}

TEST(Completion, LengthsAreCompletedInProportion) {
  Table tokens(3, std::vector<float>(100));
  for (std::size_t i = 0; i < 100; ++i) {
    tokens[0][i] = static_cast<float>(10 + i);
    tokens[1][i] = static_cast<float>(30 + i);
    tokens[2][i] = i % 7 == 0 ? 3 * static_cast<float>(20 + i) : kMissing;
  }
  complete_in_proportion(tokens);
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_NEAR(tokens[2][i], 3 * static_cast<float>(20 + i), 1e-3);
}

}  // namespace
}  // namespace swy::route
