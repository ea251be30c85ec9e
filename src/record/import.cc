// Each foreign record becomes one line of our own format, read by the loader as any other, so that
// bounds and complaints are the same. Formats as their repositories had them:
// withmartian/routerbench (convertors/common.py: wide table; a model is a column X beside
// X|total_cost or X|model_response; prompts are the text of a Python list of one string),
// RouteWorks/RouterArena (cached_results/*.jsonl and router_inference/predictions/*.json: one
// model's answer a record; the data set is the id before its last underscore). Memory: a record; of
// a JSON list the whole file, at most 512 MiB. Loses the answers themselves. Tests: import_test.cc.
#include "record/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/json.h"
#include "record/gzip_reader.h"
#include "record/table_files.h"

namespace swy::record {
namespace {

using base::Json;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMostRecord = std::size_t{64} << 20U;
constexpr std::size_t kMostList = std::size_t{512} << 20U;
constexpr std::string_view kCost = "|total_cost";
constexpr std::string_view kResponse = "|model_response";

bool blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n\xEF\xBB\xBF") == std::string_view::npos;
}

// ---- comma-separated values (RFC 4180)

// The fields of a record; false while a quoted one is still open.
bool split_csv(std::string_view record, std::vector<std::string>& out) {
  out.assign(1, "");
  bool quoted = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (quoted) {
      if (c != '"') {
        out.back() += c;
      } else if (i + 1 < record.size() && record[i + 1] == '"') {
        out.back() += c;
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && out.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return !quoted;
}

// The next record that may span lines; nullopt at the end.
Result<std::optional<std::vector<std::string>>> next_csv(GzipReader& reader) {
  std::string record;
  std::vector<std::string> fields;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) {
      if (record.empty()) return std::optional<std::vector<std::string>>{};
      return fail(ErrorCode::kParse, reader.where() + ": a quoted field is never closed");
    }
    if (record.empty() && blank(*line)) continue;
    if (!record.empty()) record += '\n';
    record += *line;
    if (record.size() > kMostRecord)
      return fail(ErrorCode::kTooLarge, reader.where() + ": a record over 64 MiB");
    if (split_csv(record, fields)) return std::optional(std::move(fields));
  }
}

// ---- RouterBench

std::string_view field_of(const Fields& fields, std::string_view name) {
  const auto it =
      std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
  return it == fields.end() ? std::string_view{} : std::string_view(it->second);
}

bool has_field(const Fields& fields, const std::string& name) {
  return std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
}

// "['text']" is the text.
std::string_view unlisted(std::string_view prompt) {
  const bool list = prompt.size() >= 4 && (prompt.starts_with("['") || prompt.starts_with("[\"")) &&
                    (prompt.ends_with("']") || prompt.ends_with("\"]"));
  return list ? prompt.substr(2, prompt.size() - 4) : prompt;
}

// A number as it stands, nothing for an empty or missing one; the loader judges it.
void number_field(base::JsonWriter& w, std::string_view name, std::string_view text) {
  if (text.empty() || text == "nan" || text == "NaN" || text == "None" || text == "null") return;
  double value = 0;
  const std::string copy(text);
  char* end = nullptr;
  value = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || *end != 0) {
    w.field(name, text == "True" || text == "true" ? "1" : text);  // no number: the loader says so
    return;
  }
  w.field(name, value);
}

std::string routerbench_line(const Fields& fields) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("id", field_of(fields, "sample_id"))
      .field("dataset", field_of(fields, "eval_name"))
      .field("prompt", unlisted(field_of(fields, "prompt")));
  w.key("models").begin_object();
  for (const auto& [name, value] : fields) {
    const std::string cost = name + std::string(kCost);
    if (!has_field(fields, cost) && !has_field(fields, name + std::string(kResponse))) continue;
    w.key(name).begin_object();
    number_field(w, "score", value);
    number_field(w, "cost", field_of(fields, cost));
    w.end_object();
  }
  w.end_object().end_object();
  return out;
}

