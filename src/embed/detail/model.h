// The weights of an encoder, packed once, and the forward pass. Private to src/embed.
//
// Threading: a Model is immutable. Ownership: owns its weights; nothing of the files is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "embed/detail/spec.h"
#include "embed/encoder.h"
#include "embed/safetensors.h"
#include "math/buffer.h"
#include "math/kernels.h"
#include "math/packed.h"
#include "text/tokenizer.h"

namespace swy::embed {

struct Workspace::Impl {
  math::Buffer<float> x;         // states, one row per token
  math::Buffer<float> qkv;       // queries, keys, values
  math::Buffer<float> mixed;     // what attention gives
  math::Buffer<float> wide;      // one block of the feed-forward layer
  math::Buffer<float> normed;    // one block or all rows after a norm
  math::Buffer<float> scratch;   // attention's own
  math::Buffer<float> bias;      // MPNet's relative positions, one matrix per head
  math::Buffer<std::uint8_t> q;  // a block of rows in bytes
  math::Buffer<float> q_scale;
  math::Buffer<float> rest;  // a row without the inputs that stay floats
  math::Buffer<float> kept;  // those inputs of a block of rows
  // Where find_outliers is at work: the largest input so far, per dense layer and input.
  std::map<const void*, std::vector<float>>* largest = nullptr;
  math::Buffer<std::int32_t> q_zero;
  std::vector<text::Encoding> encodings;
  std::vector<Sequence> sequences;
  std::vector<std::uint32_t> window;
  Matrix states;
};

namespace detail {

// y = x W^T + b in the precision chosen at load.
struct Linear {
  math::PackedF32 full;
  math::PackedI8 bytes;
  bool int8 = false;
  std::vector<float> bias;  // empty: none
  [[nodiscard]] std::size_t n() const { return int8 ? bytes.n() : full.n(); }
  [[nodiscard]] std::size_t memory() const {
    return full.bytes() + bytes.bytes() + bias.size() * sizeof(float);
  }
};

struct Norm {
  std::vector<float> gamma;
  std::vector<float> beta;  // empty: none
};

// A table of rows, floats or bytes with a scale per row.
struct Table {
  std::size_t width = 0;
  std::vector<float> full;
  std::vector<std::int8_t> bytes;
  std::vector<float> scale;
  void copy_row(const math::Kernels& k, std::size_t row, float* out) const;
  [[nodiscard]] std::size_t memory() const {
    return full.size() * sizeof(float) + bytes.size() + scale.size() * sizeof(float);
  }
};

struct Layer {
  Linear qkv, out, up, down;
  Norm before_attention;  // ModernBERT only; empty in its first layer
  Norm attention, feed;   // after (BERT) or before the feed-forward layer (ModernBERT: feed)
  bool global = true;
};

struct Rope {
  std::vector<float> cos, sin;  // positions x dim / 2
};

struct Model {
  Spec spec;
  const math::Kernels* kernels = nullptr;
  bool int8 = false;
  Table words;
  std::vector<float> positions;  // rows of hidden, offset already taken off
  std::vector<float> types;
  Norm embedded;
  std::vector<Layer> layers;
  Norm last;  // ModernBERT
  Rope rope_global, rope_local;
  std::vector<float> buckets;  // MPNet: buckets x heads
  // Head: classifier(act(dense(x)) or norm(act(dense(x)))).
  Linear dense;  // n() is 0 when there is none
  math::Activation dense_activation = math::Activation::kTanh;
  Norm head_norm;
  Linear classifier;
  [[nodiscard]] std::size_t memory() const;
};

// For every dense layer of a model, in order of evaluation, the inputs to keep in full precision.
using Keeps = std::vector<std::vector<std::uint32_t>>;

// Errors name the file and the tensor. With `keeps` dense layers are bytes, without floats.
Result<Model> load_model(const Spec& spec, const Safetensors& file, const math::Kernels& kernels,
                         const Keeps* keeps);

// Runs a few sequences of random tokens through a model in full precision and finds each layer's
// largest inputs (outliers.cc).
Keeps find_outliers(const Model& full);

// c = act(a W^T + b) + residual for m rows; c may be residual.
struct Rows {
  const float* a = nullptr;
  std::size_t lda = 0;
  float* c = nullptr;
  std::size_t m = 0;
  const float* residual = nullptr;
  math::Activation activation = math::Activation::kNone;
};
void apply(const math::Kernels& k, const Linear& linear, const Rows& rows, Workspace::Impl& ws);

// The last layer's states of all tokens, row after row, in ws.x.
// REQUIRES: ids inside the vocabulary, lengths at most spec.positions.
void forward(const Model& model, std::span<const Sequence> sequences, Workspace::Impl& ws);

void norm_rows(const math::Kernels& k, const Norm& norm, float eps, std::size_t rows,
               const float* x, float* y);

}  // namespace detail
}  // namespace swy::embed
