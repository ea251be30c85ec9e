// Heads at work.
//
// Cheap stage: x_g = (1 + ln count) * idf(row of g), x normalised to length one over all grams of
// the text, known or not; logits = sum over grams of x_g * row + W * static embedding + bias.
// Encoder stage: logits = W * e + bias + cheap_weight * cheap logits (a product of experts whose
// weight was chosen on calibration rows). A projected embedding is normalised first (prototype and
// contrastive heads: W holds class centroids over the temperature, so a logit is a cosine).
// probability = softmax(slope * logit + offset), or a sigmoid per label; confidence = an isotonic
// map of the top probability. Out-of-scope: the energy -ln sum exp(logit) (Liu et al. 2020, arXiv
// 2010.03759) as a quantile: the share of in-scope calibration texts with a lower energy, that is,
// that looked more familiar. Cost: grams x labels int8 multiply-adds and labels x dims floats.
// When it loses: many grams shared by all labels; order of words beyond pairs. Test: head_test.cc.
#include "embed/head.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/check.h"
#include "embed/head_file.h"

namespace swy::embed {
namespace {

constexpr std::size_t kAhead = 12;  // grams
constexpr std::size_t kLane = 16;   // rows are padded to whole vectors

// 1 + ln n; a gram that occurs more often than the table is long counts as the table's end.
const std::array<float, 64>& log_counts() {
  static const std::array<float, 64> table = [] {
    std::array<float, 64> t{};
    for (std::size_t n = 1; n < t.size(); ++n) t[n] = 1.0F + std::log(static_cast<float>(n));
    return t;
  }();
  return table;
}

float interpolate(const std::vector<float>& xs, const std::vector<float>& ys, float x) {
  const auto upper = std::upper_bound(xs.begin(), xs.end(), x);
  if (upper == xs.begin()) return ys.front();
  if (upper == xs.end()) return ys.back();
  const auto i = static_cast<std::size_t>(upper - xs.begin());
  const float t = (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
  return ys[i - 1] + t * (ys[i] - ys[i - 1]);
}

// Share of in-scope texts with a higher sum than `familiarity`; beyond the least familiar of n the
// last 1 / (n + 1) falls off exponentially, so that stranger texts still compare.
float strangeness(const std::vector<float>& scope, float familiarity) {
  if (scope.empty()) return 0;
  const auto n = static_cast<float>(scope.size());
  const float spread = std::max(scope.back() - scope.front(), 1e-6F);
  if (familiarity < scope.front()) {
    return 1 - std::exp((familiarity - scope.front()) / spread) / (n + 1);
  }
  const auto upper = std::upper_bound(scope.begin(), scope.end(), familiarity);
  const auto below = static_cast<float>(upper - scope.begin());
  float part = 0;
  if (upper != scope.end()) {
    const float low = *(upper - 1);
    part = (familiarity - low) / (*upper - low);
  }
  return 1 - (below + part) / (n + 1);
}

}  // namespace

class HeadImpl {
 public:
  explicit HeadImpl(HeadData data) : data_(std::move(data)) {
    stride_ = (data_.labels.size() + kLane - 1) / kLane * kLane;
    if (!data_.cheap || data_.cheap->gram_bits == 0) return;
    HeadStage& s = *data_.cheap;
    rows_.assign(s.gram_scale.size() * stride_, 0);
    for (std::size_t row = 0; row < s.gram_scale.size(); ++row) {
      std::copy_n(s.gram_weights.begin() + static_cast<std::ptrdiff_t>(row * labels()), labels(),
                  rows_.begin() + static_cast<std::ptrdiff_t>(row * stride_));
    }
    s.gram_weights.clear();
    s.gram_weights.shrink_to_fit();
  }

  [[nodiscard]] const HeadData& data() const { return data_; }
  [[nodiscard]] std::size_t labels() const { return data_.labels.size(); }

  void cheap(const CheapInput& input, HeadScore& out) const {
    const HeadStage& s = *data_.cheap;
    out.cheap_logits.assign(stride_, 0);
    if (s.gram_bits != 0) {
      SWY_ASSERT(input.grams != nullptr);
      add_grams(s, *input.grams, out.cheap_logits);
    }
    add_embedding(s, input.static_embedding, out.cheap_logits, out.scratch);
    for (std::size_t c = 0; c < labels(); ++c) out.cheap_logits[c] += s.bias[c];
    judge(s, out.cheap_logits, out);
    out.refined = false;
    out.sure = !data_.encoder || out.confidence >= data_.unsure_below;
  }

