// StaticEmbedding: load, compute, save.
//
// File: tensor "embeddings", I8 [rows, dims] with "scales" F32 or F16 [rows], or F32 / F16 / BF16
// alone; optional "weights" [rows] (a factor per row, folded into the scales at load); optional
// "mapping" U16, I32 or I64 [tokens]: the row of each token id (65,535 or -1: none); without it
// token i has row i. Cost of a text: one scaled addition of a row per token; random rows of a table
// larger than the cache, so memory latency counts as much as arithmetic. Loses to an encoder on
// everything that word order decides. Checked by static_embedding_test.cc.
#include "embed/static_embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/hash.h"
#include "embed/detail/spec.h"
#include "embed/detail/static_impl.h"
#include "embed/safetensors.h"

namespace swy::embed {

using detail::kNoRow;

struct StaticScratch::Impl {
  text::Encoding encoding;
};

StaticScratch::StaticScratch() : impl(std::make_unique<Impl>()) {}
StaticScratch::~StaticScratch() = default;
StaticScratch::StaticScratch(StaticScratch&&) noexcept = default;
StaticScratch& StaticScratch::operator=(StaticScratch&&) noexcept = default;

namespace {

using Impl = StaticEmbedding::Impl;

Error bad(const Safetensors& file, std::string_view tensor, std::string_view why) {
  return {ErrorCode::kInvalidArgument, fmt::format("{}: tensor '{}' {}", file.name(), tensor, why)};
}

template <typename T>
std::int64_t read_as(const std::byte* p, std::size_t i) {
  T v;
  std::memcpy(&v, p + i * sizeof v, sizeof v);
  return static_cast<std::int64_t>(v);
}

Status read_mapping(const Safetensors& file, Impl& s) {
  const Tensor* t = file.find("mapping");
  if (t == nullptr) {
    s.rows_of.resize(s.rows);
    for (std::size_t i = 0; i < s.rows; ++i) s.rows_of[i] = static_cast<std::uint32_t>(i);
    return {};
  }
  s.rows_of.resize(t->count);
  for (std::size_t i = 0; i < t->count; ++i) {
    std::int64_t row = -1;
    if (t->dtype == Dtype::kU16) {
      row = read_as<std::uint16_t>(t->bytes.data(), i);
      if (row == 65'535) row = -1;
    } else if (t->dtype == Dtype::kI32) {
      row = read_as<std::int32_t>(t->bytes.data(), i);
    } else if (t->dtype == Dtype::kI64) {
      row = read_as<std::int64_t>(t->bytes.data(), i);
    } else {
      return tl::unexpected(bad(file, "mapping", "is not U16, I32 or I64"));
    }
    if (row >= static_cast<std::int64_t>(s.rows)) {
      return tl::unexpected(bad(file, "mapping", "names a row that does not exist"));
    }
    s.rows_of[i] = row < 0 ? kNoRow : static_cast<std::uint32_t>(row);
  }
  return {};
}

Status read_table(const Safetensors& file, Impl& s) {
  const Tensor* t = file.find("embeddings");
  if (t == nullptr) {
    return fail(ErrorCode::kNotFound, file.name() + ": no tensor 'embeddings'");
  }
  if (t->shape.size() != 2 || t->count == 0 || t->shape[1] > 65'536) {
    return tl::unexpected(bad(file, "embeddings", "is not rows x dims"));
  }
  s.rows = t->shape[0];
  s.dims = t->shape[1];
  const std::array<std::size_t, 1> per_row{s.rows};
  if (t->dtype == Dtype::kI8) {
    s.bytes.resize(t->count);
    std::memcpy(s.bytes.data(), t->bytes.data(), t->count);
    SWY_TRY(s.scale, file.floats("scales", per_row));
  } else {
    SWY_TRY(s.full, file.floats("embeddings", t->shape));
    s.scale.assign(s.rows, 1.0F);
  }
  if (file.find("weights") != nullptr) {
    SWY_TRY(const auto weights, file.floats("weights", per_row));
    for (std::size_t i = 0; i < s.rows; ++i) s.scale[i] *= weights[i];
  }
  return read_mapping(file, s);
}

}  // namespace

namespace detail {

Result<std::vector<TokenizerFile>> read_tokenizer_files(const std::string& folder) {
  std::vector<TokenizerFile> files;
  auto vocabulary = read_text_file(folder + "/vocab.txt");
  if (vocabulary) {
    files.push_back({"vocab.txt", std::move(*vocabulary)});
    SWY_TRY(std::string config, read_text_file(folder + "/tokenizer_config.json"));
    files.push_back({"tokenizer_config.json", std::move(config)});
    return files;
  }
  SWY_TRY(std::string json, read_text_file(folder + "/tokenizer.json"));
  files.push_back({"tokenizer.json", std::move(json)});
  return files;
}

}  // namespace detail

StaticEmbedding::StaticEmbedding(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StaticEmbedding::StaticEmbedding(StaticEmbedding&&) noexcept = default;
StaticEmbedding& StaticEmbedding::operator=(StaticEmbedding&&) noexcept = default;
StaticEmbedding::~StaticEmbedding() = default;

Result<StaticEmbedding> StaticEmbedding::load(const std::string& folder,
                                              const StaticOptions& options) {
  auto s = std::make_unique<Impl>();
  s->kernels =
      options.kernels.empty() ? &math::best_kernels() : math::find_kernels(options.kernels);
  if (s->kernels == nullptr) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("kernels '{}' do not exist or do not run on this CPU", options.kernels));
  }
  s->max_tokens = options.max_tokens;
  SWY_TRY(const Safetensors file, Safetensors::open(folder + "/model.safetensors"));
  SWY_DO(read_table(file, *s));
  SWY_TRY(s->tokenizer, text::Tokenizer::load(folder));
  SWY_TRY(s->tokenizer_files, detail::read_tokenizer_files(folder));
  if (s->tokenizer->size() > s->rows_of.size()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the tokenizer has {} tokens, the table knows {}", folder,
                            s->tokenizer->size(), s->rows_of.size()));
  }
  s->content_hash = base::hex64(
      base::hash64({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}));
  return StaticEmbedding(std::move(s));
}

