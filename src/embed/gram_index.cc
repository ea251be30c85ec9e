// An inverted index with cosine similarity: weight = (1 + ln count) * idf, idf = ln((1 + n) / (1 +
// df)) + 1, both sides of length one (Salton and Buckley 1988; the weights scikit-learn calls
// sublinear). Cost: the posting lists of the query's grams. When it loses: synonyms; add the cosine
// of embeddings. Grams of the query that no text has lengthen the query and lower all cosines
// alike. Test: gram_index_test.cc.
#include "embed/gram_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace swy::embed {
namespace {

float tf(std::uint32_t count) { return 1.0F + std::log(static_cast<float>(count)); }

}  // namespace

GramIndex::GramIndex(std::span<const std::string_view> texts) : size_(texts.size()) {
  struct Entry {
    std::uint32_t hash, text;
    float weight;
  };
  std::vector<Entry> entries;
  Grams grams;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    grams.read(texts[t]);
    for (const Gram& g : grams.all()) {
      entries.push_back({g.hash, static_cast<std::uint32_t>(t), tf(g.count)});
      ++lists_[g.hash].end;  // document frequency for now
    }
  }
  const auto n = static_cast<float>(size_);
  unseen_idf_ = std::log(1 + n) + 1;
  std::vector<double> squares(size_, 0);
  for (Entry& e : entries) {
    e.weight *= std::log((1 + n) / (1 + static_cast<float>(lists_[e.hash].end))) + 1;
    squares[e.text] += static_cast<double>(e.weight) * static_cast<double>(e.weight);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.text < b.text;
  });
  postings_.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size();) {
    List& list = lists_[entries[i].hash];
    list.idf = std::log((1 + n) / (1 + static_cast<float>(list.end))) + 1;
    list.begin = static_cast<std::uint32_t>(i);
    std::size_t j = i;
    for (; j < entries.size() && entries[j].hash == entries[i].hash; ++j) {
      const double norm = std::sqrt(squares[entries[j].text]);
      postings_.push_back({entries[j].text, entries[j].weight / static_cast<float>(norm)});
    }
    list.end = static_cast<std::uint32_t>(j);
    i = j;
  }
}

void GramIndex::scores(const Grams& query, std::span<float> out) const {
  SWY_ASSERT(out.size() == size_);
  std::fill(out.begin(), out.end(), 0.0F);
  double squares = 0;
  for (const Gram& g : query.all()) {
    const auto found = lists_.find(g.hash);
    const float idf = found == lists_.end() ? unseen_idf_ : found->second.idf;
    const float x = tf(g.count) * idf;
    squares += static_cast<double>(x) * static_cast<double>(x);
    if (found == lists_.end()) continue;
    for (std::uint32_t p = found->second.begin; p < found->second.end; ++p) {
      out[postings_[p].text] += x * postings_[p].weight;
    }
  }
  if (squares == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& v : out) v *= scale;
}

std::size_t GramIndex::memory_bytes() const {
  return postings_.size() * sizeof(Posting) + lists_.size() * (sizeof(List) + 3 * sizeof(void*));
}

std::vector<std::uint32_t> top_scores(std::span<const float> scores, std::size_t count) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::uint32_t a, std::uint32_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  order.resize(count);
  return order;
}

}  // namespace swy::embed
