// sample_evenly(): the rows are put in order of data set, domain and ease, and every R/n-th is
// taken from a start that the key decides. Right because every question has the same chance (the
// mean over the sample is that of all, without bias) while domains and difficulties get their share
// to within one question, so that groups, regressions and item curves all see some of theirs. Cost:
// one sort. Loses against a choice made for one estimator (items that tell abilities apart, for
// IRT), which would bias the others. Source: systematic sampling (Madow and Madow 1944). Test:
// sample_test.cc.
#include "record/sample.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/hash.h"

namespace swy::record {
namespace {

struct Keyed {
  std::size_t row = 0;
  double ease = 0;
  std::uint64_t hash = 0;
};

std::vector<Keyed> in_order(const OutcomeTable& table, std::span<const SampleRow> rows,
                            std::string_view key) {
  std::vector<Keyed> all;
  all.reserve(rows.size());
  for (const SampleRow& r : rows)
    all.push_back({r.row, r.ease, base::hash64(table.row(r.row).id, base::hash64(key))});
  std::sort(all.begin(), all.end(), [&](const Keyed& a, const Keyed& b) {
    const OutcomeRow x = table.row(a.row);
    const OutcomeRow y = table.row(b.row);
    return std::tie(x.dataset, x.domain, a.ease, a.hash, x.id) <
           std::tie(y.dataset, y.domain, b.ease, b.hash, y.id);
  });
  return all;
}

}  // namespace

double mean_quality(std::span<const Cell> cells, std::size_t except) {
  double sum = 0;
  double n = 0;
  for (std::size_t m = 0; m < cells.size(); ++m) {
    if (m == except || std::isnan(cells[m].quality)) continue;
    sum += static_cast<double>(cells[m].quality);
    n += 1;
  }
  return n > 0 ? sum / n : 0;
}

std::vector<std::size_t> sample_evenly(const OutcomeTable& table, std::span<const SampleRow> rows,
                                       std::size_t count, std::string_view key) {
  const std::vector<Keyed> all = in_order(table, rows, key);
  // In [0, 1), from the upper 53 bits.
  const double start =
      static_cast<double>(base::hash64(key, 1) >> 11U) / static_cast<double>(1ULL << 53U);
  const std::size_t n = std::min(count, all.size());
  std::vector<std::uint8_t> taken(all.size(), 0);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < n; ++i) {
    const double at =
        (static_cast<double>(i) + start) * static_cast<double>(all.size()) / static_cast<double>(n);
    const std::size_t k = std::min(all.size() - 1, static_cast<std::size_t>(at));
    taken[k] = 1;
    out.push_back(all[k].row);
  }
  std::vector<Keyed> rest;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (taken[i] == 0) rest.push_back(all[i]);
  }
  std::sort(rest.begin(), rest.end(), [](const Keyed& a, const Keyed& b) {
    return std::tie(a.hash, a.row) < std::tie(b.hash, b.row);
  });
  rest.resize(std::min(rest.size(), n));
  for (const Keyed& k : rest) out.push_back(k.row);
  return out;
}

}  // namespace swy::record
