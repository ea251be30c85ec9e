// StaticEmbedding: the mean of per-token vectors, normalised. No network: microseconds a text.
//
// When to use: semantic evidence on every request (similarity to examples, features for linear
// heads). More quality, milliseconds: encoder.h. Files: one folder with model.safetensors (table
// and token weights) and vocab.txt or tokenizer.json; docs/reference/encoders.md describes them.
//
// Formula: e(text) = n(sum over tokens t of w_t * v_t), n(x) = x / |x|; w_t is folded into the
// table's row scale at load, so a token costs one scaled addition of a row. A text without a known
// token is the zero vector. (Mean and sum are the same after normalising.)
//
// Threading: immutable; a StaticScratch belongs to one caller. Ownership: owns its table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "math/matrix.h"
#include "switchyard/result.h"

namespace swy::text {
class Tokenizer;
}

namespace swy::embed {

class Encoder;

// Memory that a call needs and the next one reuses. Not thread-safe.
struct StaticScratch {
  struct Impl;
  StaticScratch();
  ~StaticScratch();
  StaticScratch(StaticScratch&&) noexcept;
  StaticScratch& operator=(StaticScratch&&) noexcept;
  std::unique_ptr<Impl> impl;
};

struct StaticOptions {
  std::size_t max_tokens = 512;  // later tokens are left out
  std::string kernels;           // as in EncoderOptions
};

struct DistilOptions {
  std::size_t dims = 256;
  double sif = 1e-3;  // a in w_t = a / (a + p_t) (Arora et al. 2017); p_t by Zipf's law or `counts`
  std::span<const std::uint64_t>
      counts;  // by token id, from a corpus; empty takes Zipf by id order
};

class StaticEmbedding {
 public:
  StaticEmbedding(StaticEmbedding&&) noexcept;
  StaticEmbedding& operator=(StaticEmbedding&&) noexcept;
  ~StaticEmbedding();

  // Errors name the file and the tensor.
  static Result<StaticEmbedding> load(const std::string& folder, const StaticOptions& options = {});
  // The same from memory: the bytes of model.safetensors, vocab.txt and tokenizer_config.json;
  // `name` is for messages.
  static Result<StaticEmbedding> parse(std::span<const std::byte> weights, std::string_view vocab,
                                       std::string_view config, const std::string& name,
                                       const StaticOptions& options = {});
  // Writes model.safetensors (int8 rows with a scale each) and the tokenizer's files into folder,
  // which is made if it is missing.
  [[nodiscard]] Status save(const std::string& folder) const;

  [[nodiscard]] std::size_t dims() const;
  [[nodiscard]] std::size_t vocabulary() const;
  [[nodiscard]] std::string_view content_hash() const;  // 16 hex digits over the weight file

  // out gets dims() floats of norm 1 (or all 0). REQUIRES: out.size() == dims().
  void embed(std::string_view text, StaticScratch& scratch, std::span<float> out) const;
  void embed(std::span<const std::string_view> texts, StaticScratch& scratch,
             math::Matrix& out) const;
  // The same for token ids; ids outside the table are left out.
  void embed_ids(std::span<const std::uint32_t> ids, std::span<float> out) const;

  struct Impl;
  explicit StaticEmbedding(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Every vocabulary token through the encoder on its own, mean-pooled; principal components to
// options.dims; rows weighted by inverse frequency (Minish Lab's model2vec). Takes minutes for a
// MiniLM. Fails (kUnsupported) for tokenizers other than WordPiece.
Result<StaticEmbedding> distil(const Encoder& encoder, const DistilOptions& options = {});

}  // namespace swy::embed
