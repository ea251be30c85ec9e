// Loading outcome tables: JSON lines to columns, one pass, one JsonDoc whose memory is reused for
// every line.
//
// Cells arrive row by row with a growing list of models, so they are kept as (row, model, cell)
// entries until the end and spread into the row-major matrix then: 28 bytes a cell more while
// loading. Cost: dominated by the JSON parse and the gzip stream, about 2 s for 50,000 rows x 10
// models (record_bench.cc). Loses when many tables with different models are loaded together: the
// matrix is rows x all models. Tests: outcome_test.cc; fuzz/outcome_fuzz.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "record/arms.h"
#include "record/gzip_reader.h"
#include "record/interner.h"
#include "record/outcome.h"
#include "record/table_files.h"

namespace swy::record {
namespace {

using base::Json;

constexpr std::string_view kContainer = ".swt";

// Collects the reason why a line is bad; the first one counts.
struct Complaint {
  std::string text;
  void add(std::string why) {
    if (text.empty()) text = std::move(why);
  }
};

// A number at least 0, NaN when absent or null, a complaint otherwise.
float amount(const Json& value, std::string_view model, std::string_view key, Complaint& bad) {
  if (value.is_null()) return Cell::kUnknown;
  const auto number = value.as_number();
  if (!number || !(*number >= 0) || *number > 1e15) {
    bad.add(fmt::format("models.{}.{} is not a number of at least 0", model, key));
    return Cell::kUnknown;
  }
  return static_cast<float>(*number);
}

float quality(const Json& value, std::string_view model, std::string_view key, Complaint& bad) {
  if (value.is_null()) return Cell::kUnknown;
  if (const auto b = value.as_bool()) return *b ? 1.0F : 0.0F;
  const auto number = value.as_number();
  if (!number || !(*number >= 0 && *number <= 1)) {
    bad.add(fmt::format("models.{}.{} is not a number from 0 to 1", model, key));
    return Cell::kUnknown;
  }
  return static_cast<float>(*number);
}

// Several answers to one question: their qualities in a list, or how many the others are means of.
struct Samples {
  float mean = Cell::kUnknown;
  std::uint64_t count = 0;
  std::vector<float> each;
};

Samples read_samples(const Json& value, std::string_view model, Complaint& bad) {
  Samples out;
  if (!value.is_array()) {
    const auto count = value.as_number();
    if (!count || !(*count >= 1) || *count > 1e6)
      bad.add(fmt::format("models.{}.samples is no list and not a number from 1", model));
    out.count = count && *count >= 1 && *count <= 1e6 ? static_cast<std::uint64_t>(*count) : 0;
    return out;
  }
  double sum = 0;
  value.each([&](const Json& one) {
    const float q = quality(one, model, "samples", bad);
    if (std::isnan(q)) return;
    sum += static_cast<double>(q);
    ++out.count;
    out.each.push_back(q);
  });
  if (out.count > 0) out.mean = static_cast<float>(sum / static_cast<double>(out.count));
  return out;
}

// `each`: the qualities of the answers, where they are listed.
Cell read_cell(const Json& entry, std::string_view model, Complaint& bad,
               std::vector<float>& each) {
  Cell cell;
  cell.present = true;
  if (!entry.is_object()) bad.add(fmt::format("models.{} is not an object", model));
  float score = Cell::kUnknown;
  Samples samples;
  entry.each_member([&](std::string_view key, const Json& value) {
    if (key == "correct") {
      cell.quality = quality(value, model, key, bad);
    } else if (key == "score") {
      score = quality(value, model, key, bad);
    } else if (key == "tokens_in") {
      cell.tokens_in = amount(value, model, key, bad);
    } else if (key == "tokens_out") {
      cell.tokens_out = amount(value, model, key, bad);
    } else if (key == "cost") {
      cell.cost_usd = amount(value, model, key, bad);
    } else if (key == "latency") {
      cell.latency_s = amount(value, model, key, bad);
    } else if (key == "samples") {
      samples = read_samples(value, model, bad);
    } else if (key == "missing") {
      cell.missing = value.as_bool().value_or(false);
    } else if (key == "est") {
      cell.estimated = value.as_bool().value_or(false);
    }
  });
  if (std::isnan(cell.quality)) cell.quality = score;
  if (std::isnan(cell.quality)) cell.quality = samples.mean;
  if (!std::isnan(cell.quality))
    cell.samples = static_cast<std::uint8_t>(std::clamp<std::uint64_t>(samples.count, 1, 255));
  each = std::move(samples.each);
  return cell;
}

// The text of a message's content: a string, or the text parts of a list.
std::string content_text(const Json& content) {
  if (const auto text = content.as_string()) return std::string(*text);
  std::string out;
  content.each([&](const Json& part) {
    const std::string_view text = part.string_or("text", "");
    if (!out.empty() && !text.empty()) out += '\n';
    out += text;
  });
  return out;
}

std::string first_user_message(const Json& messages) {
  std::string out;
  messages.each([&](const Json& message) {
    const auto content = message.find("content");
    if (out.empty() && content && message.string_or("role", "user") == "user")
      out = content_text(*content);
  });
  return out;
}

// prompt, else the first of turns, else the first user message.
std::optional<std::string> prompt_of(const Json& row) {
  if (const auto prompt = row.find("prompt")) {
    if (const auto text = prompt->as_string()) return std::string(*text);
  }
  if (const auto turns = row.find("turns"); turns && turns->is_array() && turns->size() > 0) {
    if (const auto text = base::JsonIter(*turns).value().as_string()) return std::string(*text);
  }
  if (const auto messages = row.find("messages");
      messages && messages->is_array() && messages->size() > 0) {
    return first_user_message(*messages);
  }
  return std::nullopt;
}

bool blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

class OutcomeBuilder {
 public:
  explicit OutcomeBuilder(const LoadOptions& options) : options_(options) {}
  Status add_file(const std::string& path);
  Status add_line(std::string_view line, const std::string& where);
  Status add_source(LineSource& source);
  void add_table(const OutcomeTable& table);
  void count_file() { ++table_.report_.files; }
  void reprice(OutcomeTable& table) const { table.apply(*options_.prices); }
  OutcomeTable finish() &&;

