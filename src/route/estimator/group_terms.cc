#include "route/estimator/group_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace swy::route {
namespace {

constexpr double kUnseen = 0.3;
constexpr double kPrior = 20;
constexpr std::size_t kRead = 2000;
constexpr std::size_t kWindow = 5;

char form_of(unsigned char c) {
  if (c >= 'a' && c <= 'z') return 'a';
  if (c >= 'A' && c <= 'Z') return 'A';
  if (c >= '0' && c <= '9') return '0';
  return c >= 0x80 ? '~' : static_cast<char>(c);
}

bool runs(char form) { return form == 'a' || form == 'A' || form == '0' || form == '~'; }

// ln of (rows + kPrior P) / (kPrior P), P = (all + kUnseen) / of.
double gain(double rows, double all, double of) {
  return std::log1p(rows * std::max(of, 1.0) / (kPrior * (all + kUnseen)));
}

}  // namespace

void form_terms(std::string_view text, std::vector<std::uint32_t>& out) {
  out.clear();
  std::uint64_t window = 0;
  std::size_t n = 0;
  char last = 0;
  for (const char c : text.substr(0, kRead)) {
    const char form = form_of(static_cast<unsigned char>(c));
    if (form == last && runs(form)) continue;
    last = form;
    window = ((window << 8U) | static_cast<unsigned char>(form)) & 0xFFFFFFFFFFU;
    if (++n >= kWindow)
      out.push_back(static_cast<std::uint32_t>(window * 0x9E3779B97F4A7C15U >> 48U));
  }
}

GroupTerms::GroupTerms(std::size_t terms, std::size_t groups)
    : size_(groups, 0), start_(terms + 1, 0) {
  SWY_ASSERT(terms > 0);
}

void GroupTerms::add(std::span<const std::uint32_t> row, std::size_t group) {
  SWY_ASSERT(group < size_.size());
  std::vector<std::uint32_t> terms(row.begin(), row.end());
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  for (const std::uint32_t t : terms) {
    SWY_ASSERT(t + 1 < start_.size());
    entries_.push_back({t, static_cast<std::uint32_t>(group), 1, 0});
  }
  size_[group] += 1;
}

void GroupTerms::finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.term != b.term ? a.term < b.term : a.group < b.group;
  });
  std::size_t kept = 0;
  for (const Entry& e : entries_) {
    if (kept > 0 && entries_[kept - 1].term == e.term && entries_[kept - 1].group == e.group)
      entries_[kept - 1].rows += e.rows;
    else
      entries_[kept++] = e;
  }
  entries_.resize(kept);
  entries_.shrink_to_fit();
  rows_ = 0;
  for (const std::uint32_t n : size_) rows_ += n;
  std::fill(start_.begin(), start_.end(), 0U);
  for (const Entry& e : entries_) start_[e.term + 1] += 1;
  for (std::size_t t = 1; t < start_.size(); ++t) start_[t] += start_[t - 1];
  for (std::size_t t = 0; t + 1 < start_.size(); ++t) {
    const auto of = std::span(entries_).subspan(start_[t], start_[t + 1] - start_[t]);
    double all = 0;
    for (const Entry& e : of) all += e.rows;
    for (Entry& e : of) e.gain = static_cast<float>(gain(e.rows, all, rows_));
  }
  make_dense();
}

void GroupTerms::make_dense() {
  const std::size_t groups = size_.size();
  dense_at_.assign(start_.size() - 1, kSparse);
  dense_.clear();
  for (std::size_t t = 0; t + 1 < start_.size(); ++t) {
    const std::size_t n = start_[t + 1] - start_[t];
    if (n * 4 < groups || n == 0) continue;
    dense_at_[t] = static_cast<std::uint32_t>(dense_.size());
    dense_.resize(dense_.size() + groups, 0.0F);
    for (const Entry& e : std::span(entries_).subspan(start_[t], n))
      dense_[dense_at_[t] + e.group] = e.gain;
  }
}

void GroupTerms::add_gains(std::span<const std::uint32_t> text, std::span<float> sum) const {
  for (const std::uint32_t t : text) {
    if (dense_at_[t] != kSparse) {
      const float* gain = dense_.data() + dense_at_[t];
      for (std::size_t g = 0; g < sum.size(); ++g) sum[g] += gain[g];
    } else {
      for (std::uint32_t i = start_[t]; i < start_[t + 1]; ++i)
        sum[entries_[i].group] += entries_[i].gain;
    }
  }
}

double GroupTerms::score(std::span<const std::uint32_t> text, Left left) const {
  if (text.empty() || size_.empty()) return 0;
  thread_local std::vector<double> sum;
  sum.assign(size_.size(), 0.0);
  const bool whole = left.group == Left::kNone;
  const double gone = whole ? 0 : left.all ? size_[left.group] : 1;
  if (whole) {
    thread_local std::vector<float> gains;
    gains.assign(size_.size(), 0.0F);
    add_gains(text, gains);
    std::copy(gains.begin(), gains.end(), sum.begin());
  }
  for (const std::uint32_t t : whole ? std::span<const std::uint32_t>{} : text) {
    const auto of = std::span(entries_).subspan(start_[t], start_[t + 1] - start_[t]);
    double all = 0;
    for (const Entry& e : of) all += e.rows;
    const auto rows_of = [&](const Entry& e) {
      return left.out(e.group) ? 0.0 : e.rows - (left.own(e.group) ? 1.0 : 0.0);
    };
    for (const Entry& e : of) all -= e.rows - rows_of(e);
    for (const Entry& e : of) sum[e.group] += gain(rows_of(e), all, rows_ - gone);
  }
  const auto n = static_cast<double>(text.size());
  double best = -INFINITY;
  for (std::size_t g = 0; g < size_.size(); ++g) {
    if (left.out(g)) continue;
    const double rows = size_[g] - (left.own(g) ? 1.0 : 0.0);
    best = std::max(best, sum[g] + n * std::log(kPrior / (rows + kPrior)));
  }
  return std::isfinite(best) ? best / std::sqrt(n) : 0;
}

void GroupTerms::write(const std::string& name, WeightFile& out) const {
  out.words[name + ".sizes"] = size_;
  std::vector<std::uint32_t>& all = out.words[name + ".rows"];  // term, group, rows
  all.clear();
  for (const Entry& e : entries_) all.insert(all.end(), {e.term, e.group, e.rows});
}

Result<GroupTerms> GroupTerms::read(const std::string& name, const WeightFile& in,
                                    std::size_t terms, std::size_t groups) {
  GroupTerms out(terms, groups);
  SWY_TRY(out.size_, in.integers(name + ".sizes", groups));
  SWY_TRY(const auto all, in.integers(name + ".rows", WeightFile::kAny));
  if (all.size() % 3 != 0)
    return fail(ErrorCode::kParse, fmt::format("weights of {}: {} is cut off", in.type, name));
  for (std::size_t i = 0; i < all.size(); i += 3) {
    if (all[i] >= terms || all[i + 1] >= groups || all[i + 2] > out.size_[all[i + 1]])
      return fail(ErrorCode::kParse, fmt::format("weights of {}: no such {}", in.type, name));
    out.entries_.push_back({all[i], all[i + 1], all[i + 2], 0});
  }
  out.finish();
  return out;
}

}  // namespace swy::route