  void refine(std::span<const float> embedding, HeadScore& out) const {
    const HeadStage& s = *data_.encoder;
    if (!data_.cheap) out.cheap_logits.assign(stride_, 0);
    SWY_ASSERT(out.cheap_logits.size() == stride_);
    for (std::size_t c = 0; c < labels(); ++c) {
      out.cheap_logits[c] = s.bias[c] + s.cheap_weight * out.cheap_logits[c];
    }
    add_embedding(s, embedding, out.cheap_logits, out.scratch);
    judge(s, out.cheap_logits, out);
    out.refined = true;
    out.sure = true;
  }

  [[nodiscard]] std::size_t memory_bytes() const {
    std::size_t n = rows_.size();
    for (const auto* stage : {&data_.cheap, &data_.encoder}) {
      if (!*stage) continue;
      const HeadStage& s = **stage;
      n += s.gram_idf.size();
      n += sizeof(float) * (s.gram_scale.size() + s.projection.size() + s.weights.size() +
                            3 * s.bias.size() + 2 * s.isotonic_x.size() + s.scope.size());
    }
    return n;
  }

 private:
  void add_grams(const HeadStage& s, const Grams& grams, std::vector<float>& logits) const {
    const std::uint32_t mask = (1U << s.gram_bits) - 1U;
    const auto& logs = log_counts();
    const std::size_t stride = stride_;
    float* const out = logits.data();
    float squares = 0;
    const auto all = grams.all();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Gram& g = all[i];
      // Rows lie all over a megabyte: what comes is asked for while this one is added.
      const std::size_t next = all[std::min(i + kAhead, all.size() - 1)].hash & mask;
      __builtin_prefetch(s.gram_idf.data() + next);
      __builtin_prefetch(s.gram_scale.data() + next);
      __builtin_prefetch(rows_.data() + next * stride);
      const std::size_t row = g.hash & mask;
      const float x = logs[std::min<std::size_t>(g.count, logs.size() - 1)] *
                      static_cast<float>(s.gram_idf[row]) * s.gram_idf_step;
      squares += x * x;
      const float f = x * s.gram_scale[row];
      if (f == 0) continue;
      const std::int8_t* const w = rows_.data() + row * stride;
      for (std::size_t c = 0; c < stride; ++c) out[c] += f * static_cast<float>(w[c]);
    }
    if (squares == 0) return;
    const float scale = 1.0F / std::sqrt(squares);
    for (std::size_t c = 0; c < stride; ++c) out[c] *= scale;
  }

  static float dot(const float* a, const float* b, std::size_t n) {
    std::array<float, kLane> sums{};
    std::size_t i = 0;
    for (; i + kLane <= n; i += kLane) {
      for (std::size_t k = 0; k < kLane; ++k) sums[k] += a[i + k] * b[i + k];
    }
    float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
    for (; i < n; ++i) sum += a[i] * b[i];
    return sum;
  }

  void add_embedding(const HeadStage& s, std::span<const float> e, std::vector<float>& logits,
                     std::vector<float>& scratch) const {
    if (s.dims == 0) return;
    SWY_ASSERT(e.size() == s.dims);
    const float* x = e.data();
    std::size_t width = s.dims;
    if (s.projected != 0) {
      width = s.projected;
      scratch.resize(width);
      for (std::size_t i = 0; i < width; ++i) {
        scratch[i] = dot(s.projection.data() + i * s.dims, e.data(), s.dims);
      }
      const float norm = std::sqrt(dot(scratch.data(), scratch.data(), width));
      if (norm > 0) {
        for (float& v : scratch) v /= norm;
      }
      x = scratch.data();
    }
    for (std::size_t c = 0; c < labels(); ++c) {
      logits[c] += dot(s.weights.data() + c * width, x, width);
    }
  }

  void judge(const HeadStage& s, const std::vector<float>& logits, HeadScore& out) const {
    const std::size_t n = labels();
    out.probabilities.resize(n);
    float top = logits[0];
    for (std::size_t c = 1; c < n; ++c) top = std::max(top, logits[c]);
    float familiar = 0;
    for (std::size_t c = 0; c < n; ++c) familiar += std::exp(logits[c] - top);
    out.out_of_scope = strangeness(s.scope, data_.multilabel ? top : top + std::log(familiar));
    if (data_.multilabel) {
      for (std::size_t c = 0; c < n; ++c) {
        out.probabilities[c] = 1.0F / (1.0F + std::exp(-(s.slope[c] * logits[c] + s.offset[c])));
      }
    } else {
      softmax(s, logits, out.probabilities);
    }
    const auto best = std::max_element(out.probabilities.begin(), out.probabilities.end());
    out.best = static_cast<std::uint32_t>(best - out.probabilities.begin());
    out.confidence = s.isotonic_x.empty() ? *best : interpolate(s.isotonic_x, s.isotonic_y, *best);
    out.abstain =
        out.confidence < data_.abstain_below || out.out_of_scope > data_.out_of_scope_above;
  }

