// Weights by the names each family gives them, checked against the configuration and packed.
//
// Every tensor that the network reads must be there with the shape config.json implies; what else a
// file holds (position ids, language-model heads) is left alone. Checked by encoder_load_test.cc.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <initializer_list>
#include <optional>

#include "embed/detail/model.h"

namespace swy::embed::detail {
namespace {

// Names relative to the part of the file that holds the network ("", "bert.", ...); the first
// complaint is kept and later reads return empty values.
class Reader {
 public:
  Reader(const Safetensors& file, std::string prefix, bool int8)
      : file_(file), prefix_(std::move(prefix)), int8_(int8) {}

  std::vector<float> floats(const std::string& name, std::initializer_list<std::size_t> shape) {
    if (error_) return std::vector<float>(volume(shape));
    auto r = file_.floats(prefix_ + name, {shape.begin(), shape.size()});
    if (r) return std::move(*r);
    error_ = r.error();
    return std::vector<float>(volume(shape));
  }
  Linear linear(const std::string& name, std::size_t n, std::size_t k, bool bias) {
    const auto w = floats(name + ".weight", {n, k});
    return pack(w, bias ? floats(name + ".bias", {n}) : std::vector<float>{}, n, k);
  }
  // Several layers over the same input as one.
  Linear stacked(const std::string& at, std::initializer_list<std::string_view> names,
                 std::size_t n, std::size_t k) {
    std::vector<float> w;
    std::vector<float> b;
    for (const auto name : names) {
      const auto more = floats(fmt::format("{}{}.weight", at, name), {n, k});
      w.insert(w.end(), more.begin(), more.end());
      const auto more_bias = floats(fmt::format("{}{}.bias", at, name), {n});
      b.insert(b.end(), more_bias.begin(), more_bias.end());
    }
    return pack(w, b, n * names.size(), k);
  }
  Norm norm(const std::string& name, std::size_t n, bool beta) {
    // Checkpoints converted from TensorFlow say gamma and beta.
    const bool old = file_.find(prefix_ + name + ".gamma") != nullptr;
    Norm r;
    r.gamma = floats(name + (old ? ".gamma" : ".weight"), {n});
    if (beta) r.beta = floats(name + (old ? ".beta" : ".bias"), {n});
    return r;
  }
  Table table(const std::string& name, std::size_t rows, std::size_t width) {
    Table t;
    t.width = width;
    auto w = floats(name, {rows, width});
    if (!int8_) {
      t.full = std::move(w);
      return t;
    }
    t.bytes.resize(rows * width);
    t.scale.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      t.scale[i] =
          math::quantize_row(std::span(w).subspan(i * width, width), t.bytes.data() + i * width);
    }
    return t;
  }
  // The first dimension of a tensor, 0 when it is missing.
  [[nodiscard]] std::size_t rows_of(const std::string& name) const {
    const Tensor* t = file_.find(prefix_ + name);
    return t != nullptr && !t->shape.empty() ? t->shape[0] : 0;
  }
  void at(std::string prefix) { prefix_ = std::move(prefix); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  static std::size_t volume(std::initializer_list<std::size_t> shape) {
    std::size_t n = 1;
    for (const std::size_t s : shape) n *= s;
    return n;
  }
  Linear pack(const std::vector<float>& w, std::vector<float> bias, std::size_t n, std::size_t k) {
    Linear r;
    r.int8 = int8_;
    r.bias = std::move(bias);
    if (error_) return r;
    if (int8_) {
      r.bytes = math::PackedI8::pack(w, n, k);
    } else {
      r.full = math::PackedF32::pack(w, n, k);
    }
    return r;
  }
  const Safetensors& file_;
  std::string prefix_;
  bool int8_;
  std::optional<Error> error_;
};

// The names of one family's parts.
struct Names {
  std::string_view layer;  // "{}" is the layer's number
  std::array<std::string_view, 3> qkv;
  std::string_view out, attention_norm, up, down, feed_norm;
};
constexpr Names kBertNames{"encoder.layer.{}.",
                           {"attention.self.query", "attention.self.key", "attention.self.value"},
                           "attention.output.dense",
                           "attention.output.LayerNorm",
                           "intermediate.dense",
                           "output.dense",
                           "output.LayerNorm"};
constexpr Names kDistilNames{"transformer.layer.{}.",
                             {"attention.q_lin", "attention.k_lin", "attention.v_lin"},
                             "attention.out_lin",
                             "sa_layer_norm",
                             "ffn.lin1",
                             "ffn.lin2",
                             "output_layer_norm"};
constexpr Names kMpnetNames{
    "encoder.layer.{}.",  {"attention.attn.q", "attention.attn.k", "attention.attn.v"},
    "attention.attn.o",   "attention.LayerNorm",
    "intermediate.dense", "output.dense",
    "output.LayerNorm"};

const Names& names_of(Family f) {
  if (f == Family::kDistilbert) return kDistilNames;
  return f == Family::kMpnet ? kMpnetNames : kBertNames;
}

// Stops at the first missing tensor: a configuration of 256 layers must not be packed as zeros.
void read_classic(Model& m, Reader& r) {
  const Spec& s = m.spec;
  const std::size_t h = s.hidden;
  m.words = r.table("embeddings.word_embeddings.weight", s.vocabulary, h);
  m.positions =
      r.floats("embeddings.position_embeddings.weight", {s.positions + s.position_offset, h});
  m.positions.erase(m.positions.begin(),
                    m.positions.begin() + static_cast<std::ptrdiff_t>(s.position_offset * h));
  if (s.types > 0 && s.family != Family::kDistilbert && s.family != Family::kMpnet) {
    m.types = r.floats("embeddings.token_type_embeddings.weight", {s.types, h});
  }
  m.embedded = r.norm("embeddings.LayerNorm", h, true);
  if (s.family == Family::kMpnet) {
    m.buckets = r.floats("encoder.relative_attention_bias.weight", {s.buckets, s.heads});
  }
  const Names& n = names_of(s.family);
  for (std::size_t i = 0; i < s.layers && !r.error(); ++i) {
    const std::string at = fmt::format(fmt::runtime(n.layer), i);
    Layer& l = m.layers.emplace_back();
    l.qkv = r.stacked(at, {n.qkv[0], n.qkv[1], n.qkv[2]}, h, h);
    l.out = r.linear(at + std::string(n.out), h, h, true);
    l.attention = r.norm(at + std::string(n.attention_norm), h, true);
    l.up = r.linear(at + std::string(n.up), s.intermediate, h, true);
    l.down = r.linear(at + std::string(n.down), h, s.intermediate, true);
    l.feed = r.norm(at + std::string(n.feed_norm), h, true);
  }
}

Rope make_rope(double theta, std::size_t positions, std::size_t dim) {
  Rope r;
  r.cos.resize(positions * dim / 2);
  r.sin.resize(positions * dim / 2);
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t d = 0; d < dim / 2; ++d) {
      const double f = std::pow(theta, -2.0 * static_cast<double>(d) / static_cast<double>(dim));
      const double angle = static_cast<double>(p) * f;
      r.cos[p * dim / 2 + d] = static_cast<float>(std::cos(angle));
      r.sin[p * dim / 2 + d] = static_cast<float>(std::sin(angle));
    }
  }
  return r;
}

