// Sketch: a text as a sparse vector of hashed words and word pairs, for nearest-neighbour search
// and similarity.
//
// When to use: comparing prompts without a model: kNN routing, near-duplicate detection. The vector
// holds weights before idf; an index that knows the collection multiplies each weight by the idf of
// its feature and normalises again. Threading: a Sketch is a value; sketch_into writes only `out`.
// Ownership: a Sketch owns its features. sketch_into reuses out's memory: no allocation once it has
// seen a text as long.
//
// Features: words (utf8.h; folded, every digit read as 0, every CJK character a word) and pairs of
// neighbouring words, hashed to 18 bits. Only the first kMaxSketchWords words are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::text {

inline constexpr std::uint32_t kSketchBuckets = 1U << 18U;
inline constexpr std::size_t kMaxSketchWords = 8192;

struct Feature {
  std::uint32_t id = 0;  // below kSketchBuckets
  float weight = 0;
  friend bool operator==(const Feature&, const Feature&) = default;
};

struct SketchOptions {
  std::size_t max_features =
      512;  // at least 1; the most frequent are kept, of equally frequent ones the lower ids
};

class Sketch {
 public:
  // Ascending by id; weight = (1 + ln tf) / norm(), so the squares sum to one.
  [[nodiscard]] std::span<const Feature> features() const { return features_; }
  [[nodiscard]] bool empty() const { return features_.empty(); }
  // How often features()[i] occurred. REQUIRES: i < features().size().
  [[nodiscard]] std::uint32_t term_frequency(std::size_t i) const { return counts_[i]; }
  [[nodiscard]] float norm() const { return norm_; }  // 0 for an empty sketch

  // Compact text: base64 of a version byte, the number of features, and for each the id's distance
  // from the one before and its term frequency, as LEB128 numbers. parse(to_text()) == *this,
  // weights included.
  [[nodiscard]] std::string to_text() const;
  static Result<Sketch> parse(std::string_view text);

  friend bool operator==(const Sketch&, const Sketch&) = default;

 private:
  friend void sketch_into(std::string_view, Sketch&, SketchOptions);
  void weigh();  // features_ and norm_ from counts_ and the ids

  std::vector<Feature> features_;
  std::vector<std::uint32_t> counts_;
  float norm_ = 0;
};

void sketch_into(std::string_view text, Sketch& out, SketchOptions options = {});
Sketch make_sketch(std::string_view text, SketchOptions options = {});

// Cosine of the angle between the two, 0..1; 0 if one is empty.
double cosine(std::span<const Feature> a, std::span<const Feature> b);
inline double cosine(const Sketch& a, const Sketch& b) {
  return cosine(a.features(), b.features());
}

}  // namespace swy::text
