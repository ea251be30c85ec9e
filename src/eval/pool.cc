// Cutting outcome tables to a pool. Order: datasets and domains, models by coverage, price, rows
// with an observation of every model, costs, split. Every step that leaves something out says so in
// notes.
#include "eval/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/doc.h"
#include "base/hash.h"

namespace swy::eval {
namespace {

// A model that answered less than this share of the questions is left out unless asked for.
constexpr double kCoverage = 0.95;
constexpr std::size_t kNamesInNote = 6;

struct Seen {
  std::size_t observed = 0;
  std::size_t with_cost = 0;
};

std::vector<Seen> count_seen(const record::OutcomeTable& table) {
  std::vector<Seen> seen(table.models().size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto cells = table.cells(row);
    for (std::size_t m = 0; m < cells.size(); ++m) {
      if (std::isnan(cells[m].quality)) continue;
      ++seen[m].observed;
      seen[m].with_cost += std::isnan(cells[m].cost_usd) ? 0U : 1U;
    }
  }
  return seen;
}

bool covers(std::size_t part, std::size_t whole) {
  return whole > 0 && static_cast<double>(part) >= kCoverage * static_cast<double>(whole);
}

// "a, b, c and 12 more"
std::string some_names(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamesInNote);
  std::string out = fmt::format(
      "{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < names.size()) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

// The models to keep by coverage and price.
Result<std::vector<std::string>> pick_models(const record::OutcomeTable& table, Pool& pool) {
  const std::vector<Seen> seen = count_seen(table);
  std::vector<std::string> kept;
  std::vector<std::string> unpriced;
  std::vector<std::string> partial;
  for (std::size_t m = 0; m < seen.size(); ++m) {
    if (!covers(seen[m].observed, table.rows())) {
      partial.push_back(table.models()[m]);
    } else if (!covers(seen[m].with_cost, seen[m].observed)) {
      unpriced.push_back(table.models()[m]);
    } else {
      kept.push_back(table.models()[m]);
    }
  }
  if (!partial.empty()) {
    pool.notes.push_back(
        fmt::format("left out {} models without an observation on 95 % of the {} questions: {}",
                    partial.size(), table.rows(), some_names(partial)));
  }
  if (kept.empty() && unpriced.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("no model has an observation on 95 % of the {} questions; name models "
                            "with --models, or fewer "
                            "files with --data: {}",
                            table.rows(), some_names(table.models())));
  }
  if (kept.empty()) return unpriced;  // no model has a price: quality only
  if (!unpriced.empty()) {
    pool.notes.push_back(
        fmt::format("left out {} models without cost: {}", unpriced.size(), some_names(unpriced)));
  }
  return kept;
}

// Rows with a quality for every model, copied out of the table.
std::vector<std::size_t> fill_quality(Pool& pool) {
  std::vector<std::size_t> rows;
  const std::size_t k = pool.models();
  pool.quality.resize(pool.table.rows() * k);
  for (std::size_t row = 0; row < pool.table.rows(); ++row) {
    const auto cells = pool.table.cells(row);
    bool whole = true;
    for (std::size_t m = 0; m < k; ++m) {
      pool.quality[row * k + m] = static_cast<double>(cells[m].quality);
      whole = whole && !std::isnan(cells[m].quality);
    }
    if (whole) rows.push_back(row);
  }
  const std::size_t dropped = pool.table.rows() - rows.size();
  if (dropped > 0) {
    pool.notes.push_back(
        fmt::format("left out {} questions that not every model has an observation on", dropped));
  }
  return rows;
}

void fill_cost(Pool& pool) {
  const std::size_t k = pool.models();
  pool.cost.assign(pool.quality.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<Seen> seen = count_seen(pool.table);
  std::vector<std::string> without;
  for (std::size_t m = 0; m < k; ++m) {
    if (!covers(seen[m].with_cost, seen[m].observed)) without.push_back(pool.table.models()[m]);
  }
  pool.priced = without.empty();
  if (!pool.priced) {
    pool.notes.push_back(
        fmt::format("no cost for {}: qualities only, no curves", some_names(without)));
    return;
  }
  std::size_t filled = 0;
  for (std::size_t m = 0; m < k; ++m) {
    double sum = 0;
    std::size_t n = 0;
    for (std::size_t row = 0; row < pool.table.rows(); ++row) {
      const float c = pool.table.cell(row, m).cost_usd;
      if (std::isnan(c)) continue;
      sum += static_cast<double>(c);
      ++n;
    }
    const double mean = sum / static_cast<double>(n);
    for (std::size_t row = 0; row < pool.table.rows(); ++row) {
      const float c = pool.table.cell(row, m).cost_usd;
      filled += std::isnan(c) ? 1U : 0U;
      pool.cost[row * k + m] = std::isnan(c) ? mean : static_cast<double>(c);
    }
  }
  if (filled > 0) {
    pool.notes.push_back(fmt::format("{} costs are missing and taken as the model's mean", filled));
  }
}

// The same question in other clothes: only letters, digits and bytes beyond ASCII count.
std::uint64_t question_key(std::string_view prompt, std::string& buffer) {
  buffer.clear();
  for (const char c : prompt) {
    const auto u = static_cast<unsigned char>(c);
    const bool upper = u >= 'A' && u <= 'Z';
    if (upper || (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') || u >= 0x80) {
      buffer += upper ? static_cast<char>(u + ('a' - 'A')) : c;
    }
  }
  return base::hash64(buffer);
}

// A question without text is known by its id alone.
std::uint64_t key_of(const record::OutcomeRow& row, std::string& buffer) {
  return row.prompt.empty() ? base::hash64(row.id, 1) : question_key(row.prompt, buffer);
}

Status leave_out(Pool& pool, const std::vector<std::size_t>& rows,
                 const std::vector<std::string>& sets) {
  std::vector<std::string> known;
  for (const std::size_t row : rows) {
    const std::string_view name = pool.table.row(row).dataset;
    if (std::find(known.begin(), known.end(), name) == known.end()) known.emplace_back(name);
  }
  for (const std::string& name : sets) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(ErrorCode::kNotFound, fmt::format("no data set '{}' among the questions{}", name,
                                                    base::did_you_mean(name, known)));
    }
  }
  std::unordered_set<std::uint64_t> tested;
  std::string buffer;
  const auto is_left_out = [&](const record::OutcomeRow& r) {
    return std::find(sets.begin(), sets.end(), r.dataset) != sets.end();
  };
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    if (!is_left_out(r)) continue;
    pool.test.push_back(row);
    tested.insert(key_of(r, buffer));
  }
  std::size_t twins = 0;
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    if (is_left_out(r)) continue;
    if (tested.count(key_of(r, buffer)) != 0) {
      ++twins;
    } else {
      pool.train.push_back(row);
    }
  }
  if (twins > 0) {
    pool.notes.push_back(fmt::format(
        "{} questions of other sets occur in the ones left out and are not learned from", twins));
  }
  return {};
}

