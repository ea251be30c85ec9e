// Embeddings of whole example sets, for training and measuring.
//
// When to use: before train_head. Threading: one core. Ownership: the result owns its rows; view()
// borrows from it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learn/train_head.h"
#include "switchyard/result.h"

namespace swy::learn {

struct EmbeddedTexts {
  std::size_t dims = 0;
  std::vector<float> rows;
  std::string hash, name;
  double median_us = 0;  // of one text on its own
  std::size_t memory_bytes = 0;

  [[nodiscard]] Embedded view() const { return {dims, rows, hash, name}; }
};

// Turns texts into rows of `dims` floats.
class TextEmbedder {
 public:
  virtual ~TextEmbedder() = default;
  [[nodiscard]] virtual Result<EmbeddedTexts> embed(std::span<const std::string_view> texts,
                                                    const OnProgress& on_progress) = 0;
};

// A folder with a static embedding (embed/static_embedding.h) or an encoder (embed/encoder.h).
// An encoder's texts that were embedded before by the same object are not computed again; their
// times are still taken.
std::unique_ptr<TextEmbedder> shipped_static_embedder();  // the one inside the program
Result<std::unique_ptr<TextEmbedder>> load_static_embedder(const std::string& folder);
Result<std::unique_ptr<TextEmbedder>> load_encoder_embedder(const std::string& folder);

std::vector<std::string_view> texts_of(const Examples& examples);

}  // namespace swy::learn
