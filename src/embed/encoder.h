// Encoder: transformer encoders of the BERT family on the CPU, straight from a Hugging Face folder.
//
// When to use: sentence embeddings (MiniLM, BGE, E5, GTE), sequence classification, token
// classification and cross-encoders (rerankers) for BERT, RoBERTa / XLM-R, DistilBERT, MPNet and
// ModernBERT (mmBERT) checkpoints: config.json, model.safetensors, tokenizer.json or vocab.txt, and
// modules.json with 1_Pooling/config.json where the folder is a sentence encoder. Microseconds
// instead of milliseconds, less quality: static_embedding.h. Across requests:
// gateway/understanding.h.
//
// Threading: an Encoder is immutable; any number of threads may call it at once, each with its own
// Workspace. Ownership: weights are packed once at load and the file is closed again; the Workspace
// is the caller's and grows to what the largest call needed, after which no call allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

using math::Matrix;

enum class Precision : std::uint8_t { kF32, kInt8 };
enum class Pooling : std::uint8_t { kMean, kCls, kMax };
enum class Head : std::uint8_t { kNone, kSequence, kToken };

struct EncoderOptions {
  Precision precision = Precision::kInt8;
  std::size_t max_tokens = 0;      // a longer text is cut; 0 takes what the folder says
  bool at_most = false;            // a model with fewer positions than max_tokens takes its own
  std::string kernels;             // "avx512", "avx2", "scalar"; "" takes math::best_kernels()
  std::optional<Pooling> pooling;  // unset takes what the folder says, else mean
  std::optional<bool> normalize;   // unset takes what the folder says, else true
};

struct EncoderInfo {
  std::string folder;
  std::string architecture;  // "bert", "roberta", "distilbert", "mpnet", "modernbert"
  std::size_t hidden = 0;    // width of an embedding
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t vocabulary = 0;
  std::size_t max_tokens = 0;
  Precision precision = Precision::kInt8;
  Pooling pooling = Pooling::kMean;
  bool normalize = true;
  Head head = Head::kNone;
  std::vector<std::string> labels;  // of the head, "LABEL_0" where the folder names none
  std::string kernels;
  std::string content_hash;      // 16 hex digits over the weight file's bytes
  std::size_t weight_bytes = 0;  // memory the weights take in this process
};

// Token ids as the model wants them, special tokens included. types may be empty (all 0).
struct Sequence {
  std::span<const std::uint32_t> ids;
  std::span<const std::uint8_t> types;
};

struct TextPair {
  std::string_view first;
  std::string_view second;
};

// One row of logits per token that stands for text (special tokens left out).
struct TokenLogits {
  struct Range {
    std::uint32_t begin = 0;  // bytes in the text
    std::uint32_t end = 0;
  };
  std::vector<Range> tokens;
  Matrix logits;           // tokens.size() x labels
  bool truncated = false;  // the text went on
};

// Scratch memory of one caller. Not thread-safe.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  struct Impl;  // private to src/embed
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class Encoder {
 public:
  using Options = EncoderOptions;
  // Errors name the file and, where one is at fault, the tensor. Whatever loads can be served:
  // later calls fail only where they say so.
  static Result<std::shared_ptr<const Encoder>> load(const std::string& folder,
                                                     const Options& options = {});
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  [[nodiscard]] const EncoderInfo& info() const;
  [[nodiscard]] const text::Tokenizer& tokenizer() const;  // of the folder; makes ids for *_ids

  // One pooled row per text, texts.size() x hidden. An empty text is its special tokens.
  void embed(std::span<const std::string_view> texts, Workspace& ws, Matrix& out) const;
  // The sequence head's logits, texts.size() x labels. kUnsupported without such a head.
  Status classify(std::span<const std::string_view> texts, Workspace& ws, Matrix& logits) const;
  // The same for pairs (cross-encoder; one label is a relevance score). The longer side is cut.
  Status score_pairs(std::span<const TextPair> pairs, Workspace& ws, Matrix& logits) const;
  // The token head's logits with byte ranges. kUnsupported without such a head. A text beyond
  // max_tokens is read in overlapping windows, at most 64 of them; `truncated` says if that was
  // not enough.
  Status tag(std::string_view text, Workspace& ws, TokenLogits& out) const;

  // The same with ids instead of text. kInvalidArgument for an id outside the vocabulary, an empty
  // sequence or one longer than max_tokens.
  Status embed_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& out) const;
  Status classify_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& logits) const;
  // One row per token of all sequences, in order: of the token head, or of the last layer.
  Status tag_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& logits) const;
  Status states_ids(std::span<const Sequence> sequences, Workspace& ws, Matrix& states) const;

  struct Impl;  // private to src/embed
  explicit Encoder(std::unique_ptr<Impl> impl);
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace swy::embed