 private:
  struct Entry {
    std::uint32_t row;
    std::uint32_t model;
    Cell cell;
  };
  Status add_row(std::string_view line);
  void add_arms(std::string_view model, const std::vector<float>& each);
  std::uint32_t row_of(const OutcomeRow& row);
  OutcomeTable::Text keep(std::string_view text);
  void keep(const Entry& entry);

  const LoadOptions& options_;
  OutcomeTable table_;
  base::JsonDoc doc_;
  Interner models_;
  Interner datasets_;
  Interner domains_;
  Interner parts_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> rows_by_id_;  // by hash of the id
  // In pieces, so that growing never holds them twice: they are the most of a large table.
  std::vector<std::vector<Entry>> entries_;
  std::vector<std::pair<std::string, Cell>>
      line_cells_;  // of the present line, until it is known to be good
};

Status OutcomeBuilder::add_file(const std::string& path) {
  SWY_TRY(GzipReader reader, GzipReader::open(path));
  count_file();
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return {};
    if (!blank(*line)) SWY_DO(add_line(*line, reader.where()));
  }
}

Status OutcomeBuilder::add_source(LineSource& source) {
  count_file();
  for (;;) {
    SWY_TRY(const auto line, source.next());
    if (!line) return {};
    SWY_DO(add_line(*line, source.where()));
  }
}

void OutcomeBuilder::add_table(const OutcomeTable& table) {
  count_file();
  for (std::size_t i = 0; i < table.rows(); ++i) {
    ++table_.report_.lines;
    const OutcomeRow r = table.row(i);
    const std::uint32_t row = row_of(r);
    const auto cells = table.cells(i);
    for (std::size_t m = 0; m < cells.size(); ++m) {
      if (cells[m].present) keep({row, models_.add(table.models()[m]), cells[m]});
    }
  }
}

Status OutcomeBuilder::add_line(std::string_view line, const std::string& where) {
  LoadReport& report = table_.report_;
  ++report.lines;
  auto done = add_row(line);
  if (done) return {};
  if (!options_.skip_bad_lines) return fail_in(where, std::move(done).error());
  ++report.skipped;
  if (report.first_skipped.empty()) report.first_skipped = where + ": " + done.error().message;
  return {};
}

Status OutcomeBuilder::add_row(std::string_view line) {
  SWY_TRY(const Json json, doc_.parse(line));
  const std::string_view id = json.string_or("id", "");
  if (id.empty()) return fail(ErrorCode::kParse, "the row has no \"id\" (a text)");
  const auto models = json.find("models");
  if (!models || !models->is_object())
    return fail(ErrorCode::kParse, "the row has no \"models\" (an object)");
  const auto prompt = prompt_of(json);
  if (!prompt)
    return fail(ErrorCode::kParse, "the row has no \"prompt\" (a text), \"turns\" or \"messages\"");
  Complaint bad;
  line_cells_.clear();
  std::vector<float> each;
  models->each_member([&](std::string_view model, const Json& entry) {
    if (entry.is_null()) return;  // as if the row did not name it
    line_cells_.emplace_back(model, read_cell(entry, model, bad, each));
    add_arms(model, each);
  });
  if (!bad.text.empty()) return fail(ErrorCode::kParse, bad.text);
  const auto tools = json.find("tools");
  const std::uint32_t row = row_of({id, json.string_or("dataset", ""), json.string_or("domain", ""),
                                    json.string_or("part", ""), *prompt,
                                    static_cast<std::uint32_t>(tools ? tools->size() : 0)});
  for (const auto& [model, cell] : line_cells_) keep({row, models_.add(model), cell});
  return {};
}

// Arms of the cell that was read last.
void OutcomeBuilder::add_arms(std::string_view model, const std::vector<float>& each) {
  const Cell one = line_cells_.back().second;
  for (const std::uint32_t n : options_.answers) {
    const auto best = best_of(each, n);
    if (!best) continue;
    Cell cell = one;
    cell.quality = static_cast<float>(*best);
    cell.cost_usd *= static_cast<float>(n);
    line_cells_.emplace_back(arm_name(model, n), cell);
  }
}

std::uint32_t OutcomeBuilder::row_of(const OutcomeRow& r) {
  const std::uint64_t hash = base::hash64(r.id);
  const auto [first, last] = rows_by_id_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (table_.view(table_.rows_[it->second].id) != r.id) continue;
    ++table_.report_.merged;
    return it->second;
  }
  const auto row = static_cast<std::uint32_t>(table_.rows_.size());
  table_.rows_.push_back({keep(r.id), keep(r.prompt), datasets_.add(r.dataset),
                          domains_.add(r.domain), parts_.add(r.part), r.tools});
  rows_by_id_.emplace(hash, row);
  return row;
}

