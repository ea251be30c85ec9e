// Shapes are taken from the tensors themselves and checked against each other, so that a file can
// be of any number of heads, width and blocks. Test: tree_hop_file_test.cc.
#include "flow/tree_hop_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "embed/safetensors.h"

namespace swy::flow {
namespace {

using embed::Safetensors;
using embed::Tensor;
using math::Dense;
using math::TreeHopWeights;

constexpr std::string_view kFormat = "switchyard-treehop";
constexpr std::string_view kVersion = "1";
constexpr std::size_t kMostHeads = 16, kMostLayers = 16;

std::string hash_of(std::span<const Tensor> tensors) {
  std::uint64_t h = 0;
  for (const Tensor& t : tensors) {
    h = base::hash64(t.name, h);
    h = base::hash64({reinterpret_cast<const char*>(t.bytes.data()), t.bytes.size()}, h);
  }
  return base::hex64(h);
}

Error wrong(const Safetensors& file, std::string_view what) {
  return {ErrorCode::kParse, fmt::format("{}: {}", file.name(), what)};
}

// NAME.weight [out, in] and, where it is there, NAME.bias [out].
Result<Dense> dense(const Safetensors& file, const std::string& name, std::size_t in) {
  const Tensor* t = file.find(name + ".weight");
  if (t == nullptr || t->shape.size() != 2 || t->shape[1] != in || t->shape[0] == 0)
    return tl::unexpected(wrong(file, fmt::format("'{}.weight' should have {} columns", name, in)));
  Dense d{in, t->shape[0], {}, {}};
  SWY_TRY(d.weight, file.floats(t->name, t->shape));
  if (file.find(name + ".bias") != nullptr) {
    const std::size_t shape[] = {d.out};
    SWY_TRY(d.bias, file.floats(name + ".bias", shape));
  }
  return d;
}

Result<math::Residual> residual(const Safetensors& file, const std::string& name,
                                std::size_t width) {
  math::Residual r;
  const std::size_t shape[] = {width};
  SWY_TRY(r.scale, file.floats(name + ".layer_norm.weight", shape));
  SWY_TRY(r.shift, file.floats(name + ".layer_norm.bias", shape));
  SWY_TRY(r.linear, dense(file, name + ".linear", width));
  if (r.linear.out != width)
    return tl::unexpected(wrong(file, fmt::format("'{}' should keep its width", name)));
  return r;
}

Result<math::TreeHopHead> head(const Safetensors& file, const std::string& name, std::size_t dims) {
  math::TreeHopHead h;
  SWY_TRY(h.q, dense(file, name + ".W_Q", dims));
  SWY_TRY(h.k, dense(file, name + ".W_K", dims));
  SWY_TRY(h.v, dense(file, name + ".W_V", dims));
  if (h.k.out != h.q.out || h.v.out != h.q.out)
    return tl::unexpected(wrong(file, fmt::format("'{}': projections of different width", name)));
  if (file.find(name + ".mlp_scale.weight") == nullptr) return h;
  std::size_t at = 0;
  std::size_t width = h.q.out;
  if (file.find(name + ".mlp.layers.0.weight") != nullptr) {
    SWY_TRY(h.widen, dense(file, name + ".mlp.layers.0", width));
    width = h.widen.out;
    at = 1;
  }
  for (; at < kMostLayers; ++at) {
    const std::string layer = fmt::format("{}.mlp.layers.{}", name, at);
    if (file.find(layer + ".linear.weight") == nullptr) break;
    SWY_TRY(auto r, residual(file, layer, width));
    h.layers.push_back(std::move(r));
  }
  SWY_TRY(h.narrow, dense(file, name + ".mlp_scale", width));
  if (h.narrow.out != h.q.out)
    return tl::unexpected(wrong(file, fmt::format("'{}.mlp_scale' should end in its width", name)));
  return h;
}

std::string head_name(std::size_t i) { return fmt::format("node.update_gate.heads.{}", i); }

// Tensors over memory of the weights.
struct Listing {
  std::vector<Tensor> tensors;
  void add(const std::string& name, std::vector<std::size_t> shape,
           const std::vector<float>& values) {
    Tensor t;
    t.name = name;
    t.shape = std::move(shape);
    t.count = values.size();
    t.bytes = std::as_bytes(std::span(values));
    tensors.push_back(std::move(t));
  }
  void add(const std::string& name, const Dense& d) {
    add(name + ".weight", {d.out, d.in}, d.weight);
    if (!d.bias.empty()) add(name + ".bias", {d.out}, d.bias);
  }
};

}  // namespace

Result<TreeHopWeights> load_tree_hop(const std::string& path, std::string_view encoder) {
  SWY_TRY(const Safetensors file, Safetensors::open(path));
  if (file.metadata("format") != kFormat)
    return tl::unexpected(wrong(file, "not a weight file of TreeHop"));
  if (file.metadata("version") != kVersion)
    return tl::unexpected(wrong(file, fmt::format("of version {}, this program reads {}",
                                                  file.metadata("version"), kVersion)));
  const std::string found = hash_of(file.tensors());
  if (found != file.metadata("hash"))
    return tl::unexpected(
        wrong(file, fmt::format("damaged: its content has the hash {}, it says {}", found,
                                file.metadata("hash"))));
  if (file.metadata("encoder") != encoder)
    return tl::unexpected(wrong(file, fmt::format("trained on the encoder {}, this one is {}",
                                                  file.metadata("encoder"), encoder)));
  const Tensor* out = file.find("node.update_attn_scale.weight");
  if (out == nullptr || out->shape.size() != 2 || out->shape[0] == 0)
    return tl::unexpected(wrong(file, "it has no 'node.update_attn_scale.weight'"));
  TreeHopWeights w;
  w.dims = out->shape[0];
  std::size_t width = 0;
  for (std::size_t i = 0; i < kMostHeads; ++i) {
    if (file.find(head_name(i) + ".W_Q.weight") == nullptr) break;
    SWY_TRY(auto h, head(file, head_name(i), w.dims));
    width += h.q.out;
    w.heads.push_back(std::move(h));
  }
  SWY_TRY(w.out, dense(file, "node.update_attn_scale", width));
  return w;
}

Status save_tree_hop(const std::string& path, const TreeHopWeights& w, std::string_view encoder) {
  Listing out;
  for (std::size_t i = 0; i < w.heads.size(); ++i) {
    const math::TreeHopHead& h = w.heads[i];
    const std::string name = head_name(i);
    out.add(name + ".W_Q", h.q);
    out.add(name + ".W_K", h.k);
    out.add(name + ".W_V", h.v);
    if (h.narrow.out == 0) continue;
    std::size_t at = 0;
    if (h.widen.out != 0) out.add(fmt::format("{}.mlp.layers.{}", name, at++), h.widen);
    for (const math::Residual& r : h.layers) {
      const std::string layer = fmt::format("{}.mlp.layers.{}", name, at++);
      out.add(layer + ".layer_norm.weight", {r.scale.size()}, r.scale);
      out.add(layer + ".layer_norm.bias", {r.shift.size()}, r.shift);
      out.add(layer + ".linear", r.linear);
    }
    out.add(name + ".mlp_scale", h.narrow);
  }
  out.add("node.update_attn_scale", w.out);
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"format", std::string(kFormat)},
      {"version", std::string(kVersion)},
      {"encoder", std::string(encoder)},
      {"hash", hash_of(out.tensors)}};
  return embed::write_safetensors(path, out.tensors, metadata);
}

}  // namespace swy::flow
