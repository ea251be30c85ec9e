// What a gateway learned, over a restart. `learning.json` in the directory `state` names the
// records that were learned from; the feedback that an earlier process took and could not publish
// any more is found in the records at start and learned then. A record counts once whatever
// happens: what may have been learned and cannot be known any more (older than Lessons' horizon) is
// not learned again.
#include <fmt/format.h>

#include <unordered_map>

#include "base/log.h"
#include "gateway/gateway.h"
#include "gateway/record_line.h"
#include "gateway/state_file.h"
#include "record/log_reader.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kMostKept = 10'000;    // records named in the file
constexpr std::size_t kMostAgain = 100'000;  // feedback learned at start
constexpr std::string_view kKind = "learning";

std::string path_of(const Config& config) { return config.state + "/learning.json"; }

Lessons::History read_history(const std::string& text) {
  Lessons::History out;
  base::JsonDoc doc;
  const auto root = doc.parse(text);
  if (!root) return out;
  out.horizon_ms = root->integer_or("horizon_ms", 0);
  if (const auto list = root->find("learned")) {
    list->each(
        [&](const base::Json& id) { out.learned.emplace_back(id.as_string().value_or("")); });
  }
  return out;
}

}  // namespace

void Gateway::begin_learning() {
  const Config& c = *snapshot_->config;
  const Lessons::History anew{{}, clock_.wall_us() / 1000};
  if (c.state.empty() || !learner_.learns()) return shared_.lessons->restore(anew);
  const auto text = read_state(path_of(c), {kKind, snapshot_->plan().configured});
  if (text && *text) {
    shared_.lessons->restore(read_history(**text));
    return learn_what_is_left();
  }
  if (!text) {
    base::log_warning(
        fmt::format("feedback on what earlier processes answered is not learned any more: {}",
                    text.error().message));
  }
  shared_.lessons->restore(anew);
  save_learning();
}

// The first feedback on every record that nobody has learned from.
void Gateway::learn_what_is_left() {
  const std::string& directory = snapshot_->config->records.path;
  if (directory.empty()) return;
  std::unordered_map<std::string, double> left;
  base::JsonDoc doc;
  const auto each_line = [&](std::string_view kind, auto&& use) {
    const std::string mark = fmt::format(R"("kind":"{}")", kind);
    const auto scanned =
        record::scan(directory, kRecordKind, [&](std::string_view line, const record::LogPlace&) {
          if (line.find(mark) == std::string_view::npos) return true;
          const auto record = doc.parse(line);
          if (record && record->string_or("kind", "") == kind) use(*record);
          return true;
        });
    if (!scanned && scanned.error().code != ErrorCode::kNotFound)
      base::log_warning("learning: " + scanned.error().message);
  };
  each_line("feedback", [&](const base::Json& f) {
    const std::string id(f.string_or("record", ""));
    if (left.size() < kMostAgain && shared_.lessons->may_learn_again(id))
      left.try_emplace(id, f.number_or("score", 0));
  });
  if (left.empty()) return;
  std::size_t n = 0;
  each_line("request", [&](const base::Json& r) {
    const std::string id(r.string_or("id", ""));
    const auto score = left.find(id);
    if (score == left.end() || !learner_.learn_again(r, score->second)) return;
    shared_.lessons->learned(id);
    shared_.learned.add();
    ++n;
  });
  if (n > 0) base::log_info(fmt::format("learned from {} feedbacks of an earlier process", n));
  publish_learned();
}

void Gateway::save_learning() {
  const Config& c = *snapshot_->config;
  if (c.state.empty()) return;
  const Lessons::History history = shared_.lessons->history(kMostKept);
  std::string text;
  base::JsonWriter w(text);
  w.begin_object().field("horizon_ms", history.horizon_ms).key("learned").begin_array();
  for (const std::string& id : history.learned) w.string(id);
  w.end_array().end_object();
  const Status saved = write_state(path_of(c), {kKind, snapshot_->plan().configured}, text);
  if (!saved) base::log_warning(saved.error().message);
}

}  // namespace swy::gateway
