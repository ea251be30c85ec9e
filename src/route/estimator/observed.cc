#include "route/estimator/observed.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "route/estimator/completion.h"
#include "route/estimator/expected_output.h"
#include "route/estimator/outcome_tables.h"

namespace swy::route {
namespace {

bool valid(const TableOptions& options, std::string_view type, base::Mark mark,
           base::Diagnostics& diag) {
  const std::size_t before = diag.errors();
  if (options.table.empty()) {
    diag.error(mark, fmt::format("{}: say which outcome table to learn from, for example table: "
                                 "outcomes/",
                                 type));
  }
  if (options.part != "all" && options.part != "train" && options.part != "dev")
    diag.error(mark, fmt::format("part: '{}' should be all, train or dev", options.part));
  return diag.errors() == before;
}

}  // namespace

std::vector<std::size_t> match_cards(std::span<const std::string> models,
                                     const std::vector<std::string>& names, base::Mark mark,
                                     BuildContext& ctx) {
  const auto index = [&](std::string_view name) {
    const auto it = std::find(models.begin(), models.end(), name);
    return it == models.end() ? kNoModel : static_cast<std::size_t>(it - models.begin());
  };
  const Catalogue& catalogue = ctx.catalogue();
  std::vector<std::size_t> match;
  for (const Card& card : catalogue.cards()) {
    std::size_t m = index(card.name);
    if (m == kNoModel) m = index(card.name_in_tables());
    match.push_back(m);
  }
  for (const std::string& pair : names) {
    const std::size_t cut = pair.find('=');
    const std::string card = pair.substr(0, cut);
    const auto id = catalogue.find(card);
    const std::string name = cut == std::string::npos ? "" : pair.substr(cut + 1);
    const std::size_t m = index(name);
    if (!id) {
      ctx.diag().error(
          mark, fmt::format("names: '{}' should be card=name; there is no model '{}'{}", pair, card,
                            base::did_you_mean(card, catalogue.names())));
    } else if (m == kNoModel) {
      ctx.diag().error(mark, fmt::format("names: the table has no model '{}'{}", name,
                                         base::did_you_mean(name, {models.begin(), models.end()})));
    } else {
      match[*id] = m;
    }
  }
  return match;
}

void TableOptions::bind(base::OptionBinder& binder) {
  binder.field("table", table, "outcome tables: files, or directories of them");
  binder.field("names", names,
               "card=name in the table, where they differ; else the card's name or upstream_model");
  binder.field("part", part, "rows to learn from: all, train or dev");
  binder.field("rows", rows, {.min = 0, .max = 4e9},
               "at most so many of them, evenly chosen; 0: all");
}

namespace {

// The rows of the part, or as many as are wanted, at equal distances.
std::vector<std::uint32_t> chosen_rows(const record::OutcomeTable& table, const TableOptions& o) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (o.part == "all" || table.row(i).part == o.part)
      rows.push_back(static_cast<std::uint32_t>(i));
  }
  const auto most = static_cast<std::size_t>(o.rows);
  if (most == 0 || rows.size() <= most) return rows;
  for (std::size_t k = 0; k < most; ++k) rows[k] = rows[k * rows.size() / most];
  rows.resize(most);
  rows.shrink_to_fit();
  return rows;
}

}  // namespace

std::optional<Observed> Observed::load(const TableOptions& options, std::string_view type,
                                       base::Mark mark, BuildContext& ctx, const OnRow& on_row) {
  auto kept = load_and_keep(options, type, mark, ctx, on_row);
  if (!kept) return std::nullopt;
  return std::move(kept->past);
}

std::optional<Observed::Kept> Observed::load_and_keep(const TableOptions& options,
                                                      std::string_view type, base::Mark mark,
                                                      BuildContext& ctx, const OnRow& on_row) {
  if (!valid(options, type, mark, ctx.diag())) return std::nullopt;
  const std::size_t before = ctx.diag().errors();
  auto table = load_tables(options.table, mark, ctx);
  if (ctx.diag().errors() != before || !table) return std::nullopt;
  const auto match = match_cards(table->models(), options.names, mark, ctx);
  if (ctx.diag().errors() != before) return std::nullopt;
  auto rows = chosen_rows(*table, options);
  Observed o;
  o.read(*table, rows, match, on_row);
  if (o.rows() == 0) {
    ctx.diag().note(mark,
                    fmt::format("{}: no row of part {}: nothing is known yet", type, options.part));
    return std::nullopt;
  }
  for (std::size_t id = 0; id < match.size(); ++id) {
    if (o.column_[id] == kNone) {
      ctx.diag().note(mark, fmt::format("{}: no outcomes of model '{}': it stays unknown", type,
                                        ctx.catalogue().cards()[id].name));
    }
  }
  return Kept{std::move(o), std::move(*table), std::move(rows)};
}

