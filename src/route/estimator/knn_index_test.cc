#include "route/estimator/knn_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/rng.h"

namespace swy::route {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The T4 fixture of request-routing.md 0.1: similarities of the probe to q1..q4, outcomes by model.
const std::vector<float> kSimilarity{0.96F, 0.936F, 0.28F, -0.352F};
const std::vector<float> kS{1, 0, 0, 0};
const std::vector<float> kM{1, 1, 0, 1};
const std::vector<float> kL{1, 1, 1, 0};

std::vector<Hit> nearest(const std::vector<float>& similarity, const std::vector<float>& column,
                         std::size_t k, float least = 0) {
  std::vector<Hit> out;
  select_nearest(similarity, column, k, least, out);
  return out;
}

TEST(KnnPool, GivesTheKnownAnswersOfT4) {
  const auto hits = nearest(kSimilarity, kS, 2);
  ASSERT_EQ(hits, (std::vector<Hit>{{0, 0.96F}, {1, 0.936F}}));
  EXPECT_NEAR(pool(hits, kS, Weights::kUniform, 0, 0.25).mean, 0.5, 1e-9);
  EXPECT_NEAR(pool(hits, kM, Weights::kUniform, 0, 0.75).mean, 1, 1e-9);
  EXPECT_NEAR(pool(hits, kL, Weights::kUniform, 0, 0.75).mean, 1, 1e-9);
  const Pooled cosine = pool(hits, kS, Weights::kCosine, 0, 0.25);
  EXPECT_NEAR(cosine.mean, 0.506329, 1e-6);
  EXPECT_NEAR(cosine.evidence, 1.896 * 1.896 / (0.96 * 0.96 + 0.936 * 0.936), 1e-5);
}

TEST(KnnPool, ShrinksTowardsTheGlobalMean) {
  const auto hits = nearest(kSimilarity, kS, 2);
  EXPECT_NEAR(pool(hits, kS, Weights::kUniform, 2, 0.25).mean, (1 + 2 * 0.25) / 4, 1e-9);
  EXPECT_NEAR(pool({}, kS, Weights::kUniform, 2, 0.25).mean, 0.25, 1e-9);
  EXPECT_EQ(pool({}, kS, Weights::kUniform, 2, 0.25).evidence, 0);
  EXPECT_TRUE(std::isnan(pool({}, kS, Weights::kUniform, 0, 0.25).mean));
  EXPECT_TRUE(std::isnan(pool({}, kS, Weights::kUniform, 2, NAN).mean));
}

TEST(KnnPool, SkipsMissingObservations) {
  const std::vector<float> column{kNan, 1, 0, 0};
  EXPECT_EQ(nearest(kSimilarity, column, 2), (std::vector<Hit>{{1, 0.936F}, {2, 0.28F}}));
  const std::vector<Hit> both{{0, 0.9F}, {1, 0.9F}};
  EXPECT_NEAR(pool(both, column, Weights::kUniform, 0, 0).mean, 1, 1e-9);
}

TEST(KnnSelect, BreaksTiesByTheLowerRow) {
  const std::vector<float> similarity{0.5F, 0.7F, 0.5F, 0.7F, 0.5F};
  const std::vector<float> column(5, 1.0F);
  EXPECT_EQ(nearest(similarity, column, 3), (std::vector<Hit>{{1, 0.7F}, {3, 0.7F}, {0, 0.5F}}));
  EXPECT_EQ(nearest(similarity, column, 9, 0.6F), (std::vector<Hit>{{1, 0.7F}, {3, 0.7F}}));
  EXPECT_TRUE(nearest({0, 0}, {1, 1}, 2).empty());  // nothing in common is no neighbour
}

TEST(KnnSelect, EqualsSortingOnRandomSimilarities) {
  base::Rng rng(7, 1, 0);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + rng.below(60);
    std::vector<float> similarity;
    std::vector<float> column;
    std::vector<Hit> all;
    for (std::uint32_t i = 0; i < n; ++i) {
      similarity.push_back(static_cast<float>(rng.below(8)) / 8);  // few values: many ties
      column.push_back(rng.below(4) == 0 ? kNan : 1.0F);
      if (similarity.back() > 0 && !std::isnan(column.back()))
        all.push_back({i, similarity.back()});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Hit& a, const Hit& b) { return a.similarity > b.similarity; });
    const std::size_t k = 1 + rng.below(20);
    all.resize(std::min(k, all.size()));
    EXPECT_EQ(nearest(similarity, column, k), all) << "round " << round;
  }
}

