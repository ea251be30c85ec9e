// static_embedding: the weighted mean of per-token vectors; no network, microseconds a text.
//
// What: embed/static_embedding.h as an encoder that decide() asks in passing. Without a path it is
// the English one that comes with the program (docs/reference/encoders.md). Cost: about 0.15 us a
// token. When it loses: word order, negation, other languages than its vocabulary's. Source:
// model2vec (Minish Lab 2024), SIF weights (Arora et al. 2017). Test: encoder_test.cc.
#include "embed/builtin.h"
#include "embed/model_store.h"
#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::string path;
  void bind(base::OptionBinder& b) {
    b.field("path", path,
            "model:NAME of the model store, or a folder; empty: the one that is built in");
  }
};

class Static final : public Encoder {
 public:
  explicit Static(std::shared_ptr<const embed::StaticEmbedding> table)
      : table_(std::move(table)), hash_(table_->content_hash()) {}
  [[nodiscard]] std::size_t dims() const override { return table_->dims(); }
  [[nodiscard]] const std::string& content_hash() const override { return hash_; }
  [[nodiscard]] bool immediate() const override { return true; }
  Status encode(std::span<const std::string_view> texts, std::span<float> out) const override {
    thread_local embed::StaticScratch scratch;
    for (std::size_t i = 0; i < texts.size(); ++i)
      table_->embed(texts[i], scratch, out.subspan(i * dims(), dims()));
    return {};
  }

 private:
  std::shared_ptr<const embed::StaticEmbedding> table_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<Encoder> make_static_embedding(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.path.empty()) return std::make_unique<Static>(embed::builtin_static());
  const auto folder = embed::resolve_model_path(o.path, ctx.directory());
  if (!folder) {
    ctx.diag().error(plugin::mark_of(node, "path"), folder.error().message);
    return nullptr;
  }
  auto table = embed::StaticEmbedding::load(*folder);
  if (!table) {
    ctx.diag().error(plugin::mark_of(node, "path"), table.error().message);
    return nullptr;
  }
  return std::make_unique<Static>(
      std::make_shared<const embed::StaticEmbedding>(std::move(*table)));
}

}  // namespace swy::route
