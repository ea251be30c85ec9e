// Reading of labelled texts; see examples.h. Cost: one pass. Test: examples_test.cc.
#include "learn/examples.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "base/json.h"
#include "record/gzip_reader.h"

namespace swy::learn {
namespace {

Result<std::vector<std::string>> labels_of(base::Json row, const std::string& key, bool& array) {
  std::vector<std::string> names;
  const auto value = row.find(key);
  if (!value) return fail(ErrorCode::kParse, fmt::format("the row has no key \"{}\"", key));
  if (const auto text = value->as_string()) {
    if (text->empty()) return fail(ErrorCode::kParse, fmt::format("\"{}\" is empty", key));
    names.emplace_back(*text);
    return names;
  }
  if (!value->is_array()) {
    return fail(ErrorCode::kParse, fmt::format("\"{}\" is neither a text nor an array", key));
  }
  array = true;
  bool ok = true;
  value->each([&](base::Json v) {
    const auto text = v.as_string();
    ok = ok && text && !text->empty();
    names.emplace_back(text.value_or(""));
  });
  if (!ok) return fail(ErrorCode::kParse, fmt::format("\"{}\" holds what is no text", key));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool out_of_scope(base::Json row) {
  for (const char* key : {"oos", "out_of_scope"}) {
    const auto flag = row.find(key);
    if (flag && (flag->as_bool().value_or(false) || flag->as_string() == "oos")) return true;
  }
  return false;
}

// Appends the row to out and its labels to names.
Status read_row(base::Json row, const ExampleKeys& keys, Examples& out,
                std::vector<std::vector<std::string>>& names) {
  const auto value = row.find(keys.text);
  const auto text = value ? value->as_string() : std::nullopt;
  if (!text) {
    return fail(ErrorCode::kParse, fmt::format("\"{}\" is missing or not a text", keys.text));
  }
  if (text->size() > kMaxExampleBytes) return fail(ErrorCode::kTooLarge, "a text over 1 MiB");
  Example example;
  example.text = std::string(*text);
  example.id = std::string(row.string_or(keys.id, *text));
  example.out_of_scope = out_of_scope(row);
  const auto auxiliary = row.find("auxiliary");
  example.group = std::string(row.string_or(keys.group, ""));
  example.auxiliary = auxiliary && auxiliary->as_bool().value_or(false);
  names.emplace_back();
  if (!example.out_of_scope) {
    SWY_TRY(names.back(), labels_of(row, keys.label, out.multilabel));
  }
  out.rows.push_back(std::move(example));
  return {};
}

}  // namespace

double split_point(std::string_view id, std::uint64_t seed) {
  return static_cast<double>(base::hash64(id, seed) >> 11U) * 0x1.0p-53;
}

void index_labels(const std::vector<std::vector<std::string>>& names, Examples& examples) {
  std::map<std::string, std::uint32_t> index;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (examples.rows[i].out_of_scope) continue;
    for (const std::string& name : names[i]) index.emplace(name, 0);
  }
  examples.labels.clear();
  for (auto& [name, at] : index) {
    at = static_cast<std::uint32_t>(examples.labels.size());
    examples.labels.push_back(name);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    examples.rows[i].labels.clear();
    if (examples.rows[i].out_of_scope) continue;
    for (const std::string& name : names[i]) examples.rows[i].labels.push_back(index.at(name));
  }
}

Result<Examples> read_examples(const std::string& path, const ExampleKeys& keys) {
  SWY_TRY(record::GzipReader reader, record::GzipReader::open(path));
  Examples out;
  std::vector<std::vector<std::string>> names;
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) break;
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto row = doc.parse(*line);
    const Status ok = row ? read_row(*row, keys, out, names) : Status(tl::unexpected(row.error()));
    if (!ok) return fail_in(reader.where(), ok.error());
  }
  index_labels(names, out);
  if (out.labels.size() < 2) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {} rows with {} label{}; a head needs at least two labels", path,
                            out.rows.size(), out.labels.size(), out.labels.size() == 1 ? "" : "s"));
  }
  return out;
}

}  // namespace swy::learn
