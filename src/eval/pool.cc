// Cutting outcome tables to a pool. Order: datasets and domains, models by coverage, price, rows
// with an observation of every model, costs, split. Every step that leaves something out says so in
// notes.
#include "eval/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"
#include "base/doc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "record/price_list.h"

namespace swy::eval {
namespace {

// A model that answered less than this share of the questions is left out unless asked for.
constexpr double kCoverage = 0.95;
constexpr std::size_t kNamesInNote = 6;
constexpr std::uint64_t kValidationStage = 7;  // of the random numbers: any of its own
constexpr std::size_t kFewestValidation = 10;  // below, a choice between settings is luck

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

// `rows`: those in use, of whose costs the missing ones are counted.
void fill_cost(const std::vector<std::size_t>& rows, Pool& pool) {
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
    for (const std::size_t row : rows) {
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

// kNotFound for a name that no row has in this field.
Status all_known(const Pool& pool, const std::vector<std::size_t>& rows,
                 const std::vector<std::string>& names, std::string_view what,
                 std::string_view record::OutcomeRow::* field) {
  std::vector<std::string> known;
  for (const std::size_t row : rows) {
    const std::string_view name = pool.table.row(row).*field;
    if (std::find(known.begin(), known.end(), name) == known.end()) known.emplace_back(name);
  }
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return fail(ErrorCode::kNotFound, fmt::format("no {} '{}' among the questions{}", what, name,
                                                  base::did_you_mean(name, known)));
  }
  return {};
}

Status leave_out(Pool& pool, const std::vector<std::size_t>& rows, const PoolOptions& options) {
  const auto& sets = options.leave_out;
  const auto& domains = options.leave_out_domains;
  SWY_DO(all_known(pool, rows, sets, "data set", &record::OutcomeRow::dataset));
  SWY_DO(all_known(pool, rows, domains, "domain", &record::OutcomeRow::domain));
  std::unordered_set<std::uint64_t> tested;
  std::string buffer;
  const auto is_left_out = [&](const record::OutcomeRow& r) {
    return std::find(sets.begin(), sets.end(), r.dataset) != sets.end() ||
           std::find(domains.begin(), domains.end(), r.domain) != domains.end();
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
        "{} other questions occur in what is left out and are not learned from", twins));
  }
  return {};
}

// Questions that were given on both sides: an error, or taken out of what is learned from. by_id:
// so many were left out of `train` already because a test row has their id.
Status resolve_leaks(Pool& pool, const PoolOptions& options, std::size_t by_id,
                     std::string_view how) {
  std::unordered_set<std::uint64_t> tested;
  std::string buffer;
  for (const std::size_t row : pool.test) tested.insert(key_of(pool.table.row(row), buffer));
  const auto leaks = [&](std::size_t row) {
    return tested.count(key_of(pool.table.row(row), buffer)) != 0;
  };
  const std::size_t leaked =
      by_id + static_cast<std::size_t>(std::count_if(pool.train.begin(), pool.train.end(), leaks));
  if (leaked == 0) return {};
  if (!options.drop_leaked) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("leakage: {} of {} questions to learn from are also among the {} to "
                            "test on ({}); --drop-leaked does not learn from them",
                            leaked, pool.train.size() + by_id, pool.test.size(), how));
  }
  std::erase_if(pool.train, leaks);
  pool.notes.push_back(fmt::format(
      "{} questions to learn from are also tested on and are not learned from", leaked));
  return {};
}

Status split_rows(Pool& pool, const std::vector<std::size_t>& rows, const PoolOptions& options) {
  const record::Split split{options.train_share, options.seed, options.by_part};
  if (options.by_part) {
    for (const std::size_t row : rows)
      (record::is_train(pool.table.row(row), split) ? pool.train : pool.test).push_back(row);
    return resolve_leaks(pool, options, 0, "by the table's own parts");
  }
  std::unordered_map<std::uint64_t, bool> side;
  std::string buffer;
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    const std::uint64_t key = key_of(r, buffer);
    const bool train = side.try_emplace(key, record::is_train(r, split)).first->second;
    (train ? pool.train : pool.test).push_back(row);
  }
  return {};
}

