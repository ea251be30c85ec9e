// Cosine search over TF-IDF rows, exact top-k and the pooled mean.
//
// Formula: weights of tf_idf.h; similarity = sum over common features. A word that occurs n times
// in a row weighs unit(row) * idf * (1 + ln n), so that most of what a frequent word adds is one
// number times one bit: features of more than 1/64 of the rows have a column of bits for n >= 1,
// and further ones for n >= 2, 3 and 4 where these are frequent too; everything else is in postings
// (row, weight). similarity = sum of postings + unit(row) * sum of the columns' weights.
//
// Search: tile by tile of 8,192 rows, whose sums stay in the nearest caches (three numbers of every
// row in turn took longer than the arithmetic), the first of them smaller, so that there is a bar
// before much is looked at. Postings are added up list by list. The columns'
// weights, rounded up to bytes, 64 columns at a time, give a bound of every row (math/kernels.h: 64
// rows an instruction). The similarities of the k rows of highest bound say what the k-th best is
// at least; rows whose bound is below cannot be among them, nor those of later tiles; the
// similarities of the others (300 of 100,000 for 40 neighbours) decide. Right because no bound is
// below the similarity: weights are rounded up, and comparisons leave kSlack for the rounding of
// sums.
//
// Cost: postings of the text's rare features, rows / 64 for every column, a pass over the bounds.
// Dropping features in more than max_share of the rows removes most of what is left and almost
// nothing of the meaning. When it loses: rows of thousands of words, where few features are rare.
// Float sums: errors below 1e-5 for 512 features. Source: request-routing.md 3.1; Manning et al.,
// Introduction to Information Retrieval, chapter 6 and 7.1; bounds before sums: Turtle and Flood
// 1995 (MaxScore), Broder et al. 2003 (WAND), here for all rows at once instead of list by list,
// because with long texts hardly a list can be left out. Test: knn_index_test.cc.
#include "route/estimator/knn_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "math/kernels.h"

namespace swy::route {
namespace {

constexpr std::size_t kWord = 64;    // rows a word of bits
constexpr std::size_t kTile = 8192;  // rows whose sums stay in the nearest caches
// Without a bar every row is looked at: few of them, for a first bar.
constexpr std::size_t kFirstTile = 1024;
// Rows above the bar, by k, from which on it pays to raise the bar before similarities are
// computed.
constexpr std::size_t kMany = 4;
constexpr std::size_t kAhead = 4;      // lists
constexpr std::size_t kTogether = 64;  // columns whose weights share a byte
// Measured on 100,000 rows with 20 to 400 features: 1/32 and 1/128 take longer.
constexpr std::size_t kFrequent = 64;
constexpr std::size_t kLeastFrequent = 16;
// What the first, second, third and fourth occurrence add to 1 + ln n.
constexpr std::array<float, 4> kSteps{1.0F, 0.69314718F, 0.40546511F, 0.28768207F};
constexpr float kRounding = 1e-5F;
constexpr float kSlack = 1e-4F;
constexpr std::size_t kGlance = 16;  // similarities that are looked at together

bool better(const Hit& a, const Hit& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
}

bool any_at_least(const float* v, float bar) {
  int any = 0;
  for (std::size_t i = 0; i < kGlance; ++i) any |= static_cast<int>(v[i] >= bar);
  return any != 0;
}

}  // namespace

void RowIndex::add(std::span<const text::Feature> features) {
  texts_.add(features);
  ++rows_;
}

// One row's weights as the index keeps them: weight = unit * idf * (1 + excess), where a word that
// occurs once has no excess.
struct RowIndex::Row {
  std::span<const text::Feature> features;
  const TfIdf& texts;
  float unit = 0;

