// GramIndex: which of some thousand short texts (tools, routes, articles) is a request about?
// Cosine of idf-weighted grams; no model, no training.
//
// When to use: tool relevance, alone or added to the cosine of embeddings. Threading: immutable
// after construction; scores() writes only `out`. Ownership: owns its lists, not the texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "embed/grams.h"

namespace swy::embed {

class GramIndex {
 public:
  explicit GramIndex(std::span<const std::string_view> texts);
  [[nodiscard]] std::size_t size() const { return size_; }
  // Cosine with every text, 0..1. REQUIRES: out.size() == size().
  void scores(const Grams& query, std::span<float> out) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Posting {
    std::uint32_t text = 0;
    float weight = 0;  // share of a unit vector
  };
  struct List {
    std::uint32_t begin = 0, end = 0;
    float idf = 0;
  };
  std::size_t size_ = 0;
  float unseen_idf_ = 0;
  std::unordered_map<std::uint32_t, List> lists_;  // by gram hash
  std::vector<Posting> postings_;
};

// The `count` highest of scores, best first, ties to the lower index.
std::vector<std::uint32_t> top_scores(std::span<const float> scores, std::size_t count);

}  // namespace swy::embed
