#include "route/estimator/familiarity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace swy::route {
namespace {

constexpr std::size_t kWindow = 5;
constexpr std::size_t kRead = 2000;
constexpr double kUnseen = 0.3;

template <typename F>
void each_window(std::string_view text, unsigned bits, const F& f) {
  const std::size_t n = std::min(text.size(), kRead);
  std::uint64_t window = 0;
  for (std::size_t i = 0; i < n; ++i) {
    window = ((window << 8U) | static_cast<unsigned char>(text[i])) & 0xFFFFFFFFFFU;
    if (i + 1 >= kWindow)
      f(static_cast<std::uint32_t>(window * 0x9E3779B97F4A7C15U >> (64 - bits)));
  }
}

}  // namespace

Wording::Wording() : count_(std::size_t{1} << kBits, 0), last_seen_(std::size_t{1} << kBits, 0) {}

void Wording::add(std::string_view text) {
  ++rows_;
  each_window(text, kBits, [&](std::uint32_t w) {
    if (last_seen_[w] == rows_) return;
    last_seen_[w] = rows_;
    if (count_[w] < 0xFFFF) ++count_[w];
  });
}

void Wording::finish() {
  last_seen_ = {};
  log_.resize(std::min<std::size_t>(rows_, 0xFFFF) + 1);
  for (std::size_t c = 0; c < log_.size(); ++c)
    log_[c] = static_cast<float>(
        std::log((static_cast<double>(c) + kUnseen) / std::max(1.0, static_cast<double>(rows_))));
}

double Wording::score(std::string_view text, bool own) const {
  double sum = 0;
  std::size_t n = 0;
  each_window(text, kBits, [&](std::uint32_t w) {
    const std::size_t c = count_[w];
    sum += static_cast<double>(log_[own && c > 0 ? c - 1 : c]);
    ++n;
  });
  return n == 0 ? static_cast<double>(log_[0]) : sum / static_cast<double>(n);
}

void Wording::write(WeightFile& out) const {
  out.words["wording.rows"] = {rows_};
  std::vector<std::uint32_t>& seen = out.words["wording.windows"];  // window, rows; of those seen
  seen.clear();
  for (std::uint32_t w = 0; w < count_.size(); ++w) {
    if (count_[w] > 0) seen.insert(seen.end(), {w, count_[w]});
  }
}

Result<Wording> Wording::read(const WeightFile& in) {
  Wording w;
  SWY_TRY(const auto rows, in.integers("wording.rows", 1));
  SWY_TRY(const auto seen, in.integers("wording.windows", WeightFile::kAny));
  w.rows_ = rows[0];
  const std::uint32_t most = std::min<std::uint32_t>(w.rows_, 0xFFFF);
  for (std::size_t i = 0; i + 1 < seen.size(); i += 2) {
    if (seen[i] >= w.count_.size() || seen[i + 1] > most)
      return fail(ErrorCode::kParse, fmt::format("weights of {}: no such window", in.type));
    w.count_[seen[i]] = static_cast<std::uint16_t>(seen[i + 1]);
  }
  w.finish();
  return w;
}

Deviation::Deviation(std::vector<double> of_rows) {
  std::sort(of_rows.begin(), of_rows.end());
  median_ = of_rows[of_rows.size() / 2];
  deviation_ = std::max(1e-6, median_ - of_rows[of_rows.size() * 16 / 100]);
}

double Deviation::of(double score) const { return std::min(1.0, (score - median_) / deviation_); }

double familiarity(double wording_deviation, double meaning_deviation) {
  return 1 / (1 + std::exp(-(3 + wording_deviation + meaning_deviation)));
}

}  // namespace swy::route
