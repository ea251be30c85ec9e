// The gateway's smaller endpoints: models, route (decide only), records, feedback, readiness,
// metrics.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "chat/build.h"
#include "chat/error.h"
#include "gateway/elsewhere.h"
#include "gateway/record_line.h"
#include "gateway/relay.h"
#include "gateway/worker.h"
#include "record/log_reader.h"
#include "route/trace.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kMaxComment = 4096;
constexpr std::string_view kRecordsOff = "records are off: configure records.path";
constexpr std::string_view kNoKey = "missing or unknown API key; send Authorization: Bearer KEY";

// The record, if this caller may see it: its own, or any for an admin or an open gateway. A foreign
// one does not exist.
Result<std::string> find_record(const std::string& dir, const std::string& id, bool all,
                                const std::string& caller) {
  auto line = record::find(dir, kRecordKind, id);
  if (!line) return line;
  if (!all) {
    base::JsonDoc doc;
    const auto j = doc.parse(*line);
    const auto work = j ? j->find("work") : std::nullopt;
    // Without a decision the key stands outside.
    const std::string_view owner = work ? work->string_or("key", "")
                                   : j  ? j->string_or("key", "")
                                        : "";
    if (owner != caller) return fail(ErrorCode::kNotFound, fmt::format("no record {}", id));
  }
  return line;
}

}  // namespace

base::Task<void> Worker::models(http::Request request, http::ServerConnection& connection,
                                std::string name) {
  if (!authenticate(request)) return reply_error(connection, ErrorCode::kUnauthorized, kNoKey, "");
  const std::vector<std::string>& names = snapshot_->names;
  std::string body;
  if (name.empty()) {
    std::vector<chat::ModelEntry> entries;
    for (const std::string& n : names) entries.push_back({n, 0, "switchyard"});
    chat::append_model_list(body, entries);
  } else if (std::find(names.begin(), names.end(), name) == names.end()) {
    return reply_error(
        connection, ErrorCode::kNotFound,
        fmt::format("unknown model '{}'{}", name.substr(0, 200), base::did_you_mean(name, names)),
        "model");
  } else {
    base::JsonWriter(body)
        .begin_object()
        .field("id", name)
        .field("object", "model")
        .field("created", 0)
        .field("owned_by", "switchyard")
        .end_object();
  }
  return reply(connection, 200, std::move(body));
}

std::optional<std::string> Worker::find_route_answer(const Snapshot& snapshot,
                                                     const http::Request& request, const Key* key,
                                                     std::uint64_t id, int& status,
                                                     std::optional<Understood>& understood) {
  const auto fail_with = [&](const chat::ErrorReply& r) {
    status = r.status;
    return r.body;
  };
  if (const auto decoded = request_doc_.decode(request.body); !decoded)
    return fail_with(chat::error_reply(decoded.error()));
  const chat::Request& r = request_doc_.request();
  const route::Plan& plan = snapshot.plan();
  const route::RuleSet* set = plan.find(r.model);
  if (set == nullptr) {
    std::vector<std::string> sets;
    for (const auto& s : plan.rule_sets) sets.push_back(s.name);
    const std::string message =
        plan.catalogue.find(r.model)
            ? fmt::format("'{}' is a model: it is asked directly; name a rule set to route",
                          r.model)
            : fmt::format("unknown rule set '{}'{}", r.model.substr(0, 200),
                          base::did_you_mean(r.model, sets));
    return fail_with(chat::error_reply(
        chat::RequestError{ErrorCode::kNotFound, message, "model", "model_not_found"}));
  }
  const route::Work work = work_of(r, request, key, id, plan);
  if (const auto seat =
          seat_for(snapshot, static_cast<std::size_t>(set - plan.rule_sets.data()), work)) {
    set = &plan.rule_sets[snapshot.trials[seat->experiment].rule_sets[seat->arm]];
  }
  scratch_.begin(work, plan.signals.size());
  if (understood) understood->provide(scratch_.reading);
  snapshot.look(static_cast<std::size_t>(set - plan.rule_sets.data()), seen_);
  const route::Decision d = route::decide(plan, *set, seen_.view(),
                                          base::Rng(snapshot.config->seed, work.id, 0), scratch_);
  if (const auto* need = std::get_if<route::Need>(&d)) {
    if (!understood) understood.emplace(*shared_.understanding, loop_);
    understood->ask(snapshot.config->plan, *need, scratch_.reading);
    return std::nullopt;
  }
  if (const auto* refusal = std::get_if<route::Refuse>(&d))
    return fail_with(chat::error_reply(Error{refusal->code, refusal->message}));
  status = 200;
  std::string body;
  base::JsonWriter w(body);
  route::write_answer(w, plan, *set, scratch_, d);
  return body;
}

base::Task<void> Worker::route(http::Request request, http::ServerConnection& connection) {
  const auto key = authenticate(request);
  if (!key) co_return co_await reply_error(connection, ErrorCode::kUnauthorized, kNoKey, "");
  const std::shared_ptr<const Snapshot> snapshot = snapshot_;  // whatever is adopted meanwhile
  const std::uint64_t id = base::hash64(ids_.next().view());
  int status = 200;
  std::optional<Understood> understood;
  std::optional<std::string> body;
  for (;;) {
    body = find_route_answer(*snapshot, request, *key, id, status, understood);
    if (body) break;
    co_await understood->wait();
  }
  co_await reply(connection, status, std::move(*body));
}

