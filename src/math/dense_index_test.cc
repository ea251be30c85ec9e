#include "math/dense_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace swy::math {
namespace {

std::vector<NearRow> scan(const Kernels& k, const Matrix& rows, std::span<const float> x,
                          std::size_t n, DenseIndex::Held held) {
  std::vector<NearRow> all;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    if (!held.holds(i))
      all.push_back({k.dot(rows.row(i).data(), x.data(), x.size()), static_cast<std::uint32_t>(i)});
  std::sort(all.begin(), all.end());
  all.resize(std::min(n, all.size()));
  return all;
}

void fill(base::Rng& rng, std::span<float> x, float scale) {
  for (float& v : x) v = scale * static_cast<float>(rng.uniform() - 0.5);
}

class DenseIndexEveryVersion : public ::testing::TestWithParam<const Kernels*> {};

// Near and far rows, rows that are there twice (ties), rows of zeros, one much larger number than
// the others (which leaves the bytes few digits), queries of any length.
TEST_P(DenseIndexEveryVersion, FindsWhatAPlainScanFinds) {
  const Kernels& k = *GetParam();
  base::Rng rng(31, 1, 0);
  for (const std::size_t rows : {1U, 5U, 47U, 900U}) {
    for (const std::size_t dims : {1U, 6U, 64U, 270U}) {
      Matrix m(rows, dims);
      for (std::size_t i = 0; i < rows; ++i) {
        if (i % 9 == 4) continue;
        fill(rng, m.row(i), i % 3 == 0 ? 0.1F : 1);
        if (i % 7 == 6) std::copy_n(m.row(i - 1).begin(), dims, m.row(i).begin());
        if (i % 11 == 3) m.row(i)[i % dims] = 20;
      }
      const DenseIndex index(m, k);
      std::vector<float> x(dims);
      std::vector<NearRow> found;
      for (std::size_t q = 0; q < 12; ++q) {
        fill(rng, x, q % 4 == 0 ? 0 : std::pow(10.0F, static_cast<float>(q) - 6));
        const DenseIndex::Held held{q % 2 == 0 ? std::size_t{0} : std::size_t{5}, q % 5};
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{40}, rows + 3}) {
          index.nearest(x, n, held, found);
          ASSERT_EQ(found, scan(k, m, x, n, held)) << rows << " x " << dims << ", n " << n;
        }
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, DenseIndexEveryVersion, ::testing::ValuesIn([] {
                           const auto all = runnable_kernels();
                           return std::vector<const Kernels*>(all.begin(), all.end());
                         }()));

TEST(DenseIndexEdges, HasNoNeighboursWithoutRows) {
  const DenseIndex none(Matrix(0, 4));
  std::vector<NearRow> found{{1, 1}};
  none.nearest(std::vector<float>(4, 1.0F), 3, {}, found);
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace swy::math
