// The parts of the knn estimator that can be tested against brute force: similarities of one text
// to all rows, the k nearest of them, and the pooled mean over neighbours.
//
// When to use: inside this folder. Threading: RowIndex is filled by one thread, then finish()ed and
// immutable; a View belongs to one thread; the rest are pure functions. Ownership: RowIndex owns
// its rows; a View refers to the index that filled it; spans are borrowed for the call. Nothing
// allocates after finish() except views and `out` vectors until they are large enough.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/kernels.h"
#include "route/estimator/tf_idf.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

struct Hit {
  std::uint32_t row = 0;
  float similarity = 0;
  friend bool operator==(const Hit&, const Hit&) = default;
};

// TF-IDF rows, searchable by similarity.
class RowIndex {
 public:
  // Appends row number rows(). Before finish() only.
  void add(std::span<const text::Feature> features);
  // Computes idf and the index. Features in more than max_share of the rows are dropped everywhere
  // (0 < max_share <= 1).
  void finish(double max_share);
  [[nodiscard]] std::size_t rows() const { return rows_; }
  void write(WeightFile& out) const;  // REQUIRES: finished, as read() gives it
  // kParse for what would be read outside itself.
  static Result<RowIndex> read(const WeightFile& in);

  // One text, ready to be searched for: memory that its owner reuses, filled by look().
  class View;
  // Row `excluded` is as if it were not there (rows() or more: none). REQUIRES: finished.
  void look(std::span<const text::Feature> query, std::size_t excluded, View& out) const;
  struct Search {
    std::span<const float> column;  // rows() numbers; empty: every row has a value
    std::size_t k;
    float least;
    std::vector<Hit>* out;
  };
  // For every search the k rows of highest similarity among those with a value in `column` (not
  // NaN), at least `least` and above 0; best first, ties to the lower row: select_nearest over
  // similarities(), without knowing all of them. Several searches read the rows once.
  void nearest(View& view, std::span<const Search> searches) const;
  void nearest(View& view, std::span<const float> column, std::size_t k, float least,
               std::vector<Hit>& out) const {
    const Search one{column, k, least, &out};
    nearest(view, std::span(&one, 1));
  }
  // out[row] = cosine of the text and the row, 0..1, for every row. REQUIRES: out.size() == rows().
  void similarities(std::span<const text::Feature> query, std::span<float> out) const;

 private:
  struct Posting {
    std::uint32_t row;
    float weight;
  };
  struct Row;
  void make_columns();
  void make_postings();
  struct Tile;
  // The k best of what it is offered, as a heap with the worst in front.
  struct Best {
    std::size_t k;
    float lowest;
    float bar;  // what is not above it does not come in
    std::span<const float> column;
    std::vector<Hit>* hits;
    void offer(Hit hit, float slack);
  };
  template <typename F>
  void each_tile(View& view, F f) const;
  void add_postings(View& view, const Tile& tile) const;
  void bound(View& view, const Tile& tile) const;
  std::span<const Hit> collect(View& view, const Tile& tile, const Best& best) const;
  void offer_tile(View& view, const Tile& tile, Best& best) const;

  TfIdf texts_;  // without rows after finish()
  std::size_t rows_ = 0;
  std::size_t words_ = 0;             // of 64 rows
  std::vector<std::uint32_t> start_;  // by feature, into postings_
  std::vector<Posting> postings_;
  std::vector<std::uint32_t> first_column_;  // by feature; the next one's is where they end
  std::vector<std::uint64_t> bits_;          // words_ a column
  std::vector<float> unit_;  // by row: what a word that occurs once weighs, over idf
};

class RowIndex::View {
 private:
  friend class RowIndex;
  struct List {
    const Posting* begin;
    const Posting* end;
    const Posting* next;  // of the tile that is read
    float weight;
  };
  struct Column {
    const std::uint64_t* bits;
    float weight;
    bool operator<(const Column& o) const { return weight > o.weight; }
  };
  struct Group {  // of columns whose weights share a byte
    std::size_t first, count;
    float unit;
  };
  [[nodiscard]] float exact(const RowIndex& index, const Tile& tile, std::size_t row) const;

  std::vector<text::Feature> weighed_;
  std::vector<List> lists_;
  std::vector<Column> columns_;  // heaviest first
  std::vector<math::BitColumn> bounds_;
  std::vector<Group> groups_;
  // Of a tile.
  std::vector<float> from_lists_, at_most_;  // by row
  std::vector<float> block_at_most_;         // by 64 rows
  std::vector<Best> best_;                   // by search
  std::vector<Hit> above_, highest_;
  std::size_t excluded_ = 0;
};

// The k rows of highest similarity among those with a value in `column` (not NaN), at least `least`
// and above 0; best first, ties to the lower row. similarity.size() == column.size().
void select_nearest(std::span<const float> similarity, std::span<const float> column, std::size_t k,
                    float least, std::vector<Hit>& out);

enum class Weights : std::uint8_t { kUniform, kCosine };

struct Pooled {
  double mean;      // NaN without neighbours and prior
  double evidence;  // n_eff = (sum w)^2 / sum w^2 of the neighbours; 0 without
};

// Weighted sums of one column over hits.
struct PoolSums {
  double sum = 0, weight = 0, squares = 0;
  void add(float y, double w) {
    if (std::isnan(y)) return;
    sum += w * static_cast<double>(y);
    weight += w;
    squares += w * w;
  }
  // As of pool() below.
  [[nodiscard]] Pooled pooled(double shrink, double prior_mean) const;
};
inline double weight_of(const Hit& hit, Weights weights) {
  return weights == Weights::kCosine ? static_cast<double>(hit.similarity) : 1.0;
}

// Mean of column over hits (NaN skipped), with `shrink` pseudo-neighbours at prior_mean (NaN:
// none): (n_eff * sum(w y)/sum(w) + shrink * prior_mean) / (n_eff + shrink).
Pooled pool(std::span<const Hit> hits, std::span<const float> column, Weights weights,
            double shrink, double prior_mean);

}  // namespace swy::route