std::function<Result<std::string>()> Worker::finder(const Key* key, std::string id) const {
  const bool all = key == nullptr || key->role == "admin";
  return [dir = snapshot_->config->records.path, id = std::move(id), all,
          caller = key == nullptr ? std::string() : key->name] {
    return find_record(dir, id, all, caller);
  };
}

base::Task<void> Worker::records(http::Request request, http::ServerConnection& connection,
                                 std::string id) {
  const auto key = authenticate(request);
  if (!key) return reply_error(connection, ErrorCode::kUnauthorized, kNoKey, "");
  if (snapshot_->config->records.path.empty())
    return reply_error(connection, ErrorCode::kNotFound, kRecordsOff, "");
  return send_record(connection, finder(*key, std::move(id)));
}

base::Task<void> Worker::send_record(http::ServerConnection& connection,
                                     std::function<Result<std::string>()> find) {
  RunElsewhere<Result<std::string>> search(loop_, shared_.on_control, std::move(find));
  auto line = co_await search;
  base::Task<void> answer =
      line ? reply(connection, 200, std::move(*line))
           : reply_error(connection, line.error().code, line.error().message, "");
  co_await std::move(answer);
}

base::Task<void> Worker::feedback(http::Request request, http::ServerConnection& connection) {
  const auto key = authenticate(request);
  if (!key) return reply_error(connection, ErrorCode::kUnauthorized, kNoKey, "");
  if (log_ == nullptr) return reply_error(connection, ErrorCode::kNotFound, kRecordsOff, "");
  base::JsonDoc doc;
  const auto j = doc.parse(request.body);
  if (!j || !j->is_object()) {
    return reply_error(connection, ErrorCode::kInvalidArgument,
                       j ? "expected an object" : j.error().message, "");
  }
  const std::string record(j->string_or("record", ""));
  std::optional<double> score;
  if (const auto s = j->find("score")) {
    score = s->as_number();
    if (const auto b = s->as_bool()) score = *b ? 1.0 : 0.0;
  }
  const std::string comment(j->string_or("comment", "").substr(0, kMaxComment));
  if (record.empty())
    return reply_error(connection, ErrorCode::kInvalidArgument,
                       "record must be the id from x-switchyard-record", "record");
  if (!score || !(*score >= 0 && *score <= 1)) {
    return reply_error(connection, ErrorCode::kInvalidArgument,
                       "score must be a number from 0 to 1, or true or false", "score");
  }
  const std::string caller = *key == nullptr ? "" : (*key)->name;
  std::string line = feedback_line({record, *score, comment}, caller, shared_.clock.wall_us());
  return keep_feedback(connection, std::move(line), record, *score, finder(*key, record));
}

base::Task<void> Worker::keep_feedback(http::ServerConnection& connection, std::string line,
                                       std::string record, double score,
                                       std::function<Result<std::string>()> find) {
  RunElsewhere<Result<std::string>> search(loop_, shared_.on_control, std::move(find));
  const auto known = co_await search;
  base::Task<void> out;
  if (!known) {
    out = reply_error(connection, known.error().code, known.error().message, "record");
  } else if (const auto written = log_->append(line); !written) {
    out = reply_error(connection, ErrorCode::kExhausted, written.error().message, "");
  } else {
    out = reply(connection, 200, take_feedback(record, score));
    if (!snapshot_->trials.empty() || snapshot_->config->drift) {
      shared_.on_control([shared = &shared_, seen = *known, score] { shared->heard(seen, score); });
    }
  }
  co_await std::move(out);
}

// Hands feedback to what learns; the answer, which says what became of it where something learns.
std::string Worker::take_feedback(const std::string& record, double score) {
  std::string answer;
  base::JsonWriter w(answer);
  w.begin_object().field("object", "feedback").field("record", record).field("score", score);
  if (!snapshot_->plan().learners.empty()) {
    // Said beforehand: should the same feedback come twice at once, both answers say "learned", and
    // it is learned once.
    w.field("learning", to_string(shared_.lessons->standing(record)));
    shared_.on_control([shared = &shared_, record, score] {
      if (shared->learn(record, score)) shared->learned.add();
    });
  }
  w.end_object();
  return answer;
}

base::Task<void> Worker::ready(http::ServerConnection& connection) {
  std::string error;
  {
    const std::lock_guard lock(shared_.reload_mutex);
    error = shared_.reload_error;
  }
  const bool draining = shared_.draining.load();
  std::string body;
  base::JsonWriter w(body);
  w.begin_object()
      .field("ready", !draining)
      .field("plan", snapshot_->plan().version)
      .field("generation", snapshot_->generation);
  if (!error.empty()) w.field("last_reload_refused", error);
  w.end_object();
  co_await reply(connection, draining ? 503 : 200, std::move(body));
}

base::Task<void> Worker::metrics_page(http::ServerConnection& connection) {
  std::string page = shared_.metrics.prometheus();
  page += fmt::format(
      "# HELP switchyard_expect_failures_total Doubtful invariants that did not hold.\n"
      "# TYPE switchyard_expect_failures_total counter\nswitchyard_expect_failures_total {}\n",
      base::expect_failures());
  const http::ServerCounts c = server_.counts();
  page += fmt::format(
      "# HELP switchyard_connections Open client connections of the worker that answers.\n"
      "# TYPE switchyard_connections gauge\nswitchyard_connections{{worker=\"{}\"}} {}\n",
      index_, c.open);
  wire::Headers headers;
  headers.add("Content-Type", "text/plain; version=0.0.4");
  (void)co_await connection.respond(200, headers, page);
}

}  // namespace swy::gateway
