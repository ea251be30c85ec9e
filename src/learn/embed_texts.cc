// Texts through embeddings, one after another; the time of one is the median over all (at most
// kTimed are timed). Test: train_head_test.cc.
#include "learn/embed_texts.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "embed/encoder.h"
#include "switchyard/env.h"

namespace swy::learn {
namespace {

constexpr std::size_t kBatch = 16;
constexpr std::size_t kTimed = 200;

class EncoderEmbedder final : public TextEmbedder {
 public:
  explicit EncoderEmbedder(std::shared_ptr<const embed::Encoder> encoder)
      : encoder_(std::move(encoder)) {}

  Result<EmbeddedTexts> embed(std::span<const std::string_view> texts,
                              const OnProgress& on_progress) override {
    const embed::EncoderInfo& info = encoder_->info();
    EmbeddedTexts out{info.hidden, {}, info.content_hash, info.architecture, 0, info.weight_bytes};
    out.name = info.folder.substr(info.folder.find_last_of('/') + 1);
    out.rows.resize(texts.size() * info.hidden);
    time(texts, out);
    // Texts of a like length share a batch.
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < texts.size(); ++i) {
      if (!texts[i].empty()) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return texts[a].size() < texts[b].size();
    });
    math::Matrix rows;
    std::vector<std::string_view> batch;
    for (std::size_t i = 0; i < order.size(); i += kBatch) {
      const std::size_t n = std::min(kBatch, order.size() - i);
      batch.clear();
      for (std::size_t k = 0; k < n; ++k) batch.push_back(texts[order[i + k]]);
      encoder_->embed(batch, workspace_, rows);
      for (std::size_t k = 0; k < n; ++k) {
        std::copy_n(rows.row(k).begin(), out.dims, out.rows.begin() + at(order[i + k], out.dims));
      }
      if (on_progress) on_progress(i + n, order.size());
    }
    return out;
  }

 private:
  static std::ptrdiff_t at(std::size_t row, std::size_t dims) {
    return static_cast<std::ptrdiff_t>(row * dims);
  }

  void time(std::span<const std::string_view> texts, EmbeddedTexts& out) {
    std::vector<double> us;
    math::Matrix row;
    const std::size_t n = std::min(kTimed, texts.size());
    for (std::size_t i = 0; i < n; ++i) {
      const std::string_view text = texts[i * texts.size() / n];
      if (text.empty()) continue;
      const std::int64_t start = system_clock().mono_ns();
      encoder_->embed({&text, 1}, workspace_, row);
      us.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
    }
    if (us.empty()) return;
    std::nth_element(us.begin(), us.begin() + at(us.size() / 2, 1), us.end());
    out.median_us = us[us.size() / 2];
  }

  std::shared_ptr<const embed::Encoder> encoder_;
  embed::Workspace workspace_;
};

}  // namespace

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
