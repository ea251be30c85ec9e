// Reading of rows; see grounding_rows.h. Places in the file count code points, here bytes. Cost:
// one pass. Test: train_grounding_test.cc.
#include "learn/grounding_rows.h"

#include <fmt/core.h>

#include <optional>

#include "base/json.h"
#include "record/gzip_reader.h"
#include "text/utf8.h"

namespace swy::learn {
namespace {

constexpr std::size_t kMaxSpans = 10000;

// Byte offsets of rising code point numbers in one walk; false: past the end.
bool to_bytes(std::string_view text, std::int64_t code_point, std::uint32_t& byte) {
  std::size_t at = 0;
  for (std::int64_t n = 0; n < code_point; ++n) {
    if (at >= text.size()) return false;
    at += text::decode_next(text, at).size;
  }
  byte = static_cast<std::uint32_t>(at);
  return true;
}

Status read_spans(const base::Json& json, GroundingRow& row) {
  const auto list = json.find("spans");
  if (!list || !list->is_array()) {
    return fail(ErrorCode::kParse, "\"spans\" is missing or not an array");
  }
  if (list->size() > kMaxSpans) return fail(ErrorCode::kTooLarge, "more than 10,000 spans");
  std::optional<Error> error;
  list->each([&](const base::Json& v) {
    GroundingSpan span;
    const std::int64_t start = v.integer_or("start", -1);
    const std::int64_t end = v.integer_or("end", -1);
    span.type = std::string(v.string_or("type", "other"));
    const bool good = start >= 0 && start < end && to_bytes(row.answer, start, span.begin) &&
                      to_bytes(row.answer, end, span.end);
    if (!good && !error) {
      error = Error{ErrorCode::kParse,
                    fmt::format("\"spans\": {} to {} is no part of the answer", start, end)};
    }
    row.spans.push_back(std::move(span));
  });
  if (error) return tl::unexpected<Error>(*error);
  return {};
}

Result<GroundingRow> read_row(const base::Json& json) {
  GroundingRow row;
  for (const auto& [key, field] :
       {std::pair{"context", &row.context}, std::pair{"answer", &row.answer}}) {
    const auto value = json.find(key);
    const auto text = value ? value->as_string() : std::nullopt;
    if (!text) return fail(ErrorCode::kParse, fmt::format("\"{}\" is missing or not a text", key));
    *field = std::string(*text);
  }
  row.question = std::string(json.string_or("question", ""));
  row.id = std::string(json.string_or("id", ""));
  row.doc = std::string(json.string_or("doc", row.context));
  row.source = std::string(json.string_or("source", "rows"));
  SWY_DO(read_spans(json, row));
  return row;
}

}  // namespace

Result<std::vector<GroundingRow>> read_grounding_rows(const std::string& path) {
  SWY_TRY(record::GzipReader reader, record::GzipReader::open(path));
  std::vector<GroundingRow> rows;
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) break;
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto json = doc.parse(*line);
    if (!json) return fail_in(reader.where(), json.error());
    auto row = read_row(*json);
    if (!row) return fail_in(reader.where(), row.error());
    rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace swy::learn