  Row(const TfIdf& all, std::size_t i) : features(all.row(i)), texts(all) {
    for (const text::Feature& f : features) {
      const float u = f.weight / all.idf(f.id);
      unit = unit == 0 ? u : std::min(unit, u);
    }
  }
  // f(feature, columns it could be in, what is left after each number of them)
  template <typename F>
  void each(F f) const {
    std::array<float, kSteps.size() + 1> left{};
    for (const text::Feature& feature : features) {
      float rest = feature.weight / texts.idf(feature.id) / unit;
      std::size_t columns = 0;
      left[0] = feature.weight;
      while (columns < kSteps.size() && rest >= kSteps[columns] - kRounding) {
        rest = std::max(rest - kSteps[columns++], 0.0F);
        left[columns] = rest > kRounding ? rest * unit * texts.idf(feature.id) : 0.0F;
      }
      f(feature.id, columns, left);
    }
  }
};

void RowIndex::finish(double max_share) {
  texts_.finish(max_share);
  words_ = (rows_ + kWord - 1) / kWord;
  unit_.assign(words_ * kWord, 0.0F);
  make_columns();
  make_postings();
  texts_.forget_rows();
}

void RowIndex::make_columns() {
  const std::size_t least = std::max(kLeastFrequent, rows_ / kFrequent);
  std::vector<std::array<std::uint32_t, kSteps.size()>> count(text::kSketchBuckets);
  for (std::size_t i = 0; i < rows_; ++i) {
    Row(texts_, i).each([&](std::uint32_t f, std::size_t columns, const auto& /*left*/) {
      for (std::size_t c = 0; c < columns; ++c) ++count[f][c];
    });
  }
  first_column_.assign(text::kSketchBuckets + 1, 0);
  for (std::size_t f = 0; f < text::kSketchBuckets; ++f) {
    const auto worth = [&](std::uint32_t n) { return n > least; };
    first_column_[f + 1] = first_column_[f] + static_cast<std::uint32_t>(std::count_if(
                                                  count[f].begin(), count[f].end(), worth));
  }
  bits_.assign(first_column_.back() * words_, 0);
}

void RowIndex::make_postings() {
  start_.assign(text::kSketchBuckets + 1, 0);
  const auto each = [&](auto f) {
    for (std::size_t i = 0; i < rows_; ++i) {
      const Row row(texts_, i);
      unit_[i] = row.unit;
      row.each([&](std::uint32_t feature, std::size_t could, const auto& left) {
        const std::size_t columns =
            std::min<std::size_t>(could, first_column_[feature + 1] - first_column_[feature]);
        f(i, feature, columns, left[columns]);
      });
    }
  };
  each([&](std::size_t i, std::uint32_t feature, std::size_t columns, float left) {
    for (std::size_t c = 0; c < columns; ++c)
      bits_[(first_column_[feature] + c) * words_ + i / kWord] |= std::uint64_t{1} << (i % kWord);
    if (left > 0) ++start_[feature + 1];
  });
  std::partial_sum(start_.begin(), start_.end(), start_.begin());
  postings_.resize(start_.back());
  std::vector<std::uint32_t> next(start_.begin(), start_.end() - 1);
  each([&](std::size_t i, std::uint32_t feature, std::size_t /*columns*/, float left) {
    if (left > 0) postings_[next[feature]++] = {static_cast<std::uint32_t>(i), left};
  });
}

void RowIndex::write(WeightFile& out) const {
  out.words["index.rows"] = {static_cast<std::uint32_t>(rows_)};
  out.tensors["index.idf"].assign(texts_.idfs().begin(), texts_.idfs().end());
  out.tensors["index.unit"] = unit_;
  out.words["index.start"] = start_;
  out.words["index.first_column"] = first_column_;
  std::vector<std::uint32_t>& row = out.words["index.posting_rows"];
  std::vector<float>& weight = out.tensors["index.posting_weights"];
  row.clear();
  weight.clear();
  for (const Posting& p : postings_) {
    row.push_back(p.row);
    weight.push_back(p.weight);
  }
  std::vector<std::uint32_t>& bits = out.words["index.bits"];
  bits.clear();
  for (const std::uint64_t word : bits_) {
    bits.push_back(static_cast<std::uint32_t>(word));
    bits.push_back(static_cast<std::uint32_t>(word >> 32U));
  }
}

Result<RowIndex> RowIndex::read(const WeightFile& in) {
  RowIndex index;
  SWY_TRY(const auto rows, in.integers("index.rows", 1));
  index.rows_ = rows[0];
  index.words_ = (index.rows_ + kWord - 1) / kWord;
  SWY_TRY(auto idf, in.tensor("index.idf", text::kSketchBuckets));
  SWY_TRY(index.unit_, in.tensor("index.unit", index.words_ * kWord));
  SWY_TRY(index.start_, in.integers("index.start", text::kSketchBuckets + 1));
  SWY_TRY(index.first_column_, in.integers("index.first_column", text::kSketchBuckets + 1));
  SWY_TRY(const auto row, in.integers("index.posting_rows", index.start_.back()));
  SWY_TRY(const auto weight, in.tensor("index.posting_weights", row.size()));
  SWY_TRY(const auto bits,
          in.integers("index.bits", 2 * index.words_ * index.first_column_.back()));
  bool sound = index.start_[0] == 0 && index.first_column_[0] == 0;
  const auto least = [](std::span<const float> v) {
    return v.empty() ? 0.0F : *std::min_element(v.begin(), v.end());
  };
  // A bound that is not one would miss neighbours; a weight of 0 cannot be divided by.
  sound = sound && least(idf) >= 0 && least(index.unit_) >= 0 && least(weight) >= 0;
  for (std::size_t f = 0; f < text::kSketchBuckets; ++f) {
    sound = sound && index.start_[f] <= index.start_[f + 1] &&
            index.first_column_[f] <= index.first_column_[f + 1] &&
            index.first_column_[f + 1] - index.first_column_[f] <= kSteps.size();
  }
  for (const std::uint32_t r : row) sound = sound && r < index.rows_;
  if (!sound) return fail(ErrorCode::kParse, fmt::format("weights of {}: bad index", in.type));
  for (std::size_t i = 0; i < row.size(); ++i) index.postings_.push_back({row[i], weight[i]});
  for (std::size_t i = 0; i < bits.size(); i += 2)
    index.bits_.push_back(bits[i] | std::uint64_t{bits[i + 1]} << 32U);
  index.texts_.set_idfs(std::move(idf));
  return index;
}

// The rows from first on, all that is known of them in the caches of a core.
struct RowIndex::Tile {
  std::size_t first;  // row
  std::size_t rows;
  [[nodiscard]] std::size_t words() const { return (rows + kWord - 1) / kWord; }
};

void RowIndex::look(std::span<const text::Feature> query, std::size_t excluded, View& out) const {
  out.excluded_ = excluded;
  texts_.weigh(query, out.weighed_);
  out.lists_.clear();
  out.columns_.clear();
  for (const text::Feature& f : out.weighed_) {
    const Posting* const begin = postings_.data() + start_[f.id];
    if (start_[f.id] < start_[f.id + 1])
      out.lists_.push_back({begin, postings_.data() + start_[f.id + 1], begin, f.weight});
    const float weight = f.weight * texts_.idf(f.id);
    if (!(weight > 0)) continue;
    for (std::size_t c = first_column_[f.id]; c < first_column_[f.id + 1]; ++c)
      out.columns_.push_back({bits_.data() + c * words_, weight * kSteps[c - first_column_[f.id]]});
  }
  std::sort(out.columns_.begin(), out.columns_.end());
  out.bounds_.resize(out.columns_.size());
  out.groups_.clear();
  for (std::size_t done = 0; done < out.columns_.size(); done += kTogether) {
    const std::size_t n = std::min(kTogether, out.columns_.size() - done);
    float sum = 0;
    for (std::size_t c = done; c < done + n; ++c) sum += out.columns_[c].weight;
    // Rounded up, n weights stay below 254 + 1.
    const float unit = sum / (254.0F - static_cast<float>(n));
    for (std::size_t c = done; c < done + n; ++c)
      out.bounds_[c].weight = static_cast<std::uint8_t>(std::ceil(out.columns_[c].weight / unit));
    out.groups_.push_back({done, n, unit});
  }
  out.above_.resize(kTile);
  out.from_lists_.resize(kTile);
  out.at_most_.resize(kTile);
  out.block_at_most_.resize(kTile / kWord);
}

// f(tile) for all rows in order, what the lists say of them in from_lists_.
template <typename F>
void RowIndex::each_tile(View& view, F f) const {
  for (View::List& list : view.lists_) list.next = list.begin;
  std::size_t most = kFirstTile;
  for (std::size_t first = 0; first < rows_; most = kTile) {
    const Tile tile{first, std::min(most, rows_ - first)};
    add_postings(view, tile);
    f(tile);
    first += tile.rows;
  }
}

void RowIndex::add_postings(View& view, const Tile& tile) const {
  std::fill(view.from_lists_.begin(), view.from_lists_.end(), 0.0F);
  const std::size_t end = tile.first + tile.rows;
  for (std::size_t i = 0; i < view.lists_.size(); ++i) {
    // Short lists all over the memory: the next ones are fetched meanwhile.
    if (i + kAhead < view.lists_.size()) __builtin_prefetch(view.lists_[i + kAhead].next);
    View::List& list = view.lists_[i];
    const Posting* p = list.next;
    for (; p != list.end && p->row < end; ++p)
      view.from_lists_[p->row - tile.first] += list.weight * p->weight;
    list.next = p;
  }
}

void RowIndex::bound(View& view, const Tile& tile) const {
  const float* in = view.from_lists_.data();
  const auto add = [&](std::span<const math::BitColumn> columns, float unit) {
    math::best_kernels().bit_sums({columns.data(), columns.size(), unit, unit_.data() + tile.first,
                                   in, view.at_most_.data(), view.block_at_most_.data(),
                                   tile.words()});
    in = view.at_most_.data();
  };
  for (std::size_t c = 0; c < view.columns_.size(); ++c)
    view.bounds_[c].bits = view.columns_[c].bits + tile.first / kWord;
  for (const View::Group& g : view.groups_)
    add(std::span(view.bounds_).subspan(g.first, g.count), g.unit);
  if (view.groups_.empty()) add({}, 0);
}

float RowIndex::View::exact(const RowIndex& index, const Tile& tile, std::size_t row) const {
  float sum = 0;
  for (const Column& c : columns_)
    // Half of the bits are set: a product is sooner there than a branch that is not foreseen.
    sum += c.weight * static_cast<float>(c.bits[row / kWord] >> (row % kWord) & 1);
  return from_lists_[row - tile.first] + index.unit_[row] * sum;
}

void RowIndex::Best::offer(Hit hit, float slack) {
  if (hit.similarity < lowest) return;
  if (hits->size() == k) {
    if (!better(hit, hits->front())) return;
    std::pop_heap(hits->begin(), hits->end(), better);
    hits->pop_back();
  }
  hits->push_back(hit);
  std::push_heap(hits->begin(), hits->end(), better);
  if (hits->size() == k) bar = std::max(bar, hits->front().similarity * (1 - slack));
}

// Rows of the tile whose bound is above the bar, with their bounds.
std::span<const Hit> RowIndex::collect(View& view, const Tile& tile, const Best& best) const {
  Hit* const out = view.above_.data();
  std::size_t n = 0;
  for (std::size_t w = 0; w < tile.words(); ++w) {
    if (view.block_at_most_[w] <= best.bar) continue;
    for (std::size_t i = w * kWord; i < std::min(w * kWord + kWord, tile.rows); ++i) {
      // Every row is written and few stay: which ones, no branch foresees.
      const std::size_t row = tile.first + i;
      out[n] = {static_cast<std::uint32_t>(row), view.at_most_[i]};
      const bool known = best.column.empty() || !std::isnan(best.column[row]);
      n += static_cast<std::size_t>(view.at_most_[i] > best.bar) &
           static_cast<std::size_t>(row != view.excluded_) & static_cast<std::size_t>(known);
    }
  }
  return std::span(view.above_).first(n);
}

void RowIndex::offer_tile(View& view, const Tile& tile, Best& best) const {
  const std::span<const Hit> above = collect(view, tile, best);
  if (above.size() > kMany * best.k) {
    // The k-th best similarity is at least the least of those of the k rows of highest bound.
    view.highest_.clear();
    Best by_bound{best.k, best.lowest, best.bar, {}, &view.highest_};
    for (const Hit& hit : above) {
      if (hit.similarity > by_bound.bar) by_bound.offer(hit, 0);
    }
    float reached = std::numeric_limits<float>::max();
    for (const Hit& hit : view.highest_)
      reached = std::min(reached, view.exact(*this, tile, hit.row));
    if (view.highest_.size() == best.k) best.bar = std::max(best.bar, reached * (1 - kSlack));
  }
  for (const Hit& hit : above) {
    if (hit.similarity > best.bar) best.offer({hit.row, view.exact(*this, tile, hit.row)}, kSlack);
  }
}

void RowIndex::nearest(View& view, std::span<const Search> searches) const {
  view.best_.clear();
  for (const Search& s : searches) {
    s.out->clear();
    const float lowest = std::max(s.least, std::numeric_limits<float>::min());
    if (s.k > 0) view.best_.push_back({s.k, lowest, lowest * (1 - kSlack), s.column, s.out});
  }
  each_tile(view, [&](const Tile& tile) {
    bound(view, tile);
    for (Best& best : view.best_) offer_tile(view, tile, best);
  });
  for (const Best& best : view.best_) std::sort_heap(best.hits->begin(), best.hits->end(), better);
}

void RowIndex::similarities(std::span<const text::Feature> query, std::span<float> out) const {
  thread_local View view;  // kept so that a decision does not allocate
  look(query, rows_, view);
  each_tile(view, [&](const Tile& tile) {
    float* const sum = out.data() + tile.first;
    std::fill_n(sum, tile.rows, 0.0F);
    for (const View::Column& c : view.columns_) {
      for (std::size_t w = 0; w < tile.words(); ++w) {
        for (std::uint64_t left = c.bits[tile.first / kWord + w]; left != 0; left &= left - 1)
          sum[w * kWord + static_cast<std::size_t>(std::countr_zero(left))] += c.weight;
      }
    }
    for (std::size_t i = 0; i < tile.rows; ++i)
      sum[i] = view.from_lists_[i] + unit_[tile.first + i] * sum[i];
  });
}

void select_nearest(std::span<const float> similarity, std::span<const float> column, std::size_t k,
                    float least, std::vector<Hit>& out) {
  out.clear();
  if (k == 0) return;
  const auto nearer = [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
  };
  float bar = std::max(least, std::numeric_limits<float>::min());
  for (std::size_t row = 0; row < similarity.size(); ++row) {
    // Most rows are far away, and so are their neighbours in the table.
    if (row % kGlance == 0) {
      while (row + kGlance <= similarity.size() && !any_at_least(similarity.data() + row, bar))
        row += kGlance;
      if (row == similarity.size()) break;
    }
    // A later row of equal similarity never beats one already kept: once full, only a greater one
    // enters.
    if (similarity[row] < bar || std::isnan(column[row])) continue;
    if (out.size() == k) {
      if (similarity[row] == bar) continue;
      std::pop_heap(out.begin(), out.end(), nearer);
      out.pop_back();
    }
    out.push_back({static_cast<std::uint32_t>(row), similarity[row]});
    std::push_heap(out.begin(), out.end(), nearer);
    if (out.size() == k) bar = out.front().similarity;
  }
  std::sort_heap(out.begin(), out.end(), nearer);
}

Pooled PoolSums::pooled(double shrink, double prior_mean) const {
  const bool any = weight > 0;
  const double evidence = any ? weight * weight / squares : 0;
  const double pseudo = std::isnan(prior_mean) ? 0 : shrink;
  if (evidence + pseudo <= 0) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const double observed = any ? evidence * (sum / weight) : 0;
  const double believed = pseudo > 0 ? pseudo * prior_mean : 0;
  return {(observed + believed) / (evidence + pseudo), evidence};
}

Pooled pool(std::span<const Hit> hits, std::span<const float> column, Weights weights,
            double shrink, double prior_mean) {
  PoolSums sums;
  for (const Hit& hit : hits) sums.add(column[hit.row], weight_of(hit, weights));
  return sums.pooled(shrink, prior_mean);
}

}  // namespace swy::route
