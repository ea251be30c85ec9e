// One hash index over the folded prompts of all tables. An exact match is preferred to a folded one
// when both are there; hashes are checked against the text, so a collision costs time, not truth.
// Tests: answers_test.cc.
#include "upstream/answers.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>

#include "base/hash.h"
#include "record/table_files.h"

namespace swy::upstream {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::optional<std::int64_t> count(float tokens) {
  if (std::isnan(tokens)) return {};
  return std::llround(tokens);
}

// "x/gsm.jsonl.gz" -> the existing one of "x/gsm.responses.jsonl.gz" and "x/gsm.responses.jsonl".
std::optional<std::string> responses_beside(const std::string& table) {
  std::size_t end = table.rfind(".jsonl");
  if (end == std::string::npos) end = table.size();
  for (const char* ending : {".responses.jsonl.gz", ".responses.jsonl"}) {
    std::string path = table.substr(0, end) + ending;
    std::error_code ec;
    if (std::filesystem::is_regular_file(path, ec)) return path;
  }
  return {};
}

}  // namespace

std::string fold_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  for (const char c : text) {
    if (is_space(c)) {
      gap = !out.empty();
      continue;
    }
    if (gap) out.push_back(' ');
    gap = false;
    out.push_back(c);
  }
  return out;
}

Result<AnswerBook> AnswerBook::load(std::span<const std::string> paths) {
  AnswerBook book;
  for (const std::string& path : paths) {
    SWY_TRY(const auto files, record::table_files(path, false));
    // One table a file: a table has a cell for every pair of row and model, so tables with
    // different models are kept apart.
    for (const std::string& file : files) {
      SWY_TRY(auto table, record::load_outcomes(file));
      Source source{std::move(table), std::nullopt};
      if (const auto beside = responses_beside(file)) {
        SWY_TRY(source.responses, record::Responses::load(*beside));
      }
      book.sources_.push_back(std::move(source));
      book.index(static_cast<std::uint32_t>(book.sources_.size() - 1));
    }
  }
  std::sort(book.models_.begin(), book.models_.end());
  book.models_.erase(std::unique(book.models_.begin(), book.models_.end()), book.models_.end());
  return book;
}

void AnswerBook::index(std::uint32_t source) {
  const record::OutcomeTable& table = sources_[source].table;
  for (std::uint32_t row = 0; row < table.rows(); ++row) {
    by_prompt_.emplace(base::hash64(fold_space(table.row(row).prompt)), Place{source, row});
  }
  rows_ += table.rows();
  models_.insert(models_.end(), table.models().begin(), table.models().end());
}

bool AnswerBook::has_model(std::string_view model) const {
  return std::binary_search(models_.begin(), models_.end(), model, std::less<>());
}

Recorded AnswerBook::find(std::string_view prompt, std::string_view model) const {
  Recorded best;
  int best_rank = -1;
  const std::string folded = fold_space(prompt);
  const auto [begin, end] = by_prompt_.equal_range(base::hash64(folded));
  for (auto it = begin; it != end; ++it) {
    const Source& source = sources_[it->second.source];
    const record::OutcomeRow row = source.table.row(it->second.row);
    const bool exact = row.prompt == prompt;
    if (!exact && fold_space(row.prompt) != folded) continue;
    Recorded found{row.id, {}, {}, {}};
    const std::size_t column = source.table.model_index(model);
    const bool asked =
        column != record::OutcomeTable::npos && source.table.cell(it->second.row, column).present;
    if (asked) {
      const record::Cell& cell = source.table.cell(it->second.row, column);
      found.tokens_in = count(cell.tokens_in);
      found.tokens_out = count(cell.tokens_out);
    }
    if (source.responses) found.text = source.responses->find(row.id, model);
    // Equal ranks go to the smaller id, so that the order inside the index does not show.
    const int rank = (found.text ? 4 : 0) + (asked ? 2 : 0) + (exact ? 1 : 0);
    if (rank > best_rank || (rank == best_rank && found.id < best.id)) {
      best = found;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace swy::upstream
