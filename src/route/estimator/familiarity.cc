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
constexpr double kLeastSimilarity = 1e-3;
constexpr double kUsual = 3;  // log odds of the median row where nothing can be left out

constexpr double kRidge = 0.02;  // a row
// Left out where the others are learned: the matrices of the distance know the group that is to be
// as if it were not there, which makes it look better a sign than it is.
constexpr std::size_t kMeaning = 2;

// All turned so that more is more familiar.
std::array<double, Familiarity::kSigns> columns(const Signs& s) {
  return {s.wording, -s.unseen, s.meaning, s.near, s.sureness, s.form, s.words, s.form_words};
}

// Without weights below 0: the column of the lowest is taken out, until there is none.
math::Logistic fit_rising(std::vector<double> x, std::span<const double> y) {
  constexpr std::size_t kColumns = Familiarity::kSigns;
  for (std::size_t round = 0;; ++round) {
    auto model = math::fit_logistic(x, kColumns, y, kRidge * static_cast<double>(y.size()));
    const auto lowest = std::min_element(model.weights.begin(), model.weights.end());
    if (*lowest >= 0 || round == kColumns) return model;
    const auto column = static_cast<std::size_t>(lowest - model.weights.begin());
    for (std::size_t r = 0; r < y.size(); ++r) x[r * kColumns + column] = 0;
  }
}

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

Wording::Score Wording::score(std::string_view text, bool own, const Wording* without) const {
  double sum = 0;
  double n = 0;
  double unseen = 0;
  each_window(text, kBits, [&](std::uint32_t w) {
    std::size_t c = count_[w];
    const std::size_t less = without != nullptr ? without->count_[w] : own ? 1 : 0;
    c -= std::min(c, less);
    sum += static_cast<double>(log_[c]);
    unseen += c == 0 ? 1 : 0;
    n += 1;
  });
  if (n == 0) return {static_cast<double>(log_[0]), 1};
  const double all = std::max(1.0, static_cast<double>(rows_));
  const double left = std::max(1.0, all - (without != nullptr ? without->rows_ : 0));
  return {sum / n + std::log(all / left), unseen / n};
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

double nearness(std::span<const Hit> hits) {
  double sum = 0;
  for (const Hit& h : hits.first(std::min(hits.size(), kNearRows)))
    sum += static_cast<double>(h.similarity);
  return std::log(std::max(sum / static_cast<double>(kNearRows), kLeastSimilarity));
}

Familiarity::Familiarity(std::span<const double, kNumbers> numbers) {
  std::copy_n(numbers.begin(), kSigns, model_.weights.begin());
  model_.bias = numbers[kSigns];
}

std::array<double, Familiarity::kNumbers> Familiarity::numbers() const {
  std::array<double, kNumbers> out{};
  std::copy_n(model_.weights.begin(), kSigns, out.begin());
  out[kSigns] = model_.bias;
  return out;
}

double Familiarity::of(const Signs& signs) const { return model_.probability(columns(signs)); }

Familiarity Familiarity::fit(std::span<const Signs> inside, std::span<const Signs> outside) {
  Familiarity out;
  if (outside.empty()) {
    out.model_.bias = kUsual;
    for (const auto& [column, sign] : {std::pair{std::size_t{0}, &Signs::wording}, {kMeaning, &Signs::meaning}}) {
      std::vector<double> v;
      for (const Signs& s : inside) v.push_back(s.*sign);
      std::sort(v.begin(), v.end());
      const double median = v[v.size() / 2];
      out.model_.weights[column] = 1 / std::max(1e-6, median - v[v.size() * 16 / 100]);
      out.model_.bias -= median * out.model_.weights[column];
    }
  } else {
    std::vector<double> x, y;
    const auto add = [&](std::span<const Signs> rows, double label) {
      for (const Signs& s : rows) {
        auto row = columns(s);
        row[kMeaning] = 0;
        x.insert(x.end(), row.begin(), row.end());
        y.push_back(label);
      }
    };
    add(inside, 1);
    add(outside, 0);
    out.model_ = fit_rising(std::move(x), y);
    out.model_.bias -=
        std::log(static_cast<double>(inside.size()) / static_cast<double>(outside.size()));
  }
  return out;
}

}  // namespace swy::route
