#include "route/estimator/prompt_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "text/structure.h"

namespace swy::route {
namespace {

constexpr std::size_t kN = PromptFeatures::kCounts;
constexpr float kCut = 4;
constexpr std::size_t kBatch = 64;

void count(const text::Structure& s, std::uint32_t tools, std::span<float> out) {
  const auto n = [](std::uint32_t v) { return static_cast<float>(v); };
  const auto log = [&](std::uint32_t v) { return std::log1p(n(v)); };
  const float size = n(s.code_points) + 1;
  const std::array<float, kN> v = {log(s.code_points),
                                   log(s.words),
                                   log(s.lines),
                                   log(s.sentences),
                                   n(s.code_points) / (n(s.words) + 1),
                                   s.digit_share(),
                                   s.upper_case_share(),
                                   n(s.symbols) / size,
                                   log(s.questions),
                                   log(s.equations + s.dollar_math),
                                   log(s.latex_commands),
                                   log(s.code_lines + s.fenced_lines),
                                   log(tools),
                                   n(s.has_code.confidence > 0.5F ? 1 : 0)};
  std::copy(v.begin(), v.end(), out.begin());
}

}  // namespace

std::optional<PromptFeatures> PromptFeatures::make(const std::string& encoder, base::Mark mark,
                                                   BuildContext& ctx) {
  const auto id = ctx.encoder(encoder, mark);
  if (!id) return std::nullopt;
  PromptFeatures f;
  f.key_ = {*id, chat::Scope::kLastUser};
  f.encoder_dims_ = ctx.encoder(*id).dims();
  f.encoder_hash_ = ctx.encoder(*id).content_hash();
  return f;
}

std::string PromptFeatures::identity() const { return fmt::format("{}+counts1", encoder_hash_); }

Result<math::Matrix> PromptFeatures::read_all(const Encoder& encoder,
                                              std::span<const std::string> prompts,
                                              std::span<const std::uint32_t> tools) const {
  math::Matrix x(prompts.size(), dims());
  std::vector<float> vectors(kBatch * encoder_dims_);
  std::vector<std::string_view> batch;
  for (std::size_t i = 0; i < prompts.size(); i += kBatch) {
    const std::size_t n = std::min(kBatch, prompts.size() - i);
    batch.assign(prompts.begin() + static_cast<std::ptrdiff_t>(i),
                 prompts.begin() + static_cast<std::ptrdiff_t>(i + n));
    SWY_DO(encoder.encode(batch, std::span(vectors).first(n * encoder_dims_)));
    for (std::size_t k = 0; k < n; ++k) {
      const auto row = x.row(i + k);
      std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(k * encoder_dims_), encoder_dims_,
                  row.begin());
      count(text::analyse(prompts[i + k]), tools[i + k], row.subspan(encoder_dims_));
    }
  }
  return x;
}

Result<math::Matrix> PromptFeatures::apply(const Encoder& encoder,
                                           std::span<const std::string> prompts,
                                           std::span<const std::uint32_t> tools) const {
  SWY_TRY(auto x, read_all(encoder, prompts, tools));
  for (std::size_t i = 0; i < x.rows(); ++i) standardise(x.row(i).subspan(encoder_dims_));
  return x;
}

// Mean and deviation of every count over the rows that are added.
class PromptFeatures::Scales {
 public:
  void add(std::span<const float> counts) {
    for (std::size_t c = 0; c < kN; ++c) {
      const auto v = static_cast<double>(counts[c]);
      sum_[c] += v;
      square_[c] += v * v;
    }
    rows_ += 1;
  }
  [[nodiscard]] std::vector<float> found() const {
    const double rows = std::max(rows_, 1.0);
    std::vector<float> out(2 * kN, 0.0F);
    for (std::size_t c = 0; c < kN; ++c) {
      out[c] = static_cast<float>(sum_[c] / rows);
      const double variance = square_[c] / rows - sum_[c] / rows * (sum_[c] / rows);
      out[kN + c] = variance > 1e-9 ? static_cast<float>(std::sqrt(variance)) : 0.0F;
    }
    return out;
  }

 private:
  std::array<double, kN> sum_{}, square_{};
  double rows_ = 0;
};

Result<math::Matrix> PromptFeatures::fit(const Encoder& encoder,
                                         std::span<const std::string> prompts,
                                         std::span<const std::uint32_t> tools) {
  SWY_TRY(auto x, read_all(encoder, prompts, tools));
  Scales scales;
  for (std::size_t i = 0; i < x.rows(); ++i) scales.add(x.row(i).subspan(encoder_dims_));
  scales_ = scales.found();
  for (std::size_t i = 0; i < x.rows(); ++i) standardise(x.row(i).subspan(encoder_dims_));
  return x;
}

Status PromptFeatures::stream(const Encoder& encoder, const Prompts& prompts, const OnRow& on_row) {
  Scales scales;
  std::array<float, kN> counts{};
  SWY_DO(prompts([&](std::string_view prompt, std::uint32_t n) -> Status {
    count(text::analyse(prompt), n, counts);
    scales.add(counts);
    return {};
  }));
  scales_ = scales.found();
  std::vector<std::string> batch;
  std::vector<std::uint32_t> tools;
  const auto flush = [&]() -> Status {
    SWY_TRY(const auto x, apply(encoder, batch, tools));
    for (std::size_t i = 0; i < x.rows(); ++i) on_row(x.row(i));
    batch.clear();
    tools.clear();
    return {};
  };
  SWY_DO(prompts([&](std::string_view prompt, std::uint32_t n) -> Status {
    batch.emplace_back(prompt);
    tools.push_back(n);
    return batch.size() == kBatch ? flush() : Status{};
  }));
  return flush();
}

void PromptFeatures::standardise(std::span<float> counts) const {
  for (std::size_t c = 0; c < kN; ++c) {
    // A count that never varied says nothing.
    const float deviation = scales_[kN + c];
    counts[c] = deviation > 0
                    ? kCountWeight * std::clamp((counts[c] - scales_[c]) / deviation, -kCut, kCut)
                    : 0.0F;
  }
}

bool PromptFeatures::read(Reading& reading, std::span<float> out) const {
  SWY_ASSERT(out.size() == dims());
  const Encoding* e = reading.encoding(key_);
  if (e == nullptr || e->state != Encoding::State::kReady) return false;
  std::copy(e->values.begin(), e->values.end(), out.begin());
  const auto counts = out.subspan(encoder_dims_);
  count(reading.structure(), static_cast<std::uint32_t>(reading.request().tools.size()), counts);
  standardise(counts);
  return true;
}

}  // namespace swy::route