void read_modern(Model& m, Reader& r) {
  const Spec& s = m.spec;
  const std::size_t h = s.hidden;
  m.words = r.table("embeddings.tok_embeddings.weight", s.vocabulary, h);
  m.embedded = r.norm("embeddings.norm", h, false);
  for (std::size_t i = 0; i < s.layers && !r.error(); ++i) {
    const std::string at = fmt::format("layers.{}.", i);
    Layer& l = m.layers.emplace_back();
    l.global = i % s.global_every == 0;
    if (i > 0) l.before_attention = r.norm(at + "attn_norm", h, false);
    l.qkv = r.linear(at + "attn.Wqkv", 3 * h, h, false);
    l.out = r.linear(at + "attn.Wo", h, h, false);
    l.feed = r.norm(at + "mlp_norm", h, false);
    l.up = r.linear(at + "mlp.Wi", 2 * s.intermediate, h, false);
    l.down = r.linear(at + "mlp.Wo", h, s.intermediate, false);
  }
  m.last = r.norm("final_norm", h, false);
  if (r.error()) return;
  m.rope_global = make_rope(s.theta_global, s.max_tokens, h / s.heads);
  m.rope_local = make_rope(s.theta_local, s.max_tokens, h / s.heads);
}

void read_head(Model& m, Reader& r, const std::string& prefix) {
  const std::size_t h = m.spec.hidden;
  const bool sequence = m.spec.head == Head::kSequence;
  std::string last = "classifier";
  if (m.spec.family == Family::kModernbert) {
    r.at("");
    m.dense = r.linear("head.dense", h, h, false);
    m.dense_activation = m.spec.head_activation;
    m.head_norm = r.norm("head.norm", h, false);
  } else if (sequence && m.spec.family == Family::kBert) {
    r.at(prefix);
    m.dense = r.linear("pooler.dense", h, h, true);
  } else if (sequence && m.spec.family == Family::kDistilbert) {
    r.at("");
    m.dense = r.linear("pre_classifier", h, h, true);
    m.dense_activation = math::Activation::kRelu;
  } else if (sequence) {
    r.at("");
    m.dense = r.linear("classifier.dense", h, h, true);
    last = "classifier.out_proj";
  }
  r.at("");
  const std::size_t labels = std::max<std::size_t>(r.rows_of(last + ".weight"), 1);
  m.classifier = r.linear(last, labels, h, true);
  if (m.spec.labels.size() != labels) {
    m.spec.labels.clear();
    for (std::size_t i = 0; i < labels; ++i) m.spec.labels.push_back(fmt::format("LABEL_{}", i));
  }
}

