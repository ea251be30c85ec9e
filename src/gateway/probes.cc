// Which questions a new model is asked: an even sample (record/sample.h) of those that other
// models' outcomes are known of and whose answers can be scored. Cost: looks at no more than
// kMostRows. Test: probes_test.cc.
#include "gateway/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/doc.h"
#include "base/hash.h"
#include "base/json.h"
#include "record/sample.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kMostRows = 20'000;      // looked at, spread over the table
constexpr std::size_t kLongestReference = 64;  // bytes: longer normal forms are prose
constexpr std::size_t kLongestName = 80;       // of a file, without the hash
constexpr double kRight = 1 - 1e-6;            // quality of an answer that may serve as reference
constexpr std::int64_t kBytesPerToken = 3;     // cautious: four is usual

std::size_t observed(std::span<const record::Cell> cells) {
  return static_cast<std::size_t>(std::count_if(
      cells.begin(), cells.end(), [](const auto& c) { return !std::isnan(c.quality); }));
}

std::int64_t tokens_of(const record::OutcomeRow& row, std::span<const record::Cell> cells) {
  return std::max(record::mean_tokens_in(cells),
                  static_cast<std::int64_t>(row.prompt.size()) / kBytesPerToken);
}

std::vector<std::string> accepted_answers(const record::OutcomeTable& table, std::size_t row,
                                          const record::Responses& responses,
                                          flow::AnswerForm form) {
  std::vector<std::string> out;
  const auto cells = table.cells(row);
  for (std::size_t m = 0; m < cells.size(); ++m) {
    if (!(static_cast<double>(cells[m].quality) >= kRight)) continue;
    const auto text = responses.find(table.row(row).id, table.models()[m]);
    if (!text) continue;
    std::string normal = flow::normal_answer(*text, form);
    if (normal.empty() || normal.size() > kLongestReference) continue;
    if (std::find(out.begin(), out.end(), normal) == out.end()) out.push_back(std::move(normal));
  }
  return out;
}

ProbeQuestion question_of(const record::OutcomeTable& table, std::size_t row,
                          const record::Responses& responses, const ProbeChoice& choice) {
  const record::OutcomeRow r = table.row(row);
  ProbeQuestion q{std::string(r.id),     std::string(r.dataset),         std::string(r.domain),
                  std::string(r.prompt), tokens_of(r, table.cells(row)), {}};
  if (!choice.judged) q.accepted = accepted_answers(table, row, responses, choice.form);
  return q;
}

std::vector<record::SampleRow> eligible_rows(const record::OutcomeTable& table,
                                             const record::Responses& responses,
                                             const ProbeChoice& choice) {
  const std::size_t step = std::max<std::size_t>(1, (table.rows() + kMostRows - 1) / kMostRows);
  std::size_t most = 0;
  for (std::size_t i = 0; i < table.rows(); i += step)
    most = std::max(most, observed(table.cells(i)));
  std::vector<record::SampleRow> out;
  for (std::size_t i = 0; i < table.rows(); i += step) {
    const record::OutcomeRow r = table.row(i);
    const std::size_t known = observed(table.cells(i));
    if (known == 0 || 2 * known < most || r.tools > 0 || r.prompt.empty()) continue;
    if (!r.part.empty() && r.part != "train") continue;
    if (choice.context > 0 && tokens_of(r, table.cells(i)) + choice.max_tokens > choice.context)
      continue;
    if (!choice.judged && accepted_answers(table, i, responses, choice.form).empty()) continue;
    out.push_back({i, record::mean_quality(table.cells(i))});
  }
  return out;
}

std::string stem_of(const std::string& directory, std::string_view model) {
  std::string name;
  for (const char c : model.substr(0, kLongestName)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    name += plain ? c : '_';
  }
  if (name != model) name += "-" + base::hex64(base::hash64(model));
  return (std::filesystem::path(directory) / name).string();
}

}  // namespace

std::vector<ProbeQuestion> choose_probes(const record::OutcomeTable& table,
                                         const record::Responses& responses,
                                         const ProbeChoice& choice) {
  const auto rows = eligible_rows(table, responses, choice);
  std::vector<ProbeQuestion> out;
  for (const std::size_t row : record::sample_evenly(table, rows, choice.count, choice.model))
    out.push_back(question_of(table, row, responses, choice));
  return out;
}

double score_by_reference(const ProbeQuestion& question, std::string_view answer,
                          flow::AnswerForm form) {
  const std::string normal = flow::normal_answer(answer, form);
  const auto& accepted = question.accepted;
  return std::find(accepted.begin(), accepted.end(), normal) != accepted.end() ? 1 : 0;
}

