// What an outcome table says of the models of a configuration: the observations by model, aligned
// with the rows that were learned from. For estimators that learn from tables.
//
// When to use: inside this folder, while the configuration is read. Threading: filled by one
// thread, then immutable. Ownership: owns its numbers; prompts are given to the reader once and not
// kept.
#pragma once

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/doc.h"
#include "record/outcome.h"
#include "route/estimator/knn_index.h"
#include "route/estimator/labels.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {

inline constexpr std::uint32_t kNoRow = 0xFFFFFFFF;

// Options of every estimator that learns from tables.
struct TableOptions {
  std::vector<std::string> table;
  std::vector<std::string> names;
  std::string part = "all";
  std::int64_t rows = 0;  // at most so many of the part's, evenly chosen; 0: all
  void bind(base::OptionBinder& binder);
};

inline constexpr std::size_t kNoModel = static_cast<std::size_t>(-1);
// For every card the index of its model among `models`, or kNoModel: by the option `names`
// (card=name), by the card's name, by its upstream_model. Errors are reported at mark.
std::vector<std::size_t> match_cards(std::span<const std::string> models,
                                     const std::vector<std::string>& names, base::Mark mark,
                                     BuildContext& ctx);

// One observed number of one model, by row; NaN where it was not observed.
struct Column {
  std::vector<float> value;
  double sum = 0;
  double count = 0;

  void push(float v) {
    value.push_back(v);
    if (std::isnan(v)) return;
    sum += static_cast<double>(v);
    count += 1;
  }
  // Mean over all rows but one (kNoRow: over all); NaN without any.
  [[nodiscard]] double mean_without(std::uint32_t row) const {
    const bool out = row != kNoRow && !std::isnan(value[row]);
    const double n = count - (out ? 1 : 0);
    return n > 0 ? (sum - (out ? static_cast<double>(value[row]) : 0)) / n : kUnknownNumber;
  }
};

struct ObservedModel {
  Column quality;
  Column tokens_out;
  Column cost_usd;
  Column latency_s;
};

class Observed {
 public:
  // Reads the tables; on_row is called with every row that counts, in the order of the columns.
  // nullopt: an error was reported, or there is nothing to learn from yet (a note says so). `type`
  // names the estimator in findings.
  using OnRow = std::function<void(const record::OutcomeRow&)>;
  static std::optional<Observed> load(const TableOptions& options, std::string_view type,
                                      base::Mark mark, BuildContext& ctx, const OnRow& on_row);
  // The same, and what is needed to go through the rows again.
  struct Kept;
  static std::optional<Kept> load_and_keep(const TableOptions& options, std::string_view type,
                                           base::Mark mark, BuildContext& ctx, const OnRow& on_row);

  // What a weight file kept of a table: nothing is found by id. column[id]: the model of card `id`,
  // or kNoModel. REQUIRES: columns of `rows` values.
  Observed(std::vector<ObservedModel> models, std::vector<std::size_t> column, std::size_t rows,
           std::uint64_t version)
      : rows_(rows), column_(std::move(column)), models_(std::move(models)), version_(version) {}

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] const std::vector<ObservedModel>& models() const { return models_; }
  // nullptr: the table says nothing of this card.
  [[nodiscard]] const ObservedModel* of(ExpertId id) const {
    return column_[id] == kNone ? nullptr : &models_[column_[id]];
  }
  [[nodiscard]] std::size_t index_of(const ObservedModel& model) const {
    return static_cast<std::size_t>(&model - models_.data());
  }
  // By model and row, NaN where there is no observation.
  [[nodiscard]] std::vector<std::vector<float>> qualities() const;
  // Fills in what is expected of models that were observed on few rows (completion.h). By model
  // what was observed of it, where something was filled in, else nothing.
  std::vector<std::vector<float>> complete(const Labels& groups);
  // Models whose qualities were observed on the same rows have the same pattern.
  struct Patterns {
    std::vector<std::size_t> of;  // by model
    std::size_t count = 0;
  };
  [[nodiscard]] Patterns patterns() const;
  // The row of this id; kNoRow for "" and for ids that are not there.
  [[nodiscard]] std::uint32_t find(std::string_view id) const;
  // For every model the name of the first card that it is of.
  [[nodiscard]] std::vector<std::string> names(const Catalogue& catalogue) const;
  // Rows, prompts and every observation of them, as one number.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  Observed() = default;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  void read(const record::OutcomeTable& table, std::span<const std::uint32_t> rows,
            const std::vector<std::size_t>& match, const OnRow& on_row);

  std::size_t rows_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> row_of_;  // hash of the id, sorted
  std::vector<std::size_t> column_;  // by ExpertId, into models_, or kNone
  std::vector<ObservedModel> models_;
  std::uint64_t version_ = 0;
};

struct Observed::Kept {
  Observed past;
  record::OutcomeTable table;
  std::vector<std::uint32_t> rows;  // of the table, in the order of the columns
};

// Observations and their prompts, searchable by similarity; options and findings as of load().
struct IndexedPast {
  Observed past;
  RowIndex index;
};
std::optional<IndexedPast> load_indexed(const TableOptions& options, std::string_view type,
                                        base::Mark mark, BuildContext& ctx);

// Nothing is known until outcomes exist.
class Unlearned final : public Estimator {
 public:
  void estimate(const Question& /*q*/, std::span<Belief> /*out*/) const override {}
};

// Cost and latency of candidate i from means of past calls: answer length at the card's price, else
// the table's cost. NaN stays unknown.
struct PastCalls {
  double tokens_out = kUnknownNumber;
  double cost_usd = kUnknownNumber;
  double latency_s = kUnknownNumber;
};
// Over all rows but one (kNoRow: over all).
PastCalls mean_calls(const ObservedModel& model, std::uint32_t excluded);
void believe_calls(const Question& q, std::size_t i, const PastCalls& past, Belief& out);

}  // namespace swy::route
