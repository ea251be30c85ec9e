// Rows of labelled text: reading them. Test: pii_train_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "learn/pii_train.h"
#include "record/gzip_reader.h"
#include "text/utf8.h"

namespace swy::learn {
namespace {

Result<PiiRow> row_of(const base::Json& json) {
  PiiRow row;
  row.text = std::string(json.string_or("text", ""));
  row.template_id = json.integer_or("template", -1);
  row.dev = json.string_or("part", "train") == "dev";
  std::vector<std::uint32_t> offsets;  // byte where each code point begins
  for (std::size_t i = 0; i < row.text.size(); i += text::decode_next(row.text, i).size) {
    offsets.push_back(static_cast<std::uint32_t>(i));
  }
  offsets.push_back(static_cast<std::uint32_t>(row.text.size()));
  std::string wrong;
  if (const auto spans = json.find("spans")) {
    spans->each([&](const base::Json& s) {
      std::string_view name = s.string_or("type", "");
      const auto type = text::pii_type(name);
      const std::int64_t b = s.integer_or("start", -1);
      const std::int64_t e = s.integer_or("end", -1);
      const bool fits = b >= 0 && b < e && e < static_cast<std::int64_t>(offsets.size());
      if (!type || !fits) {
        wrong = fmt::format("a span of type '{}' from {} to {}", name, b, e);
        return;
      }
      row.spans.push_back(
          {*type, offsets[static_cast<std::size_t>(b)], offsets[static_cast<std::size_t>(e)], 1});
    });
  }
  if (!wrong.empty()) return fail(ErrorCode::kParse, wrong);
  std::sort(row.spans.begin(), row.spans.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  return row;
}

}  // namespace

Result<std::vector<PiiRow>> load_pii_rows(const std::string& path) {
  SWY_TRY(auto reader, record::GzipReader::open(path));
  std::vector<PiiRow> rows;
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return rows;
    if (line->empty()) continue;
    const auto json = doc.parse(*line);
    if (!json) return fail_in(reader.where(), json.error());
    auto row = row_of(*json);
    if (!row) return fail_in(reader.where(), row.error());
    rows.push_back(std::move(*row));
  }
}

}  // namespace swy::learn
