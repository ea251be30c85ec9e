// Cosine search over TF-IDF rows, exact top-k and the pooled mean.
//
// Formula: weights of tf_idf.h; similarity = sum over common features. A word that occurs n times
// in a row weighs unit(row) * idf * (1 + ln n), so that most of what a frequent word adds is one
// number times one bit: features of more than 1/64 of the rows have a column of bits for n >= 1,
// and further ones for n >= 2, 3 and 4 where these are frequent too; everything else is in postings
// (row, weight). similarity = sum of postings + unit(row) * sum of the columns' weights.
//
// Search: postings are added up list by list. The columns' weights, rounded up to bytes, 64 columns
// at a time, give a bound of every row (math/kernels.h: 64 rows an instruction). The similarities
// of the k rows of highest bound say what the k-th best is at least; rows whose bound is below
// cannot be among them; the similarities of the others (some ten more than k) decide. Right because
// no bound is below the similarity: weights are rounded up, and comparisons leave kSlack for the
// rounding of sums.
//
// Cost: postings of the text's rare features, rows / 64 for every column, two passes over rows / 64
// bounds. Dropping features in more than max_share of the rows removes most of what is left and
// almost nothing of the meaning. When it loses: rows of thousands of words, where few features are
// rare. Float sums: errors below 1e-5 for 512 features. Source: request-routing.md 3.1; Manning et
// al., Introduction to Information Retrieval, chapter 6 and 7.1; bounds before sums: Turtle and
// Flood 1995 (MaxScore), Broder et al. 2003 (WAND), here for all rows at once instead of list by
// list, because with long texts hardly a list can be left out. Test: knn_index_test.cc.
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

constexpr std::size_t kWord = 64;      // rows a word of bits
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

void RowIndex::look(std::span<const text::Feature> query, std::size_t excluded, View& out) const {
  out.excluded_ = excluded;
  texts_.weigh(query, out.weighed_);
  out.lists_.clear();
  out.columns_.clear();
  for (const text::Feature& f : out.weighed_) {
    if (start_[f.id] < start_[f.id + 1])
      out.lists_.push_back(
          {postings_.data() + start_[f.id], postings_.data() + start_[f.id + 1], f.weight});
    const float weight = f.weight * texts_.idf(f.id);
    if (!(weight > 0)) continue;
    for (std::size_t c = first_column_[f.id]; c < first_column_[f.id + 1]; ++c)
      out.columns_.push_back({bits_.data() + c * words_, weight * kSteps[c - first_column_[f.id]]});
  }
  std::sort(out.columns_.begin(), out.columns_.end());
  add_postings(out);
  bound(out);
}

void RowIndex::add_postings(View& view) const {
  view.from_lists_.resize(words_ * kWord);
  float* sum = view.from_lists_.data();
  std::fill(view.from_lists_.begin(), view.from_lists_.end(), 0.0F);
  for (std::size_t i = 0; i < view.lists_.size(); ++i) {
    // Short lists all over the memory: the next ones are fetched meanwhile.
    if (i + kAhead < view.lists_.size()) __builtin_prefetch(view.lists_[i + kAhead].next);
    const View::List& list = view.lists_[i];
    for (const Posting* p = list.next; p != list.end; ++p) sum[p->row] += list.weight * p->weight;
  }
}

void RowIndex::bound(View& view) const {
  view.at_most_.resize(words_ * kWord);
  view.block_at_most_.resize(words_);
  std::array<math::BitColumn, kTogether> columns;
  const float* in = view.from_lists_.data();
  std::size_t done = 0;
  do {
    const std::size_t n = std::min(kTogether, view.columns_.size() - done);
    const auto some = std::span(view.columns_).subspan(done, n);
    float sum = 0;
    for (const View::Column& c : some) sum += c.weight;
    // Rounded up, n weights stay below 254 + 1.
    const float unit = sum / (254.0F - static_cast<float>(n));
    for (std::size_t c = 0; c < n; ++c)
      columns[c] = {some[c].bits, static_cast<std::uint8_t>(std::ceil(some[c].weight / unit))};
    math::best_kernels().bit_sums({columns.data(), n, unit, unit_.data(), in, view.at_most_.data(),
                                   view.block_at_most_.data(), words_});
    in = view.at_most_.data();
    done += n;
  } while (done < view.columns_.size());
}