OutcomeTable::Text OutcomeBuilder::keep(std::string_view text) {
  const OutcomeTable::Text at{table_.arena_.size(), static_cast<std::uint32_t>(text.size())};
  table_.arena_.insert(table_.arena_.end(), text.begin(), text.end());
  return at;
}

void OutcomeBuilder::keep(const Entry& entry) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;  // 32 MiB
  if (entries_.empty() || entries_.back().size() == kPiece) {
    const bool first = entries_.empty();
    entries_.emplace_back();
    if (!first) entries_.back().reserve(kPiece);
  }
  entries_.back().push_back(entry);
}

OutcomeTable OutcomeBuilder::finish() && {
  rows_by_id_ = {};
  table_.models_ = std::move(models_).take_names();
  table_.datasets_ = std::move(datasets_).take_names();
  table_.domains_ = std::move(domains_).take_names();
  table_.parts_ = std::move(parts_).take_names();
  table_.rows_.shrink_to_fit();
  table_.arena_.shrink_to_fit();
  table_.cells_.resize(table_.rows_.size() * table_.models_.size());
  for (std::vector<Entry>& piece : entries_) {
    for (const Entry& e : piece) table_.cells_[e.row * table_.models_.size() + e.model] = e.cell;
    piece = {};
  }
  if (options_.prices != nullptr) table_.apply(*options_.prices);
  return std::move(table_);
}

Result<OutcomeTable> load_outcomes(std::span<const std::string> paths, const LoadOptions& options) {
  OutcomeBuilder builder(options);
  const auto is_container = [](const std::string& path) {
    return path.size() > kContainer.size() && path.ends_with(kContainer);
  };
  if (paths.size() == 1 && is_container(paths[0])) {
    SWY_TRY(OutcomeTable table, map_outcomes(paths[0]));
    if (options.prices != nullptr) builder.reprice(table);
    return table;
  }
  for (const std::string& path : paths) {
    SWY_TRY(const auto files, table_files(path, false));
    for (const std::string& file : files) {
      if (is_container(file)) {
        SWY_TRY(const OutcomeTable table, map_outcomes(file));
        builder.add_table(table);
      } else {
        SWY_DO(builder.add_file(file));
      }
    }
  }
  return std::move(builder).finish();
}

Result<OutcomeTable> load_outcomes(LineSource& source, const LoadOptions& options) {
  OutcomeBuilder builder(options);
  SWY_DO(builder.add_source(source));
  return std::move(builder).finish();
}

Result<OutcomeTable> load_outcomes(const std::string& path, const LoadOptions& options) {
  return load_outcomes(std::span(&path, 1), options);
}

Result<OutcomeTable> parse_outcomes(std::string_view name, std::string_view text,
                                    const LoadOptions& options) {
  OutcomeBuilder builder(options);
  builder.count_file();
  for (std::size_t n = 1; !text.empty(); ++n) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!blank(line)) SWY_DO(builder.add_line(line, fmt::format("{}:{}", name, n)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::move(builder).finish();
}

}  // namespace swy::record