// The knobs' part of what is learned from, by the question, so that twins stay together.
void set_validation(Pool& pool, const PoolOptions& options) {
  std::string buffer;
  for (const std::size_t row : pool.train) {
    base::Rng rng(options.seed, key_of(pool.table.row(row), buffer), kValidationStage);
    if (rng.uniform() < options.validation_share) pool.validation.push_back(row);
  }
  if (pool.validation.size() < kFewestValidation || pool.validation.size() == pool.train.size())
    pool.validation.clear();
  if (pool.validation.empty() && options.validation_share > 0) {
    pool.notes.push_back(fmt::format("{} questions to learn from are too few to choose settings on",
                                     pool.train.size()));
  }
}

// Cuts the table to models and rows, fills in costs. The rows that are left.
Result<std::vector<std::size_t>> cut(const record::OutcomeTable& all, const PoolOptions& options,
                                     Pool& pool) {
  SWY_TRY(const auto chosen, all.subset({options.models, options.datasets, options.domains}));
  if (chosen.rows() == 0) {
    const bool whole =
        options.models.empty() && options.datasets.empty() && options.domains.empty();
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("no question: the files of --data hold none{}",
                            whole ? "" : " of these --models, --datasets and --domains"));
  }
  std::vector<std::string> models = options.models;
  if (models.empty()) {
    SWY_TRY(models, pick_models(chosen, pool));
  }
  SWY_TRY(pool.table, chosen.subset({models, {}, {}}));
  auto rows = fill_quality(pool);
  if (rows.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("no question has an observation of all of {}", some_names(models)));
  }
  fill_cost(rows, pool);
  return rows;
}

// What makes a comparison pointless without being wrong.
void note_degenerate(Pool& pool) {
  if (pool.models() == 1) {
    pool.notes.push_back(
        fmt::format("only one model, {}: there is nothing to choose", pool.table.models()[0]));
  }
  const auto same = [&](auto&& value) {
    double first = std::numeric_limits<double>::quiet_NaN();
    for (const auto* part : {&pool.train, &pool.test}) {
      for (const std::size_t row : *part) {
        for (std::size_t m = 0; m < pool.models(); ++m) {
          const double v = value(row, m);
          if (std::isnan(first)) first = v;
          if (v != first) return false;
        }
      }
    }
    return true;
  };
  if (same([&](std::size_t row, std::size_t m) { return pool.qualities(row)[m]; })) {
    pool.notes.push_back(
        fmt::format("all outcomes have the same quality, {:g}: no router can be "
                    "better than another",
                    pool.qualities(pool.test[0])[0]));
  } else if (same([&](std::size_t row, std::size_t m) {
               return pool.qualities(row)[m] - pool.qualities(row)[0];
             }) &&
             pool.models() > 1) {
    pool.notes.emplace_back(
        "all models have the same quality on every question: only costs differ");
  }
}

// Tables with costs from the price list, if one is named.
Result<record::OutcomeTable> load_table(const std::vector<std::string>& paths,
                                        const PoolOptions& options, Pool* notes) {
  record::LoadOptions how;
  how.answers = options.answers;
  record::PriceList prices;
  if (!options.prices.empty()) {
    SWY_TRY(prices, record::PriceList::load(options.prices));
    how.prices = &prices;
  }
  SWY_TRY(auto table, record::load_outcomes(paths, how));
  if (notes == nullptr) return table;
  const record::LoadReport& report = table.report();
  if (report.merged > 0) {
    notes->notes.push_back(fmt::format(
        "{} rows have the id of an earlier one: their models are added to it", report.merged));
  }
  if (how.prices != nullptr) {
    notes->notes.push_back(
        fmt::format("{} costs are tokens at the prices of {}", report.repriced, options.prices));
    if (!report.not_repriced.empty()) {
      notes->notes.push_back(fmt::format("no price or no tokens, so costs as recorded, for {}",
                                         some_names(report.not_repriced)));
    }
  }
  return table;
}

std::unordered_set<std::string> ids_of(const record::OutcomeTable& table) {
  std::unordered_set<std::string> ids;
  for (std::size_t row = 0; row < table.rows(); ++row) ids.emplace(table.row(row).id);
  return ids;
}