// ---- the file
// -----------------------------------------------------------------------------------------------------

Status ProbeFile::read(const std::string& path, std::string& told) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  SWY_TRY(const std::string text, base::read_file(path));
  base::JsonDoc doc;
  std::vector<ProbeRow> rows;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    const auto row = doc.parse(line);
    const auto models = row ? row->find("models") : std::nullopt;
    const auto cell = models ? models->find(model_) : std::nullopt;
    if (!cell) return fail(ErrorCode::kParse, fmt::format("{} is no file of probes", path));
    if (row->string_or("of", "") != identity_) {
      std::filesystem::rename(path, stem_ + ".stale", ignored);
      told = fmt::format(
          "{} is of another upstream or way to score: set aside as .stale, begun anew", path);
      return {};
    }
    const double none = std::numeric_limits<double>::quiet_NaN();
    rows.push_back({std::string(row->string_or("id", "")),
                    std::string(row->string_or("dataset", "")),
                    std::string(row->string_or("domain", "")),
                    std::string(row->string_or("prompt", "")), cell->number_or("score", none),
                    cell->integer_or("tokens_in", 0), cell->integer_or("tokens_out", 0),
                    cell->number_or("cost", none), cell->number_or("latency", none),
                    row->number_or("judge_cost", 0), row->bool_or("traffic", false)});
  }
  for (ProbeRow& r : rows) (void)add(std::move(r));
  return {};
}

Result<ProbeFile> ProbeFile::open(const std::string& directory, std::string_view model,
                                  std::string identity, std::string& told) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  if (ec) return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", directory, ec.message()));
  ProbeFile file;
  file.model_ = model;
  file.identity_ = std::move(identity);
  file.stem_ = stem_of(directory, model);
  SWY_DO(file.read(file.stem_ + ".jsonl", told));
  file.unpublished_ = false;
  SWY_DO(file.read(file.stem_ + ".partial", told));
  return file;
}

bool ProbeFile::has(std::string_view id) const {
  return std::any_of(rows_.begin(), rows_.end(), [id](const ProbeRow& r) { return r.id == id; });
}

bool ProbeFile::add(ProbeRow row) {
  if (has(row.id)) return false;
  rows_.push_back(std::move(row));
  unpublished_ = true;
  return true;
}

Status ProbeFile::save(bool publish) {
  std::string text;
  for (const ProbeRow& r : rows_) {
    base::JsonWriter w(text);
    w.begin_object().field("id", r.id).field("dataset", r.dataset).field("domain", r.domain);
    w.field("prompt", r.prompt).field("of", identity_);
    if (r.judge_usd > 0) w.field("judge_cost", r.judge_usd);
    if (r.traffic) w.field("traffic", true);
    w.key("models").begin_object().key(model_).begin_object();
    if (!std::isnan(r.score)) w.field("score", r.score);
    w.field("tokens_in", r.tokens_in).field("tokens_out", r.tokens_out);
    if (!std::isnan(r.cost_usd)) w.field("cost", r.cost_usd);
    if (!std::isnan(r.latency_s)) w.field("latency", r.latency_s);
    w.end_object().end_object().end_object();
    text += '\n';
  }
  const std::string path = stem_ + (publish ? ".jsonl" : ".partial");
  const std::string fresh = stem_ + ".new";
  std::ofstream out(fresh, std::ios::binary);
  out << text;
  out.close();
  if (!out || std::rename(fresh.c_str(), path.c_str()) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  if (!publish) return {};
  unpublished_ = false;
  std::error_code ignored;  // a partial file that stays is read and merged
  std::filesystem::remove(stem_ + ".partial", ignored);
  return {};
}

std::size_t ProbeFile::observations() const {
  return static_cast<std::size_t>(std::count_if(
      rows_.begin(), rows_.end(), [](const ProbeRow& r) { return !std::isnan(r.score); }));
}

double ProbeFile::mean() const {
  double sum = 0;
  for (const ProbeRow& r : rows_) sum += std::isnan(r.score) ? 0 : r.score;
  const std::size_t n = observations();
  return n == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(n);
}

double ProbeFile::spent_usd() const {
  double sum = 0;
  for (const ProbeRow& r : rows_) {
    if (!r.traffic) sum += (std::isnan(r.cost_usd) ? 0 : r.cost_usd) + r.judge_usd;
  }
  return sum;
}

}  // namespace swy::gateway