// Where the network's own tensors begin: checkpoints with a head put them behind a name.
std::string find_prefix(const Spec& s, const Safetensors& file) {
  const std::string first = s.family == Family::kModernbert ? "embeddings.tok_embeddings.weight"
                                                            : "embeddings.word_embeddings.weight";
  for (const std::string p : {"bert.", "roberta.", "distilbert.", "mpnet.", "model."}) {
    if (file.find(p + first) != nullptr) return p;
  }
  return "";
}

}  // namespace

void Table::copy_row(const math::Kernels& k, std::size_t row, float* out) const {
  if (!full.empty()) {
    std::copy_n(full.data() + row * width, width, out);
    return;
  }
  std::fill_n(out, width, 0.0F);
  k.axpy_i8(scale[row], bytes.data() + row * width, width, out);
}

std::size_t Model::memory() const {
  std::size_t n = words.memory() +
                  (positions.size() + types.size() + buckets.size()) * sizeof(float) +
                  dense.memory() + classifier.memory();
  for (const Layer& l : layers) {
    n += l.qkv.memory() + l.out.memory() + l.up.memory() + l.down.memory() +
         (l.attention.gamma.size() + l.feed.gamma.size()) * 2 * sizeof(float);
  }
  return n + (rope_global.cos.size() + rope_local.cos.size()) * 2 * sizeof(float);
}

Result<Model> load_model(const Spec& spec, const Safetensors& file, const EncoderOptions& options,
                         const math::Kernels& kernels) {
  Model m;
  m.spec = spec;
  m.kernels = &kernels;
  m.int8 = options.precision == Precision::kInt8;
  const std::string prefix = find_prefix(spec, file);
  Reader r(file, prefix, m.int8);
  if (spec.family == Family::kModernbert) {
    read_modern(m, r);
  } else {
    read_classic(m, r);
  }
  if (spec.head == Head::kNone) m.spec.labels.clear();
  if (spec.head != Head::kNone && !r.error()) {
    // Heads are small and their logits are read as probabilities: full precision always.
    Reader full(file, "", false);
    read_head(m, full, prefix);
    if (full.error()) return tl::unexpected<Error>(*full.error());
  }
  if (r.error()) return tl::unexpected<Error>(*r.error());
  return m;
}

}  // namespace swy::embed::detail