Status StaticEmbedding::save(const std::string& folder) const {
  const Impl& s = *impl_;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("{}: {}", folder, error.message()));
  std::vector<std::int8_t> bytes = s.bytes;
  std::vector<float> scale = s.scale;
  if (bytes.empty()) {
    bytes.resize(s.rows * s.dims);
    for (std::size_t i = 0; i < s.rows; ++i) {
      const auto row = std::span(s.full).subspan(i * s.dims, s.dims);
      scale[i] *= math::quantize_row(row, bytes.data() + i * s.dims);
    }
  }
  std::vector<std::int32_t> mapping(s.rows_of.size());
  for (std::size_t i = 0; i < mapping.size(); ++i) {
    mapping[i] = s.rows_of[i] == kNoRow ? -1 : static_cast<std::int32_t>(s.rows_of[i]);
  }
  const std::vector<Tensor> tensors = {
      {"embeddings", Dtype::kI8, {s.rows, s.dims}, bytes.size(), std::as_bytes(std::span(bytes))},
      {"scales", Dtype::kF32, {s.rows}, s.rows, std::as_bytes(std::span(scale))},
      {"mapping",
       Dtype::kI32,
       {mapping.size()},
       mapping.size(),
       std::as_bytes(std::span(mapping))}};
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"kind", "switchyard static embedding"}, {"version", "1"}, {"source", s.source}};
  for (const auto& [name, text] : s.tokenizer_files) {
    const std::string path = folder + "/" + name;
    std::FILE* f = std::fopen(path.c_str(), "wbe");
    const bool written =
        f != nullptr && (text.empty() || std::fwrite(text.data(), text.size(), 1, f) == 1);
    if ((f != nullptr && std::fclose(f) != 0) || !written) {
      return fail(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
    }
  }
  return write_safetensors(folder + "/model.safetensors", tensors, metadata);
}

std::size_t StaticEmbedding::dims() const { return impl_->dims; }
std::size_t StaticEmbedding::vocabulary() const { return impl_->rows_of.size(); }
std::string_view StaticEmbedding::content_hash() const { return impl_->content_hash; }

void StaticEmbedding::embed_ids(std::span<const std::uint32_t> ids, std::span<float> out) const {
  const Impl& s = *impl_;
  SWY_ASSERT(out.size() == s.dims);
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // Rows are random places in a large table: fetch some ahead.
    if (i + 8 < ids.size() && ids[i + 8] < s.rows_of.size() && s.rows_of[ids[i + 8]] != kNoRow) {
      s.prefetch(s.rows_of[ids[i + 8]]);
    }
    if (ids[i] >= s.rows_of.size() || s.rows_of[ids[i]] == kNoRow) continue;
    const std::size_t row = s.rows_of[ids[i]];
    if (s.full.empty()) {
      s.kernels->axpy_i8(s.scale[row], s.bytes.data() + row * s.dims, s.dims, out.data());
    } else {
      s.kernels->axpy(s.scale[row], s.full.data() + row * s.dims, s.dims, out.data());
    }
  }
  math::l2_normalize(*s.kernels, out);
}

void StaticEmbedding::embed(std::string_view text, StaticScratch& scratch,
                            std::span<float> out) const {
  text::EncodeOptions options;
  options.add_special = false;
  options.max_tokens = impl_->max_tokens;
  impl_->tokenizer->encode(text, options, scratch.impl->encoding);
  embed_ids(scratch.impl->encoding.ids, out);
}

void StaticEmbedding::embed(std::span<const std::string_view> texts, StaticScratch& scratch,
                            math::Matrix& out) const {
  out.reset(texts.size(), dims());
  for (std::size_t i = 0; i < texts.size(); ++i) embed(texts[i], scratch, out.row(i));
}

}  // namespace swy::embed
