#include "route/detail/semantic.h"

#include <cmath>
#include <numeric>

namespace swy::route::semantic {
namespace {

constexpr std::size_t kMaxExamples = 20'000;

// One text, or a list of texts, of one group.
bool read_group(BuildContext& ctx, const base::Doc& node, std::uint32_t group, Grouped& out) {
  if (node.is_scalar() && !node.text().empty()) {
    out.examples.push_back({node.text(), group});
    return true;
  }
  bool sound = node.is_list() && !node.items().empty();
  if (sound) {
    for (const base::Doc& item : node.items()) {
      sound = sound && item.is_scalar() && !item.text().empty();
      if (sound) out.examples.push_back({item.text(), group});
    }
  }
  if (!sound) ctx.diag().error(node.mark(), "expected a text or a list of texts");
  return sound;
}

}  // namespace

float cosine(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

std::optional<Examples> Examples::encode(BuildContext& ctx, std::string_view encoder,
                                         std::vector<std::string> groups,
                                         std::vector<Example> examples, base::Mark mark) {
  if (examples.size() > kMaxExamples) {
    ctx.diag().error(mark, fmt::format("more than {} texts", kMaxExamples));
    return std::nullopt;
  }
  const auto id = ctx.encoder(encoder, mark);
  if (!id) return std::nullopt;
  const Encoder& e = ctx.encoder(*id);
  Examples out;
  out.encoder_ = *id;
  out.dims_ = e.dims();
  out.groups_ = std::move(groups);
  out.examples_ = std::move(examples);
  out.vectors_.resize(out.examples_.size() * out.dims_);
  std::vector<std::string_view> texts;
  for (const Example& x : out.examples_) texts.push_back(x.text);
  if (const auto done = e.encode(texts, out.vectors_); !done) {
    ctx.diag().error(mark, done.error().message);
    return std::nullopt;
  }
  return out;
}

void Examples::similarities(std::span<const float> vector, std::vector<float>& out) const {
  out.resize(examples_.size());
  for (std::size_t i = 0; i < examples_.size(); ++i)
    out[i] = cosine(vector, std::span(vectors_).subspan(i * dims_, dims_));
}

std::optional<Grouped> read_examples(BuildContext& ctx, const base::Doc& owner,
                                     const base::Doc* node, std::string_view key) {
  if (node == nullptr || node->is_null()) {
    ctx.diag().error(owner.mark(), fmt::format("{} is missing", key));
    return std::nullopt;
  }
  Grouped out;
  if (!node->is_map()) {
    out.groups.emplace_back();
    return read_group(ctx, *node, 0, out) ? std::optional(std::move(out)) : std::nullopt;
  }
  for (const auto& m : node->members()) {
    const auto group = static_cast<std::uint32_t>(out.groups.size());
    out.groups.push_back(m.key);
    if (!read_group(ctx, m.value, group, out)) return std::nullopt;
  }
  if (out.examples.empty()) {
    ctx.diag().error(node->mark(), fmt::format("{} is empty", key));
    return std::nullopt;
  }
  return out;
}

double match_probability(double similarity, double threshold, double slope) {
  return 1.0 / (1.0 + std::exp(-slope * (similarity - threshold)));
}

Fact not_ready(const Encoding& encoding) {
  Fact f;
  f.label = ShortText(to_string(encoding.state));
  return f;
}

}  // namespace swy::route::semantic
