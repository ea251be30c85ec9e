// transformer: a sentence encoder of the BERT family, read from a Hugging Face folder.
//
// What: the encoder's pooled vector of a text (embed/encoder.h), computed on the driver's compute
// pool within the rule's deadline. Cost: milliseconds a text (docs/guide/benchmarks.md). Two
// configurations in force at once, or two entries with equal options, share one copy of the
// weights (detail/checkpoints.h). When it loses: texts beyond max_tokens are cut at their end.
// Source: BERT (Devlin et al. 2019); sentence encoders (Reimers and Gurevych 2019). Test:
// encoder_test.cc.
#include "embed/encoder.h"
#include "route/detail/checkpoints.h"
#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::string path;
  std::string precision = "int8";
  std::int64_t max_tokens = 256;
  void bind(base::OptionBinder& b) {
    b.field("path", path, "model:NAME of the model store, or a folder; required");
    b.field("precision", precision, "int8 or fp32");
    b.field("max_tokens", max_tokens, {8, 8192},
            "a longer text is cut; the default gives way to a smaller model");
  }
};

constexpr std::array<plugin::Named<embed::Precision>, 2> kPrecisions = {
    {{"int8", embed::Precision::kInt8}, {"fp32", embed::Precision::kF32}}};

class Transformer final : public Encoder {
 public:
  explicit Transformer(Checkpoint encoder) : encoder_(std::move(encoder)) {}
  [[nodiscard]] std::size_t dims() const override { return encoder_->info().hidden; }
  [[nodiscard]] const std::string& content_hash() const override {
    return encoder_->info().content_hash;
  }
  [[nodiscard]] bool immediate() const override { return false; }
  Status encode(std::span<const std::string_view> texts, std::span<float> out) const override {
    thread_local embed::Workspace workspace;
    thread_local math::Matrix rows;
    encoder_->embed(texts, workspace, rows);
    std::copy(rows.all().begin(), rows.all().end(), out.begin());
    return {};
  }

 private:
  Checkpoint encoder_;
};

}  // namespace

std::unique_ptr<Encoder> make_transformer(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto precision = plugin::choose(ctx, node, "precision", o.precision, kPrecisions);
  if (o.path.empty()) ctx.diag().error(node.mark(), "transformer needs a folder: give path");
  if (!precision || o.path.empty()) return nullptr;
  embed::EncoderOptions options;
  options.precision = *precision;
  options.max_tokens = static_cast<std::size_t>(o.max_tokens);
  options.at_most =
      node.is_map() && node.find("max_tokens") == nullptr;  // the default is no demand
  auto loaded = load_checkpoint(o.path, ctx.directory(), options);
  if (!loaded) {
    ctx.diag().error(plugin::mark_of(node, "path"), loaded.error().message);
    return nullptr;
  }
  return std::make_unique<Transformer>(std::move(*loaded));
}

}  // namespace swy::route
