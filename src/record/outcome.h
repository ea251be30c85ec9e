// Outcome table: which model did how well on which question, at what price. Evaluation, kNN and
// training learn from it. The file format is docs/reference/outcome-tables.md.
//
// In memory: column-oriented; strings in one arena, cells row-major (row * models + model). Unknown
// is NaN. Threading: immutable after loading, any thread may read. Ownership: owns its strings;
// views live as long as the table and survive its move.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::record {

struct Cell {
  static constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
  float quality = kUnknown;  // 0 to 1; NaN = no observation
  float tokens_in = kUnknown;
  float tokens_out = kUnknown;
  float cost_usd = kUnknown;
  float latency_s = kUnknown;
  bool present = false;  // the row names the model
  bool missing = false;  // the model gave no usable answer; quality is what the row says, usually 0
  bool estimated = false;  // token counts or cost are estimates
  // Answers behind the means above; 0 when there is no observation. 255 stands for all beyond.
  std::uint8_t samples = 0;
};

struct OutcomeRow {  // a view into the table
  std::string_view id;
  std::string_view dataset;
  std::string_view domain;
  std::string_view part;  // "train", "dev", ... or ""
  std::string_view prompt;
  std::uint32_t tools = 0;  // how many tools the question offers
};

struct OutcomeFilter {  // empty = all
  std::vector<std::string> models;
  std::vector<std::string> datasets;
  std::vector<std::string> domains;
};

class PriceList;

struct LoadOptions {
  bool skip_bad_lines = false;  // count them in the report instead of failing
  // Costs are tokens at these prices where both are known, and as recorded elsewhere. Borrowed.
  const PriceList* prices = nullptr;
  // For each number n (2 to kMostAnswers) every model asked n times is one more model, where a cell
  // lists the qualities of at least n answers (record/arms.h): the mean of the best of n, n times
  // the cost, tokens and latency of one.
  std::vector<std::uint32_t> answers = {};
};

struct LoadReport {
  std::uint64_t files = 0;
  std::uint64_t lines = 0;                // with content
  std::uint64_t merged = 0;               // lines whose id was there before
  std::uint64_t skipped = 0;              // bad lines, with skip_bad_lines
  std::string first_skipped;              // file:line: why
  std::uint64_t repriced = 0;             // cells
  std::vector<std::string> not_repriced;  // models that the price list lacks, or without tokens
};

class OutcomeTable {
 public:
  [[nodiscard]] std::size_t rows() const { return all_rows().size(); }
  [[nodiscard]] const std::vector<std::string>& models() const {
    return models_;
  }  // in order of first appearance
  [[nodiscard]] const std::vector<std::string>& datasets() const { return datasets_; }
  [[nodiscard]] const std::vector<std::string>& domains() const { return domains_; }
  [[nodiscard]] OutcomeRow row(std::size_t i) const;  // REQUIRES: i < rows()
  // REQUIRES: i < rows(), and model < models().size() for cell().
  [[nodiscard]] std::span<const Cell> cells(std::size_t i) const {
    return all_cells().subspan(i * models_.size(), models_.size());
  }
  [[nodiscard]] const Cell& cell(std::size_t i, std::size_t model) const { return cells(i)[model]; }
  // Index of a model by name, npos when the table does not have it.
  // NOLINTNEXTLINE(readability-identifier-naming): the name std::string has for it
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  [[nodiscard]] std::size_t model_index(std::string_view name) const;
  // The same for a model that may be known by another name: the first that the table has.
  [[nodiscard]] std::size_t model_index(std::string_view name, std::string_view otherwise) const {
    const std::size_t m = model_index(name);
    return m != npos ? m : model_index(otherwise);
  }

  // Only these models (in the order asked), datasets and domains; rows without a cell for any of
  // the models fall away. kNotFound for a name that the table does not have, listing those it has.
  [[nodiscard]] Result<OutcomeTable> subset(const OutcomeFilter& filter) const;

