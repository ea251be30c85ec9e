#include "record/responses.h"

#include <cmath>
#include <filesystem>
#include <system_error>

#include "base/json.h"
#include "record/gzip_reader.h"
#include "record/table_files.h"

namespace swy::record {

Result<Responses> Responses::load(const std::string& path) {
  SWY_TRY(const auto files, table_files(path, true));
  Responses out;
  for (const std::string& file : files) SWY_DO(out.load_file(file));
  return out;
}

Result<Responses> Responses::of_tables(std::span<const std::string> paths) {
  Responses out;
  for (const std::string& path : paths) {
    SWY_TRY(const auto files, table_files(path, false));
    for (const std::string& file : files) {
      const std::size_t end = file.rfind(".jsonl");
      const std::string stem = file.substr(0, end);
      for (const char* ending : {".responses.jsonl", ".responses.jsonl.gz"}) {
        std::error_code ignored;  // what cannot be looked at does not exist for us
        if (end != std::string::npos && std::filesystem::is_regular_file(stem + ending, ignored))
          SWY_DO(out.load_file(stem + ending));
      }
      SWY_DO(out.load_predictions(file));
    }
  }
  return out;
}

Status Responses::load_predictions(const std::string& path) {
  SWY_TRY(GzipReader reader, GzipReader::open(path));
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return {};
    if (line->find("\"pred\"") == std::string_view::npos) continue;
    const auto row = doc.parse(*line);
    if (!row) return fail_in(reader.where(), row.error());
    const auto models = row->find("models");
    if (!models || !models->is_object()) continue;
    const std::uint64_t key = std::uint64_t{ids_.add(row->string_or("id", ""))} << 32U;
    models->each_member([&](std::string_view model, const base::Json& cell) {
      if (!cell.is_object()) return;
      const std::string_view text = cell.string_or("pred", "");
      if (!text.empty() && texts_.count(key | models_.add(model)) == 0) keep(key, model, text);
    });
  }
}

void Responses::keep(std::uint64_t id_key, std::string_view model, std::string_view text) {
  texts_[id_key | models_.add(model)] = {arena_.size(), text.size()};
  arena_.insert(arena_.end(), text.begin(), text.end());
}

Status Responses::load_file(const std::string& path) {
  SWY_TRY(GzipReader reader, GzipReader::open(path));
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return {};
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto row = doc.parse(*line);
    if (!row) return fail_in(reader.where(), row.error());
    const std::string_view id = row->string_or("id", "");
    const auto answers = row->find("responses");
    if (id.empty() || !answers || !answers->is_object()) {
      return fail(
          ErrorCode::kParse,
          reader.where() + ": a line of answers is {\"id\": text, \"responses\": {model: text}}");
    }
    const std::uint64_t key = std::uint64_t{ids_.add(id)} << 32U;
    answers->each_member([&](std::string_view model, const base::Json& value) {
      const auto text = value.as_string();
      if (!text) return;  // null: the model gave no answer
      keep(key, model, *text);
    });
    SWY_DO(keep_logprobs(key, *row, reader.where()));
  }
}

Status Responses::keep_logprobs(std::uint64_t id_key, const base::Json& row,
                                const std::string& where) {
  const auto given = row.find("logprobs");
  if (!given || given->is_null()) return {};
  bool sound = given->is_object();
  given->each_member([&](std::string_view model, const base::Json& value) {
    const auto mean = value.find("mean");
    const auto min = value.find("min");
    const auto m = mean ? mean->as_number() : std::nullopt;
    const auto l = min ? min->as_number() : std::nullopt;
    if (!m || !l || !(*m <= 0) || !(*l <= *m) || !std::isfinite(*l)) {
      sound = false;
      return;
    }
    logprobs_[id_key | models_.add(model)] = {static_cast<float>(*m), static_cast<float>(*l)};
  });
  if (sound) return {};
  return fail(ErrorCode::kParse,
              where + ": logprobs are {model: {\"mean\": m, \"min\": l}} with l <= m <= 0");
}

std::optional<Responses::Logprobs> Responses::logprobs(std::string_view id,
                                                       std::string_view model) const {
  const auto i = ids_.find(id);
  const auto m = models_.find(model);
  if (!i || !m) return std::nullopt;
  const auto it = logprobs_.find((std::uint64_t{*i} << 32U) | *m);
  if (it == logprobs_.end()) return std::nullopt;
  return it->second;
}

std::optional<std::string_view> Responses::find(std::string_view id, std::string_view model) const {
  const auto i = ids_.find(id);
  const auto m = models_.find(model);
  if (!i || !m) return std::nullopt;
  const auto it = texts_.find((std::uint64_t{*i} << 32U) | *m);
  if (it == texts_.end()) return std::nullopt;
  return std::string_view(arena_.data() + it->second.begin, it->second.size);
}

}  // namespace swy::record
