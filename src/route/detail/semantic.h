// What the signals over encodings share: which encoder, the vectors of configured texts, and how a
// similarity becomes a probability.
//
// When to use: inside signal files of this module only. Threading: built while the configuration is
// read, immutable afterwards. Ownership: owns its vectors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/detail/plugin.h"

namespace swy::route::semantic {

// Texts and their vectors, in groups.
struct Example {
  std::string text;
  std::uint32_t group = 0;
};

class Examples {
 public:
  // nullopt: an error was reported at `mark`. Encodes all texts in one batch.
  static std::optional<Examples> encode(BuildContext& ctx, std::string_view encoder,
                                        std::vector<std::string> groups,
                                        std::vector<Example> examples, base::Mark mark);

  [[nodiscard]] EncodingKey key(chat::Scope scope) const { return {encoder_, scope}; }
  [[nodiscard]] const std::vector<std::string>& groups() const { return groups_; }
  [[nodiscard]] const std::vector<Example>& all() const { return examples_; }
  // Cosines of `vector` with every example. REQUIRES: dims() values of norm 1 or 0.
  void similarities(std::span<const float> vector, std::vector<float>& out) const;

 private:
  std::uint16_t encoder_ = 0;
  std::size_t dims_ = 0;
  std::vector<std::string> groups_;
  std::vector<Example> examples_;
  std::vector<float> vectors_;  // examples_.size() x dims_
};

// Reads `node`: a list of texts (one group, named ""), or a map of group: list of texts or one
// text. nullopt: an error was reported.
struct Grouped {
  std::vector<std::string> groups;
  std::vector<Example> examples;
};
std::optional<Grouped> read_examples(BuildContext& ctx, const base::Doc& owner,
                                     const base::Doc* node, std::string_view key);

// P(match | similarity s) = 1 / (1 + exp(-slope (s - threshold))): 1/2 at the threshold.
double match_probability(double similarity, double threshold, double slope);

// The fact of a signal whose encoding there is not: unknown, and why.
Fact not_ready(const Encoding& encoding);

float cosine(std::span<const float> a, std::span<const float> b);  // of vectors of norm 1

}  // namespace swy::route::semantic
