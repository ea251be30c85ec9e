// Prototype and contrastive heads over embeddings: from some 20 examples on.
//
// When to use: an operator's own labels with few examples; with hundreds a label logistic.h wins.
// Threading: pure. Ownership: results are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace swy::learn {

struct Prototypes {
  std::size_t width = 0;          // of a prototype: dims, or projected
  std::size_t projected = 0;      // 0: no projection
  std::vector<float> projection;  // projected x dims
  std::vector<float> weights;     // labels x width: unit centroids over kPrototypeTemperature
};

inline constexpr float kPrototypeTemperature = 0.1F;

// What learns: rows of unit embeddings (n x dims) and one label each, below `labels`.
struct EmbeddedRows {
  std::span<const float> embeddings;
  std::size_t dims = 0;
  std::span<const std::uint32_t> labels;
  std::size_t label_count = 0;
};

struct ContrastiveOptions {
  std::size_t projected = 128;  // at most dims
  double keep = 0.1;            // weight of staying near the starting projection
  int max_iterations = 40;
  std::uint64_t seed = 1;
};

Prototypes fit_prototypes(const EmbeddedRows& rows);
Prototypes fit_contrastive(const EmbeddedRows& rows, const ContrastiveOptions& options,
                           const std::function<void()>& on_step = {});

}  // namespace swy::learn