// The formula of knn_index.cc over dense vectors.
struct BruteForce {
  explicit BruteForce(const std::vector<text::Sketch>& rows, double max_share)
      : idf(text::kSketchBuckets) {
    std::vector<double> df(idf.size());
    for (const auto& r : rows) {
      for (const auto& f : r.features()) df[f.id] += 1;
    }
    const auto n = static_cast<double>(rows.size());
    for (std::size_t f = 0; f < idf.size(); ++f) {
      idf[f] = df[f] <= std::max(100.0, max_share * n) ? std::log((1 + n) / (1 + df[f])) + 1 : 0;
    }
  }
  double norm(const text::Sketch& s) const {
    double sum = 0;
    for (const auto& f : s.features())
      sum += std::pow(static_cast<double>(f.weight) * idf[f.id], 2);
    return std::sqrt(sum);
  }
  double cosine(const text::Sketch& a, const text::Sketch& b) const {
    double sum = 0;
    for (const auto& x : a.features()) {
      for (const auto& y : b.features()) {
        if (x.id == y.id)
          sum +=
              static_cast<double>(x.weight) * static_cast<double>(y.weight) * idf[x.id] * idf[x.id];
      }
    }
    const double norms = norm(a) * norm(b);
    return norms > 0 ? sum / norms : 0;
  }
  std::vector<double> idf;
};

std::string random_text(base::Rng& rng) {
  std::string text;
  const std::size_t words = rng.below(30);
  for (std::size_t w = 0; w < words; ++w)
    text += "w" + std::string(1, static_cast<char>('a' + rng.below(26))) + " ";
  return text;
}

class KnnIndex : public ::testing::TestWithParam<double> {};