// Two lots of files: one to learn from, one to test on.
Result<Pool> load_two(const PoolOptions& options) {
  SWY_TRY(const auto tested, load_table(options.data, options, nullptr));
  SWY_TRY(const auto learned, load_table(options.train, options, nullptr));
  const auto test_ids = ids_of(tested);
  const auto train_ids = ids_of(learned);
  std::vector<std::string> paths = options.train;
  paths.insert(paths.end(), options.data.begin(), options.data.end());
  Pool pool;
  pool.foreign = true;
  SWY_TRY(const auto all, load_table(paths, options, &pool));
  SWY_TRY(const auto rows, cut(all, options, pool));
  std::size_t both = 0;
  for (const std::size_t row : rows) {
    const std::string id(pool.table.row(row).id);
    const bool test = test_ids.count(id) != 0;
    (test ? pool.test : pool.train).push_back(row);
    both += test && train_ids.count(id) != 0 ? 1U : 0U;
  }
  SWY_DO(resolve_leaks(pool, options, both, "--train and --data, by id or text"));
  if (pool.test.empty() || pool.train.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("nothing is left to {}", pool.test.empty() ? "test on" : "learn from"));
  }
  set_validation(pool, options);
  note_degenerate(pool);
  return pool;
}

}  // namespace

Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options) {
  return make_pool(all, options, {});
}

Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options,
                       std::vector<std::string> notes) {
  Pool pool;
  pool.notes = std::move(notes);
  SWY_TRY(const auto rows, cut(all, options, pool));
  pool.foreign = options.leaves_out();
  if (!options.leaves_out()) {
    SWY_DO(split_rows(pool, rows, options));
  } else {
    SWY_DO(leave_out(pool, rows, options));
  }
  if (pool.test.empty() || pool.train.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        !options.leaves_out()
            ? fmt::format(
                  "the {} part is empty: {} questions at train share {}{}",
                  pool.test.empty() ? "test" : "train", rows.size(), options.train_share,
                  options.by_part ? ", split by the table's own parts; try --split hash" : "")
            : "nothing is left to learn from: all questions are in what is left out");
  }
  set_validation(pool, options);
  note_degenerate(pool);
  return pool;
}

Status shift_prices(Pool& pool, std::span<const std::pair<std::string, double>> shifts) {
  if (shifts.empty()) return {};
  if (!pool.priced)
    return fail(ErrorCode::kInvalidArgument, "--price-shift: these tables have no costs");
  pool.price_factor.assign(pool.models(), 1.0);
  for (const auto& [name, factor] : shifts) {
    const std::size_t m = pool.table.model_index(name);
    if (m == record::OutcomeTable::npos) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("--price-shift: the pool has no model '{}'{}", name,
                              base::did_you_mean(name, pool.table.models())));
    }
    if (!(factor > 0) || std::isinf(factor)) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("--price-shift: {} times {}: the factor must be above 0", name, factor));
    }
    pool.price_factor[m] = factor;
    for (std::size_t row = 0; row < pool.table.rows(); ++row)
      pool.cost[row * pool.models() + m] *= factor;
    pool.notes.push_back(
        fmt::format("{} costs {:g} times what the table says; learned from at the table's price",
                    name, factor));
  }
  return {};
}

Result<Pool> without_model(const Pool& pool, std::size_t model) {
  Pool out;
  std::vector<std::string> names = pool.table.models();
  names.erase(names.begin() + static_cast<std::ptrdiff_t>(model));
  SWY_TRY(out.table, pool.table.subset({names, {}, {}}));
  SWY_ASSERT(out.table.rows() == pool.table.rows());  // every row of a pool has every model
  const auto cut = [&](const auto& all) {
    std::remove_cvref_t<decltype(all)> kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i % pool.models() != model) kept.push_back(all[i]);
    }
    return kept;
  };
  out.quality = cut(pool.quality);
  out.cost = cut(pool.cost);
  out.hidden = cut(pool.hidden);
  out.price_factor = cut(pool.price_factor);
  out.train = pool.train;
  out.test = pool.test;
  out.validation = pool.validation;
  out.priced = pool.priced;
  out.foreign = pool.foreign;
  out.prices = pool.prices;
  return out;
}

namespace {

Result<Pool> load_any(const PoolOptions& options) {
  if (!options.train.empty()) {
    if (options.by_part || options.leaves_out())
      return fail(ErrorCode::kInvalidArgument,
                  "--train says what is learned from: not with --split part or --leave-out");
    return load_two(options);
  }
  Pool loaded;
  SWY_TRY(const auto all, load_table(options.data, options, &loaded));
  return make_pool(all, options, std::move(loaded.notes));
}

}  // namespace

Result<Pool> load_pool(const PoolOptions& options) {
  if (options.data.empty())
    return fail(ErrorCode::kInvalidArgument, "no outcome table given: --data FILE...");
  SWY_TRY(Pool pool, load_any(options));
  pool.data = options.data;
  pool.data.insert(pool.data.end(), options.train.begin(), options.train.end());
  return pool;
}

}  // namespace swy::eval