  static void softmax(const HeadStage& s, const std::vector<float>& logits,
                      std::vector<float>& out) {
    float top = -INFINITY;
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] = s.slope[c] * logits[c] + s.offset[c];
      top = std::max(top, out[c]);
    }
    float sum = 0;
    for (float& v : out) sum += v = std::exp(v - top);
    for (float& v : out) v /= sum;
  }

  HeadData data_;
  std::size_t stride_ = 0;
  std::vector<std::int8_t> rows_;  // gram weights, rows padded to stride_
};

namespace {

Status fit_to(HeadData& head, const HeadInputs& given, const std::string& name) {
  const auto other = [&](std::string_view what, const std::string& has, const std::string& wants) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: trained with the {} {}, this process has {}; train it again or "
                            "load that one",
                            name, what, wants, has));
  };
  if (head.cheap && head.cheap->dims != 0) {
    if (given.static_hash.empty()) {
      head.cheap.reset();
      if (head.encoder && head.encoder->cheap_weight != 0) head.encoder.reset();
    } else if (given.static_hash != head.static_hash) {
      return other("static embedding", given.static_hash, head.static_hash);
    }
  }
  if (head.encoder) {
    if (given.encoder_hash.empty()) {
      head.encoder.reset();
    } else if (given.encoder_hash != head.encoder_hash) {
      return other("encoder", given.encoder_hash, head.encoder_hash);
    }
  }
  if (head.cheap || head.encoder) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("{}: needs an embedding that is not there ({})", name,
                          head.encoder_name.empty() ? "the static one" : head.encoder_name));
}

}  // namespace

TextHead::TextHead(std::unique_ptr<const HeadImpl> impl) : impl_(std::move(impl)) {}
TextHead::~TextHead() = default;

Result<std::shared_ptr<const TextHead>> TextHead::parse(std::string_view bytes,
                                                        const std::string& name,
                                                        const HeadInputs& given) {
  auto data = read_head(bytes);
  if (!data) return fail_in(name, data.error());
  SWY_DO(fit_to(*data, given, name));
  return std::shared_ptr<const TextHead>(
      new TextHead(std::make_unique<const HeadImpl>(std::move(*data))));
}

Result<std::shared_ptr<const TextHead>> TextHead::load(const std::string& path,
                                                       const HeadInputs& given) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, path + ": no such file, or it cannot be read");
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return fail(ErrorCode::kIo, path + ": reading failed");
  return parse(bytes, path, given);
}

std::span<const std::string> TextHead::labels() const { return impl_->data().labels; }
const std::string& TextHead::name() const { return impl_->data().name; }
const std::string& TextHead::content_hash() const { return impl_->data().content_hash; }
const std::string& TextHead::metadata() const { return impl_->data().metadata; }
bool TextHead::multilabel() const { return impl_->data().multilabel; }
bool TextHead::has_cheap_stage() const { return impl_->data().cheap.has_value(); }
bool TextHead::has_encoder_stage() const { return impl_->data().encoder.has_value(); }
bool TextHead::uses_grams() const {
  return has_cheap_stage() && impl_->data().cheap->gram_bits != 0;
}
bool TextHead::uses_static() const { return static_dims() != 0; }
std::size_t TextHead::static_dims() const {
  return has_cheap_stage() ? impl_->data().cheap->dims : 0;
}
std::size_t TextHead::encoder_dims() const {
  return has_encoder_stage() ? impl_->data().encoder->dims : 0;
}
std::size_t TextHead::memory_bytes() const { return impl_->memory_bytes(); }
float TextHead::unsure_below() const { return impl_->data().unsure_below; }
float TextHead::abstain_below() const { return impl_->data().abstain_below; }
float TextHead::out_of_scope_above() const { return impl_->data().out_of_scope_above; }

void TextHead::cheap(const CheapInput& input, HeadScore& out) const {
  SWY_ASSERT(has_cheap_stage());
  impl_->cheap(input, out);
}

void TextHead::refine(std::span<const float> embedding, HeadScore& score) const {
  SWY_ASSERT(has_encoder_stage());
  impl_->refine(embedding, score);
}

}  // namespace swy::embed