Fields fields_of(const Json& object) {
  Fields out;
  object.each_member([&](std::string_view name, const Json& value) {
    std::string text;
    if (const auto s = value.as_string()) {
      text = *s;
    } else if (const auto n = value.as_number()) {
      text = fmt::format("{}", *n);
    } else if (const auto b = value.as_bool()) {
      text = *b ? "1" : "0";
    }
    out.emplace_back(name, std::move(text));
  });
  return out;
}

// ---- RouterArena

std::string_view either(const Json& record, std::string_view a, std::string_view b) {
  const std::string_view first = record.string_or(a, "");
  return first.empty() ? record.string_or(b, "") : first;
}

void copy_number(base::JsonWriter& w, std::string_view name, const std::optional<Json>& value) {
  if (!value) return;
  if (const auto number = value->as_number()) w.field(name, *number);
  if (const auto truth = value->as_bool()) w.field(name, *truth ? 1.0 : 0.0);
}

std::string routerarena_line(const Json& record) {
  const std::string_view id = either(record, "global_index", "global index");
  const auto result = record.find("generated_result");
  const auto graded = record.find("evaluation_result");
  const auto usage =
      result && result->is_object() ? result->find("token_usage") : record.find("token_usage");
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("id", id)
      .field("dataset", id.substr(0, id.rfind('_') == std::string_view::npos ? 0 : id.rfind('_')))
      .field("prompt", either(record, "question", "prompt"));
  w.key("models").begin_object().key(either(record, "llm_selected", "prediction")).begin_object();
  const bool has_grade = graded && graded->is_object();
  copy_number(w, "score", has_grade ? graded->find("score") : record.find("accuracy"));
  copy_number(w, "cost", has_grade ? graded->find("inference_cost") : record.find("cost"));
  if (usage && usage->is_object()) {
    copy_number(w, "tokens_in", usage->find("input_tokens"));
    copy_number(w, "tokens_out", usage->find("output_tokens"));
  }
  const auto success =
      result && result->is_object() ? result->find("success") : record.find("success");
  if (success && success->as_bool() == std::optional(false)) w.field("missing", true);
  w.end_object().end_object().end_object();
  return out;
}

// ---- files

ImportFormat format_of(std::string_view first) {
  const std::size_t begin = first.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  first.remove_prefix(std::min(begin, first.size()));
  if (first.starts_with('[')) return ImportFormat::kRouterArena;
  if (first.starts_with('{')) {
    base::JsonDoc doc;
    const auto json = doc.parse(first);
    if (!json) return ImportFormat::kTable;  // whose loader says what is wrong with it
    if (json->find("global_index") || json->find("global index")) return ImportFormat::kRouterArena;
    return json->find("sample_id") && !json->find("models") ? ImportFormat::kRouterBench
                                                            : ImportFormat::kTable;
  }
  return first.find("sample_id") != std::string_view::npos ? ImportFormat::kRouterBench
                                                           : ImportFormat::kAuto;
}

// The lines of all files, one after the other.
class Files final : public LineSource {
 public:
  Files(std::vector<std::string> paths, ImportFormat format)
      : paths_(std::move(paths)), wanted_(format) {}

  Result<std::optional<std::string_view>> next() override {
    for (;;) {
      if (!reader_ && at_ == paths_.size()) return std::optional<std::string_view>{};
      if (!reader_) SWY_DO(open());
      SWY_DO(read());
      if (have_) return std::optional<std::string_view>(line_);
      reader_.reset();
      ++at_;
    }
  }
  [[nodiscard]] std::string where() const override {
    return csv_ || !list_.empty() ? fmt::format("{}, record {}", paths_[at_], number_)
                                  : reader_->where();
  }