TEST_P(KnnIndex, EqualsBruteForce) {
  base::Rng rng(11, 2, 0);
  std::vector<text::Sketch> rows;
  RowIndex index;
  for (int i = 0; i < 400; ++i) {
    rows.push_back(text::make_sketch(random_text(rng)));
    index.add(rows.back().features());
  }
  index.finish(GetParam());
  const BruteForce brute(rows, GetParam());
  std::vector<float> similarity(rows.size());
  for (int i = 0; i < 25; ++i) {
    const auto query = text::make_sketch(random_text(rng) + " zz strange");
    index.similarities(query.features(), similarity);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      EXPECT_NEAR(similarity[r], brute.cosine(query, rows[r]), 1e-5) << "row " << r;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Shares, KnnIndex, ::testing::Values(1.0, 0.3, 0.05));

// What a search has to find: all similarities, and the nearest of them.
void expect_nearest_of_all(const RowIndex& index, std::span<const text::Feature> query,
                           const std::vector<float>& column, std::size_t k, float least,
                           std::size_t excluded) {
  std::vector<float> similarity(index.rows());
  index.similarities(query, similarity);
  if (excluded < similarity.size()) similarity[excluded] = 0;
  std::vector<Hit> all, found;
  select_nearest(similarity, column, k, least, all);
  RowIndex::View view;
  index.look(query, excluded, view);
  index.nearest(view, column, k, least, found);
  ASSERT_EQ(found.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(found[i], all[i]) << i << ": row " << found[i].row << " not " << all[i].row;
}

// Words of very different frequency, several times in a row, rows that are there twice (ties), and
// texts with hundreds of features (several groups of columns).
TEST(KnnSearch, FindsTheNeighboursOfTheFullScan) {
  base::Rng rng(17, 3, 0);
  const auto text = [&](std::size_t words) {
    std::string t;
    for (std::size_t w = 0; w < words; ++w)
      t += "w" + std::string(1 + rng.below(2), static_cast<char>('a' + rng.below(26))) +
           std::string(1, static_cast<char>('a' + rng.below(1 + rng.below(26)))) + " ";
    return t;
  };
  for (const std::size_t rows : {1U, 63U, 64U, 500U, 3000U}) {
    RowIndex index;
    std::vector<float> column;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::string t = text(rng.below(rng.below(8) == 0 ? 400 : 40));
      for (int copies = rng.below(10) == 0 ? 2 : 1; copies > 0; --copies) {
        index.add(text::make_sketch(t).features());
        column.push_back(rng.below(5) == 0 ? kNan : 1.0F);
      }
    }
    index.finish(rng.below(2) == 0 ? 1.0 : 0.3);
    for (std::size_t i = 0; i < 40; ++i) {
      const auto query = text::make_sketch(text(i % 4 == 0 ? 600 : i));
      const float least = i % 3 == 0 ? 0.15F : 0;
      const std::size_t excluded = i % 2 == 0 ? rng.below(index.rows()) : 0xFFFFFFFF;
      for (const std::size_t k : {std::size_t{1}, std::size_t{40}, index.rows() + 1})
        expect_nearest_of_all(index, query.features(), column, k, least, excluded);
    }
  }
}

// Tiles are 1,024 rows and then 8,192: the k best come from several of them, in an order that keeps
// raising the bar, and every search of a pass has its own rows.
TEST(KnnSearch, SearchesSeveralColumnsInOnePassOverManyTiles) {
  constexpr std::size_t kRows = 30'000;
  base::Rng rng(23, 4, 0);
  RowIndex index;
  std::vector<float> some(kRows, 1.0F);
  const std::vector<float> all(kRows, 1.0F);
  for (std::size_t i = 0; i < kRows; ++i) {
    std::string text;  // the later the row, the more of the question
    for (std::size_t w = 0; w < 12; ++w)
      text += rng.below(kRows) < i ? "q" + std::to_string(w) + " "
                                   : "x" + std::to_string(rng.below(400)) + " ";
    index.add(text::make_sketch(text).features());
    if (i % 7 != 0) some[i] = kNan;
  }
  index.finish(0.9);
  const auto query = text::make_sketch("q0 q1 q2 q3 q4 q5 q6 q7 q8 q9 q10 q11 x1 x2 x3");
  std::vector<float> similarity(kRows);
  index.similarities(query.features(), similarity);
  RowIndex::View view;
  index.look(query.features(), kRows, view);
  std::vector<Hit> every, few, expected;
  const std::vector<RowIndex::Search> searches{{{}, 40, 0, &every}, {some, 7, 0.2F, &few}};
  for (int again = 0; again < 2; ++again) {  // a view can be searched twice
    index.nearest(view, searches);
    select_nearest(similarity, all, 40, 0, expected);
    EXPECT_EQ(every, expected);
    select_nearest(similarity, some, 7, 0.2F, expected);
    EXPECT_EQ(few, expected);
  }
}

TEST(KnnIndexEdges, SurviveNoRowsEmptyTextsAndStrangers) {
  RowIndex none;
  none.finish(0.2);
  std::vector<float> nothing;
  none.similarities(text::make_sketch("hello").features(), nothing);
  RowIndex one;
  one.add(text::make_sketch("").features());
  one.add(text::make_sketch("hello world").features());
  one.finish(0.2);
  std::vector<float> similarity(2);
  one.similarities(text::make_sketch("hello world").features(), similarity);
  EXPECT_EQ(similarity[0], 0);
  EXPECT_NEAR(similarity[1], 1, 1e-6);
  one.similarities(text::make_sketch("quite different").features(), similarity);
  EXPECT_EQ(similarity, (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace swy::route