void Observed::read(const record::OutcomeTable& table, std::span<const std::uint32_t> rows,
                    const std::vector<std::size_t>& match, const OnRow& on_row) {
  std::vector<std::size_t> sources;
  for (const std::size_t m : match) {
    const auto it = std::find(sources.begin(), sources.end(), m);
    column_.push_back(m == kNoModel ? kNone : static_cast<std::size_t>(it - sources.begin()));
    if (m != kNoModel && it == sources.end()) sources.push_back(m);
  }
  models_.resize(sources.size());
  row_of_.reserve(rows.size());
  for (ObservedModel& m : models_) {
    for (Column* c : {&m.quality, &m.tokens_out, &m.cost_usd, &m.latency_s})
      c->value.reserve(rows.size());
  }
  for (const std::uint32_t i : rows) {
    const record::OutcomeRow row = table.row(i);
    row_of_.emplace_back(base::hash64(row.id), static_cast<std::uint32_t>(row_of_.size()));
    version_ = base::hash64(row.prompt, base::hash64(row.id, version_));
    on_row(row);
    for (std::size_t c = 0; c < sources.size(); ++c) {
      const record::Cell& cell = table.cell(i, sources[c]);
      models_[c].quality.push(cell.quality);
      models_[c].tokens_out.push(cell.tokens_out);
      models_[c].cost_usd.push(cell.cost_usd);
      models_[c].latency_s.push(cell.latency_s);
    }
  }
  rows_ = row_of_.size();
  std::sort(row_of_.begin(), row_of_.end());
  for (const ObservedModel& m : models_) {
    for (const Column* c : {&m.quality, &m.tokens_out, &m.cost_usd, &m.latency_s}) {
      const auto* bytes = reinterpret_cast<const char*>(c->value.data());
      version_ = base::hash64({bytes, c->value.size() * sizeof(float)}, version_);
    }
  }
}

std::vector<std::vector<float>> Observed::qualities() const {
  std::vector<std::vector<float>> out;
  for (const ObservedModel& m : models_) out.push_back(m.quality.value);
  return out;
}

std::vector<std::vector<float>> Observed::complete(const Labels& groups) {
  double most = 0;
  for (const ObservedModel& m : models_) most = std::max(most, m.quality.count);
  if (std::none_of(models_.begin(), models_.end(),
                   [&](const ObservedModel& m) { return is_completed(m.quality.count, most); }))
    return std::vector<std::vector<float>>(models_.size());
  const auto columns = [&](Column ObservedModel::* of) {
    std::vector<std::vector<float>> out;
    for (const ObservedModel& m : models_) out.push_back((m.*of).value);
    return out;
  };
  const auto put = [&](Column ObservedModel::* of, const std::vector<std::vector<float>>& all) {
    for (std::size_t m = 0; m < models_.size(); ++m) {
      Column& column = models_[m].*of;
      column = {};
      for (const float v : all[m]) column.push(v);
    }
  };
  std::vector<std::vector<float>> before = qualities();
  std::vector<std::vector<float>> after = before;
  const std::vector<std::size_t> had = swy::route::complete(after, groups);
  put(&ObservedModel::quality, after);
  for (const auto of :
       {&ObservedModel::tokens_out, &ObservedModel::cost_usd, &ObservedModel::latency_s}) {
    auto calls = columns(of);
    complete_in_proportion(calls);
    put(of, calls);
  }
  for (std::size_t m = 0; m < models_.size(); ++m)
    if (had[m] == 0) before[m].clear();
  return before;
}

std::vector<std::string> Observed::names(const Catalogue& catalogue) const {
  std::vector<std::string> out(models_.size());
  for (std::size_t c = 0; c < column_.size(); ++c) {
    if (column_[c] != kNone && out[column_[c]].empty())
      out[column_[c]] = catalogue[static_cast<ExpertId>(c)].name;
  }
  return out;
}

Observed::Patterns Observed::patterns() const {
  Patterns patterns;
  std::vector<std::vector<bool>> seen;
  for (const ObservedModel& model : models_) {
    std::vector<bool> rows;
    rows.reserve(model.quality.value.size());
    for (const float y : model.quality.value) rows.push_back(!std::isnan(y));
    const auto it = std::find(seen.begin(), seen.end(), rows);
    patterns.of.push_back(static_cast<std::size_t>(it - seen.begin()));
    if (it == seen.end()) seen.push_back(std::move(rows));
  }
  patterns.count = seen.size();
  return patterns;
}

std::uint32_t Observed::find(std::string_view id) const {
  if (id.empty()) return kNoRow;
  const std::uint64_t h = base::hash64(id);
  const auto it = std::lower_bound(row_of_.begin(), row_of_.end(), std::pair(h, std::uint32_t{0}));
  return it != row_of_.end() && it->first == h ? it->second : kNoRow;
}

std::optional<IndexedPast> load_indexed(const TableOptions& options, std::string_view type,
                                        base::Mark mark, BuildContext& ctx) {
  RowIndex index;
  text::Sketch sketch;
  auto past = Observed::load(options, type, mark, ctx, [&](const record::OutcomeRow& row) {
    text::sketch_into(row.prompt, sketch);
    index.add(sketch.features());
  });
  if (!past) return std::nullopt;
  index.finish(kStopWordShare);
  return IndexedPast{std::move(*past), std::move(index)};
}

PastCalls mean_calls(const ObservedModel& model, std::uint32_t excluded) {
  return {model.tokens_out.mean_without(excluded), model.cost_usd.mean_without(excluded),
          model.latency_s.mean_without(excluded)};
}

void believe_calls(const Question& q, std::size_t i, const PastCalls& past, Belief& out) {
  out.latency_ms = 1e3 * past.latency_s;
  const Card& card = q.card(i);
  if (!card.price.known()) {
    out.cost_micro = 1e6 * past.cost_usd;
  } else if (!std::isnan(past.tokens_out)) {
    const chat::Request& request = q.reading.request();
    out.cost_micro = expected_cost_micro(request, card, q.reading.tokens_in(),
                                         expected_output(request, card, past.tokens_out));
  }
}

}  // namespace swy::route
