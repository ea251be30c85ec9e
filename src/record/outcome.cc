// Access, subsets and splits of outcome tables; loading is in outcome_load.cc.
#include "record/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/check.h"
#include "base/doc.h"
#include "base/hash.h"
#include "record/arms.h"
#include "record/price_list.h"

namespace swy::record {
namespace {

using Names = std::vector<std::string>;

// What an unknown name may have meant: the nearest, else the first.
std::string meant(std::string_view name, const Names& known) {
  if (known.empty()) return "it has none";
  constexpr std::size_t kShown = 3;
  const auto near = base::nearest_names(name, known, kShown);
  if (!near.empty()) return fmt::format("nearest: {}", fmt::join(near, ", "));
  const auto shown = std::span(known).first(std::min(known.size(), kShown));
  return fmt::format("it has {}{}", fmt::join(shown, ", "),
                     shown.size() < known.size() ? ", ..." : "");
}

Result<std::vector<std::size_t>> indices(const Names& wanted, const Names& known,
                                         std::string_view what) {
  std::vector<std::size_t> out;
  for (const std::string& name : wanted) {
    const auto it = std::find(known.begin(), known.end(), name);
    if (it == known.end()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("the table has no {} \"{}\"; {}", what, name, meant(name, known)));
    }
    const auto i = static_cast<std::size_t>(it - known.begin());
    if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
  }
  return out;
}

// keep[i]: rows with value i stay. Nothing wanted means everything.
Result<std::vector<bool>> mask(const Names& wanted, const Names& known, std::string_view what) {
  SWY_TRY(const auto picked, indices(wanted, known, what));
  std::vector<bool> keep(known.size(), wanted.empty());
  for (const std::size_t i : picked) keep[i] = true;
  return keep;
}

std::size_t bytes_of(const Names& names) {
  std::size_t sum = names.capacity() * sizeof(std::string);
  for (const std::string& n : names)
    sum += n.capacity() > 15 ? n.capacity() : 0;  // 15: held inside the object
  return sum;
}

}  // namespace

OutcomeRow OutcomeTable::row(std::size_t i) const {
  SWY_ASSERT(i < rows());
  const Row& r = all_rows()[i];
  return {view(r.id),     datasets_[r.dataset], domains_[r.domain],
          parts_[r.part], view(r.prompt),       r.tools};
}

std::size_t OutcomeTable::model_index(std::string_view name) const {
  const auto it = std::find(models_.begin(), models_.end(), name);
  return it == models_.end() ? npos : static_cast<std::size_t>(it - models_.begin());
}

Result<OutcomeTable> OutcomeTable::subset(const OutcomeFilter& filter) const {
  SWY_TRY(const auto models,
          indices(filter.models.empty() ? models_ : filter.models, models_, "model"));
  SWY_TRY(const auto datasets, mask(filter.datasets, datasets_, "dataset"));
  SWY_TRY(const auto domains, mask(filter.domains, domains_, "domain"));
  OutcomeTable out;
  for (const std::size_t m : models) out.models_.push_back(models_[m]);
  out.datasets_ = datasets_;
  out.domains_ = domains_;
  out.parts_ = parts_;
  out.report_ = report_;
  const auto copy = [&](Text t) {
    const std::string_view bytes = view(t);
    const Text to{out.arena_.size(), t.size};
    out.arena_.insert(out.arena_.end(), bytes.begin(), bytes.end());
    return to;
  };
  for (std::size_t i = 0; i < rows(); ++i) {
    const Row& r = all_rows()[i];
    const auto seen = cells(i);
    if (!datasets[r.dataset] || !domains[r.domain]) continue;
    if (std::none_of(models.begin(), models.end(), [&](std::size_t m) { return seen[m].present; }))
      continue;
    Row kept = r;
    kept.id = copy(r.id);
    kept.prompt = copy(r.prompt);
    out.rows_.push_back(kept);
    for (const std::size_t m : models) out.cells_.push_back(seen[m]);
  }
  return out;
}

void OutcomeTable::apply(const PriceList& prices) {
  if (mapping_ != nullptr)  // a mapped file is not written to
    cells_.assign(mapping_->cells.begin(), mapping_->cells.end());
  for (std::size_t m = 0; m < models_.size(); ++m) {
    auto price = prices.find(models_[m]);
    const auto arm = read_arm_name(models_[m]);
    const double answers = !price && arm ? arm->answers : 1;
    if (!price && arm) price = prices.find(arm->model);
    std::uint64_t done = 0;
    for (std::size_t i = m; price && i < cells_.size(); i += models_.size()) {
      Cell& c = cells_[i];
      if (std::isnan(c.tokens_in) || std::isnan(c.tokens_out)) continue;
      c.cost_usd = static_cast<float>(answers *
                                      (static_cast<double>(c.tokens_in) * price->in_per_mtok +
                                       static_cast<double>(c.tokens_out) * price->out_per_mtok) /
                                      1e6);
      ++done;
    }
    report_.repriced += done;
    if (done == 0) report_.not_repriced.push_back(models_[m]);
  }
}

std::size_t OutcomeTable::memory_bytes() const {
  return rows_.capacity() * sizeof(Row) + cells_.capacity() * sizeof(Cell) + arena_.capacity() +
         bytes_of(models_) + bytes_of(datasets_) + bytes_of(domains_) + bytes_of(parts_);
}

bool is_train(std::string_view id, double share, std::uint64_t seed) {
  // 53 bits of the hash as a number in [0, 1).
  return static_cast<double>(base::hash64(id, seed) >> 11U) * 0x1.0p-53 < share;
}

bool is_train(const OutcomeRow& row, const Split& split) {
  if (split.honour_part) {
    if (row.part == "train") return true;
    if (row.part == "dev" || row.part == "test") return false;
  }
  return is_train(row.id, split.train_share, split.seed);
}

std::int64_t mean_tokens_in(std::span<const Cell> cells) {
  double sum = 0;
  double n = 0;
  for (const Cell& c : cells) {
    if (std::isnan(c.tokens_in)) continue;
    sum += static_cast<double>(c.tokens_in);
    n += 1;
  }
  return n > 0 ? std::llround(sum / n) : 0;
}

}  // namespace swy::record