  [[nodiscard]] const LoadReport& report() const { return report_; }
  [[nodiscard]] std::size_t memory_bytes() const;  // of what the table holds; not of a mapped file
  [[nodiscard]] bool mapped() const { return mapping_ != nullptr; }

 private:
  friend class OutcomeBuilder;
  friend class OutcomeContainer;
  struct Text {
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Row {
    Text id;
    Text prompt;
    std::uint32_t dataset = 0;
    std::uint32_t domain = 0;
    std::uint32_t part = 0;
    std::uint32_t tools = 0;
  };
  // The file of a mapped table (outcome_container.cc), which then has no rows and cells of its own.
  struct Mapping {
    std::span<const Row> rows;
    std::span<const Cell> cells;
    std::span<const char> text;
    std::shared_ptr<const void> file;
  };
  [[nodiscard]] std::span<const Row> all_rows() const { return mapping_ ? mapping_->rows : rows_; }
  [[nodiscard]] std::span<const Cell> all_cells() const {
    return mapping_ && cells_.empty() ? mapping_->cells : cells_;  // own ones when repriced
  }
  [[nodiscard]] std::span<const char> all_text() const {
    return mapping_ ? mapping_->text : arena_;
  }
  [[nodiscard]] std::string_view view(Text t) const {
    return {all_text().data() + t.begin, t.size};
  }
  void apply(const PriceList& prices);

  std::vector<std::string> models_;
  std::vector<std::string> datasets_;
  std::vector<std::string> domains_;
  std::vector<std::string> parts_;
  std::vector<Row> rows_;
  std::vector<Cell> cells_;
  std::shared_ptr<const Mapping> mapping_;
  std::vector<char> arena_;  // a vector, so that moving the owner never moves the bytes
  LoadReport report_;
};

// What the providers counted for one question, system prompts and tools included, which a table has
// no text of: the mean over its cells, rounded. 0: nobody counted.
[[nodiscard]] std::int64_t mean_tokens_in(std::span<const Cell> cells);

// Loads files and directories; a container (".swt") is mapped where it is the only file, else
// copied. Of a directory: *.jsonl and *.jsonl.gz directly in it, by name, except those with
// ".responses.", ".services.", ".catalogue." or ".trajectories." in the name. A row whose id was
// seen before adds its models to the earlier row (same model: the later cell stays). Errors begin
// with file:line.
Result<OutcomeTable> load_outcomes(std::span<const std::string> paths,
                                   const LoadOptions& options = {});
Result<OutcomeTable> load_outcomes(const std::string& path, const LoadOptions& options = {});

// The same from text, for tests and other sources. name stands for the file in messages.
Result<OutcomeTable> parse_outcomes(std::string_view name, std::string_view text,
                                    const LoadOptions& options = {});

// Rows from elsewhere, one at a time, as lines of the format.
class LineSource {
 public:
  virtual ~LineSource() = default;
  virtual Result<std::optional<std::string_view>> next() = 0;  // valid until the next call
  [[nodiscard]] virtual std::string where() const = 0;         // of the last line, for messages
};
Result<OutcomeTable> load_outcomes(LineSource& source, const LoadOptions& options = {});

// Writes a table: ".swt" a container, to be mapped again on machines of the same byte order; any
// other name JSON lines. The file is there whole or not at all. kIo when it cannot be written.
Status save_outcomes(const OutcomeTable& table, const std::string& path);
// Maps a container. kParse for what is none, damaged, cut off or of another version; kNotFound,
// kIo. The file must not change while the table lives.
Result<OutcomeTable> map_outcomes(const std::string& path);

// True for a share of all ids, decided by the id alone: the same question is on the same side in
// every file and run.
[[nodiscard]] bool is_train(std::string_view id, double share, std::uint64_t seed);

struct Split {
  double train_share = 0.5;
  std::uint64_t seed = 0;
  bool honour_part =
      false;  // rows whose part is "train" / "dev" or "test" go where it says, the others by hash
};
[[nodiscard]] bool is_train(const OutcomeRow& row, const Split& split);

}  // namespace swy::record
