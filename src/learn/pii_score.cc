// Span scores of detect_pii(). Test: pii_train_test.cc.
#include <algorithm>

#include "learn/pii_train.h"

namespace swy::learn {
namespace {

struct Bin {
  std::uint64_t n = 0, right = 0;
  double confidence = 0;
};

bool exact(const text::PiiSpan& a, const text::PiiSpan& b) {
  return a.type == b.type && a.begin == b.begin && a.end == b.end;
}

bool touches(const text::PiiSpan& a, const text::PiiSpan& b) {
  return a.type == b.type && a.begin < b.end && b.begin < a.end;
}

void count_relaxed(const std::vector<text::PiiSpan>& found,
                   const std::vector<text::PiiSpan>& wanted, PiiReport& r) {
  std::vector<bool> used(wanted.size());
  for (const auto& f : found) {
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      if (used[k] || !touches(f, wanted[k])) continue;
      used[k] = true;
      ++r.all.relaxed;
      ++r.by_type[static_cast<std::size_t>(f.type)].relaxed;
      break;
    }
  }
}

}  // namespace

PiiReport score_pii(const std::vector<const PiiRow*>& rows, const text::PiiOptions& options) {
  PiiReport r;
  std::array<Bin, 10> bins;
  std::vector<text::PiiSpan> found;
  for (const PiiRow* row : rows) {
    text::detect_pii(row->text, options, found);
    for (const auto& w : row->spans) {
      ++r.all.wanted;
      ++r.by_type[static_cast<std::size_t>(w.type)].wanted;
    }
    for (const auto& f : found) {
      PiiScore& t = r.by_type[static_cast<std::size_t>(f.type)];
      ++r.all.found;
      ++t.found;
      const bool right = std::any_of(row->spans.begin(), row->spans.end(),
                                     [&](const auto& w) { return exact(f, w); });
      r.all.exact += right ? 1U : 0U;
      t.exact += right ? 1U : 0U;
      Bin& b = bins[std::min<std::size_t>(9, static_cast<std::size_t>(f.confidence * 10))];
      ++b.n;
      b.right += right ? 1U : 0U;
      b.confidence += static_cast<double>(f.confidence);
    }
    count_relaxed(found, row->spans, r);
  }
  for (const Bin& b : bins) {
    r.ece += std::abs(b.confidence - static_cast<double>(b.right));
  }
  r.ece = r.all.found == 0 ? 0 : r.ece / static_cast<double>(r.all.found);
  return r;
}

}  // namespace swy::learn