 private:
  Status open() {
    const std::string& path = paths_[at_];
    SWY_TRY(auto peek, GzipReader::open(path));
    std::string first;
    while (blank(first)) {
      SWY_TRY(const auto line, peek.next());
      if (!line) break;
      first = *line;
    }
    format_ = wanted_ == ImportFormat::kAuto ? format_of(first) : wanted_;
    if (format_ == ImportFormat::kAuto) {
      return fail(ErrorCode::kParse,
                  path +
                      ": neither an outcome table nor a RouterBench or RouterArena file; say "
                      "which with --format");
    }
    csv_ = format_ == ImportFormat::kRouterBench && first.find('{') != 0;
    const bool list = format_ == ImportFormat::kRouterArena && first.find('{') != 0;
    number_ = 0;
    list_.clear();
    SWY_TRY(auto reader, GzipReader::open(path));
    reader_ = std::make_unique<GzipReader>(std::move(reader));
    if (list) return read_list(path);
    if (!csv_) return {};
    SWY_TRY(const auto head, next_csv(*reader_));
    head_ = head.value_or(std::vector<std::string>{});
    if (std::find(head_.begin(), head_.end(), "sample_id") == head_.end())
      return fail(ErrorCode::kParse, path + ": the header has no column sample_id");
    return {};
  }

  // A JSON list is converted whole, last record first so that the end is the next one.
  Status read_list(const std::string& path) {
    std::string text;
    for (;;) {
      SWY_TRY(const auto line, reader_->next());
      if (!line) break;
      text += *line;
      text += '\n';
      if (text.size() > kMostList) return fail(ErrorCode::kTooLarge, path + ": over 512 MiB");
    }
    auto parsed = doc_.parse(text);
    if (!parsed) return fail_in(path, std::move(parsed).error());
    if (!parsed->is_array())
      return fail(ErrorCode::kParse, path + ": RouterArena's predictions are a JSON list");
    parsed->each([&](const Json& record) { list_.push_back(routerarena_line(record)); });
    std::reverse(list_.begin(), list_.end());
    left_ = list_.size();
    return {};
  }

  // Sets line_ and have_.
  Status read() {
    have_ = false;
    if (!list_.empty()) {
      if (left_ == 0) return {};
      line_ = std::move(list_[--left_]);
    } else if (csv_) {
      SWY_TRY(const auto record, next_csv(*reader_));
      if (!record) return {};
      if (record->size() != head_.size()) {
        return fail(ErrorCode::kParse, fmt::format("{}: {} fields under a header of {}",
                                                   reader_->where(), record->size(), head_.size()));
      }
      Fields fields;
      for (std::size_t i = 0; i < head_.size(); ++i) fields.emplace_back(head_[i], (*record)[i]);
      line_ = routerbench_line(fields);
    } else {
      std::string_view text;
      while (blank(text)) {
        SWY_TRY(const auto line, reader_->next());
        if (!line) return {};
        text = *line;
      }
      SWY_DO(convert(text));
    }
    ++number_;
    have_ = true;
    return {};
  }

  Status convert(std::string_view text) {
    if (format_ == ImportFormat::kTable) {
      line_ = text;
      return {};
    }
    auto json = doc_.parse(text);
    if (!json) return fail_in(reader_->where(), std::move(json).error());
    line_ = format_ == ImportFormat::kRouterArena ? routerarena_line(*json)
                                                  : routerbench_line(fields_of(*json));
    return {};
  }

  std::vector<std::string> paths_;
  ImportFormat wanted_;
  std::size_t at_ = 0;
  ImportFormat format_ = ImportFormat::kAuto;
  std::unique_ptr<GzipReader> reader_;
  bool csv_ = false;
  bool have_ = false;
  std::vector<std::string> head_;
  std::vector<std::string> list_;
  std::size_t left_ = 0;
  std::size_t number_ = 0;
  std::string line_;
  base::JsonDoc doc_;
};

}  // namespace

Result<OutcomeTable> import_outcomes(std::span<const std::string> paths, ImportFormat format,
                                     const LoadOptions& options) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    SWY_TRY(const auto found, table_files(path, false));
    files.insert(files.end(), found.begin(), found.end());
  }
  if (files.empty()) return fail(ErrorCode::kInvalidArgument, "no file to import");
  Files source(std::move(files), format);
  return load_outcomes(source, options);
}

}  // namespace swy::record
