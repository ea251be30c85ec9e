// What a StaticEmbedding consists of, for load, save and distil. Private to src/embed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "embed/static_embedding.h"
#include "math/kernels.h"
#include "math/packed.h"
#include "text/tokenizer.h"

namespace swy::embed {

namespace detail {

inline constexpr std::uint32_t kNoRow = UINT32_MAX;

struct TokenizerFile {
  std::string name, text;
};
// The files a tokenizer is made of: the small vocab.txt form where a folder has it.
Result<std::vector<TokenizerFile>> read_tokenizer_files(const std::string& folder);

}  // namespace detail

struct StaticEmbedding::Impl {
  const math::Kernels* kernels = nullptr;
  std::size_t rows = 0;
  std::size_t dims = 0;
  std::vector<float> full;             // either this
  std::vector<std::int8_t> bytes;      // or this, rows x dims
  std::vector<float> scale;            // per row, token weights folded in
  std::vector<std::uint32_t> rows_of;  // token id -> row
  std::size_t max_tokens = 512;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::vector<detail::TokenizerFile> tokenizer_files;
  std::string content_hash;
  std::string source;  // what it was distilled from

  void prefetch(std::size_t row) const {
    if (full.empty()) {
      const std::int8_t* p = bytes.data() + row * dims;
      for (std::size_t i = 0; i < dims; i += 64) __builtin_prefetch(p + i);
    } else {
      __builtin_prefetch(full.data() + row * dims);
    }
  }
};

}  // namespace swy::embed
