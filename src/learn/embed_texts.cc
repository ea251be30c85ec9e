// Texts through embeddings, one after another; the time of one is the median over all (at most
// kTimed are timed). Test: train_head_test.cc.
#include "learn/embed_texts.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "embed/builtin.h"
#include "embed/encoder.h"
#include "embed/static_embedding.h"
#include "switchyard/env.h"

namespace swy::learn {
namespace {

constexpr std::size_t kBatch = 16;
constexpr std::size_t kTimed = 200;

std::string file_name(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  const std::string trimmed = path.substr(0, end == std::string::npos ? 0 : end + 1);
  const std::size_t slash = trimmed.find_last_of('/');
  const std::string name = trimmed.substr(slash + 1);  // npos + 1: all of it
  // A folder that is called like every other says less than the one that holds it.
  const bool says_nothing = name == "model" || name == "." || name == "onnx";
  return says_nothing && slash != std::string::npos ? file_name(trimmed.substr(0, slash)) : name;
}

// Median microseconds of `one` over texts spread evenly.
template <typename One>
double time_of_one(std::span<const std::string_view> texts, const One& one) {
  std::vector<double> us;
  const std::size_t n = std::min(kTimed, texts.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::string_view text = texts[i * texts.size() / n];
    if (text.empty()) continue;
    const std::int64_t start = system_clock().mono_ns();
    one(text);
    us.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
  }
  if (us.empty()) return 0;
  const auto middle = us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2);
  std::nth_element(us.begin(), middle, us.end());
  return *middle;
}

class StaticEmbedder final : public TextEmbedder {
 public:
  StaticEmbedder(std::shared_ptr<const embed::StaticEmbedding> embedding, std::string name)
      : embedding_(std::move(embedding)), name_(std::move(name)) {}

  Result<EmbeddedTexts> embed(std::span<const std::string_view> texts,
                              const OnProgress& on_progress) override {
    const std::size_t dims = embedding_->dims();
    EmbeddedTexts out{dims, {}, std::string(embedding_->content_hash()), name_, 0, 0};
    out.memory_bytes = embedding_->vocabulary() * (dims + sizeof(float));  // int8 rows with a scale
    out.rows.resize(texts.size() * dims);
    std::vector<float> row(dims);
    out.median_us =
        time_of_one(texts, [&](std::string_view text) { embedding_->embed(text, scratch_, row); });
    for (std::size_t i = 0; i < texts.size(); ++i) {
      embedding_->embed(texts[i], scratch_, std::span(out.rows).subspan(i * dims, dims));
      if (on_progress) on_progress(i + 1, texts.size());
    }
    return out;
  }

 private:
  std::shared_ptr<const embed::StaticEmbedding> embedding_;
  std::string name_;
  embed::StaticScratch scratch_;
};

class EncoderEmbedder final : public TextEmbedder {
 public:
  explicit EncoderEmbedder(std::shared_ptr<const embed::Encoder> encoder)
      : encoder_(std::move(encoder)) {}

  Result<EmbeddedTexts> embed(std::span<const std::string_view> texts,
                              const OnProgress& on_progress) override {
    const embed::EncoderInfo& info = encoder_->info();
    EmbeddedTexts out{info.hidden,      {}, info.content_hash, file_name(info.folder), 0,
                      info.weight_bytes};
    out.rows.resize(texts.size() * info.hidden);
    math::Matrix rows;
    out.median_us = time_of_one(
        texts, [&](std::string_view text) { encoder_->embed({&text, 1}, workspace_, rows); });
    std::vector<std::uint32_t> order;  // texts of a like length share a batch
    for (std::uint32_t i = 0; i < texts.size(); ++i) {
      if (texts[i].empty()) continue;
      const auto known = known_.find(base::hash64(texts[i]));
      if (known == known_.end()) {
        order.push_back(i);
      } else {
        std::copy(known->second.begin(), known->second.end(), place(out, i));
      }
    }
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return texts[a].size() != texts[b].size() ? texts[a].size() < texts[b].size() : a < b;
    });
    std::vector<std::string_view> batch;
    for (std::size_t i = 0; i < order.size(); i += kBatch) {
      const std::size_t n = std::min(kBatch, order.size() - i);
      batch.clear();
      for (std::size_t k = 0; k < n; ++k) batch.push_back(texts[order[i + k]]);
      encoder_->embed(batch, workspace_, rows);
      for (std::size_t k = 0; k < n; ++k) {
        std::copy_n(rows.row(k).begin(), out.dims, place(out, order[i + k]));
        known_.try_emplace(base::hash64(batch[k]), rows.row(k).begin(), rows.row(k).end());
      }
      if (on_progress) on_progress(i + n, order.size());
    }
    return out;
  }

 private:
  static std::vector<float>::iterator place(EmbeddedTexts& out, std::size_t row) {
    return out.rows.begin() + static_cast<std::ptrdiff_t>(row * out.dims);
  }

  std::shared_ptr<const embed::Encoder> encoder_;
  embed::Workspace workspace_;
  std::unordered_map<std::uint64_t, std::vector<float>> known_;  // by hash of the text
};

}  // namespace

std::unique_ptr<TextEmbedder> shipped_static_embedder() {
  return std::make_unique<StaticEmbedder>(embed::builtin_static(), "static-en");
}

Result<std::unique_ptr<TextEmbedder>> load_static_embedder(const std::string& folder) {
  SWY_TRY(auto embedding, embed::StaticEmbedding::load(folder));
  return std::unique_ptr<TextEmbedder>(std::make_unique<StaticEmbedder>(
      std::make_shared<const embed::StaticEmbedding>(std::move(embedding)), file_name(folder)));
}

Result<std::unique_ptr<TextEmbedder>> load_encoder_embedder(const std::string& folder) {
  // Requests are understood from their first 128 tokens: attention's cost grows with the square.
  embed::EncoderOptions options;
  options.max_tokens = 128;
  SWY_TRY(auto encoder, embed::Encoder::load(folder, options));
  return std::unique_ptr<TextEmbedder>(std::make_unique<EncoderEmbedder>(std::move(encoder)));
}

std::vector<std::string_view> texts_of(const Examples& examples) {
  std::vector<std::string_view> out;
  for (const Example& e : examples.rows) out.emplace_back(e.text);
  return out;
}

}  // namespace swy::learn