void split_rows(Pool& pool, const std::vector<std::size_t>& rows, const PoolOptions& options) {
  const record::Split split{options.train_share, options.seed, options.by_part};
  std::unordered_map<std::uint64_t, bool> side;
  std::string buffer;
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    const std::uint64_t key = key_of(r, buffer);
    const bool train = side.try_emplace(key, record::is_train(r, split)).first->second;
    (train ? pool.train : pool.test).push_back(row);
  }
}

}  // namespace

Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options) {
  Pool pool;
  SWY_TRY(const auto cut, all.subset({options.models, options.datasets, options.domains}));
  std::vector<std::string> models = options.models;
  if (models.empty()) {
    SWY_TRY(models, pick_models(cut, pool));
  }
  SWY_TRY(pool.table, cut.subset({models, {}, {}}));
  const auto rows = fill_quality(pool);
  if (rows.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("no question has an observation of all of {}", some_names(models)));
  }
  fill_cost(pool);
  if (options.leave_out.empty()) {
    split_rows(pool, rows, options);
  } else {
    SWY_DO(leave_out(pool, rows, options.leave_out));
  }
  if (pool.test.empty() || pool.train.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        options.leave_out.empty()
            ? fmt::format(
                  "the {} part is empty: {} questions at train share {}{}",
                  pool.test.empty() ? "test" : "train", rows.size(), options.train_share,
                  options.by_part ? ", split by the table's own parts; try --split hash" : "")
            : "nothing is left to learn from: all questions are in the data sets left out");
  }
  return pool;
}

Result<Pool> load_pool(const PoolOptions& options) {
  if (options.data.empty())
    return fail(ErrorCode::kInvalidArgument, "no outcome table given: --data FILE...");
  SWY_TRY(const auto all, record::load_outcomes(options.data));
  SWY_TRY(Pool pool, make_pool(all, options));
  pool.data = options.data;
  return pool;
}

}  // namespace swy::eval