float RowIndex::View::exact(const RowIndex& index, std::size_t row) const {
  float sum = 0;
  for (const Column& c : columns_)
    sum += (c.bits[row / kWord] >> (row % kWord) & 1) != 0 ? c.weight : 0.0F;
  return from_lists_[row] + index.unit_[row] * sum;
}

// The k best of what it is offered in order of rows, as a heap with the worst in front.
struct RowIndex::Best {
  std::size_t k;
  float lowest;
  float slack;
  float bar;  // what is not above it does not come in
  std::vector<Hit>& hits;

  void offer(Hit hit) {
    if (hit.similarity < lowest) return;
    if (hits.size() == k) {
      if (!better(hit, hits.front())) return;
      std::pop_heap(hits.begin(), hits.end(), better);
      hits.pop_back();
    }
    hits.push_back(hit);
    std::push_heap(hits.begin(), hits.end(), better);
    // A later row that is as near as the worst of k does not come in.
    if (hits.size() == k) bar = std::max(bar, hits.front().similarity * (1 - slack));
  }
};

// Offers value(row) of every row whose bound is above the bar.
template <typename F>
void RowIndex::offer_rows(const View& view, std::span<const float> column, Best& best,
                          F value) const {
  for (std::size_t w = 0; w < words_; ++w) {
    if (view.block_at_most_[w] <= best.bar) continue;
    for (std::size_t row = w * kWord; row < std::min(w * kWord + kWord, rows_); ++row) {
      if (view.at_most_[row] <= best.bar || std::isnan(column[row]) || row == view.excluded_)
        continue;
      best.offer({static_cast<std::uint32_t>(row), value(row)});
    }
  }
}

void RowIndex::nearest(const View& view, std::span<const float> column, std::size_t k, float least,
                       std::vector<Hit>& out) const {
  out.clear();
  if (k == 0) return;
  const float lowest = std::max(least, std::numeric_limits<float>::min());
  const auto exact = [&](std::size_t row) { return view.exact(*this, row); };
  Best best{k, lowest, 0, lowest * (1 - kSlack), out};
  if (view.columns_.empty()) {  // the bounds are the similarities
    offer_rows(view, column, best, exact);
  } else {
    // The k rows of highest bound: the k-th best similarity is at least the least of theirs.
    offer_rows(view, column, best, [&](std::size_t row) { return view.at_most_[row]; });
    float reached = out.size() == k ? std::numeric_limits<float>::max() : lowest;
    for (const Hit& hit : out) reached = std::min(reached, exact(hit.row));
    out.clear();
    Best last{k, lowest, kSlack, std::max(lowest, reached) * (1 - kSlack), out};
    offer_rows(view, column, last, exact);
  }
  std::sort_heap(out.begin(), out.end(), better);
}

void RowIndex::similarities(std::span<const text::Feature> query, std::span<float> out) const {
  thread_local View view;  // kept so that a decision does not allocate
  look(query, rows_, view);
  std::fill(out.begin(), out.end(), 0.0F);
  for (const View::Column& c : view.columns_) {
    for (std::size_t w = 0; w < words_; ++w) {
      for (std::uint64_t left = c.bits[w]; left != 0; left &= left - 1)
        out[w * kWord + static_cast<std::size_t>(std::countr_zero(left))] += c.weight;
    }
  }
  for (std::size_t row = 0; row < rows_; ++row)
    out[row] = view.from_lists_[row] + unit_[row] * out[row];
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
