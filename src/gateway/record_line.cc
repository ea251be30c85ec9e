#include "gateway/record_line.h"

#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "gateway/flow_run.h"
#include "route/trace.h"

namespace swy::gateway {

void append_record_start(std::string& out, const RecordStart& start, const route::Plan& plan,
                         const route::RuleSet* set, route::Scratch* scratch, fleet::LiveView live,
                         bool keep_sketch) {
  base::JsonWriter w(out);
  w.begin_object()
      .field("v", 1)
      .field("kind", "request")
      .field("id", start.id)
      .field("time_us", start.time_us);
  w.field("plan", plan.version).field("seed", start.seed);
  if (scratch != nullptr) {
    w.field("work_id", base::hex64(scratch->reading.work().id));
    w.key("work");
    route::write_work(w, plan, scratch->reading, keep_sketch);
    if (set != nullptr && !live.empty()) {
      w.key("live");
      std::vector<ExpertId> all(plan.catalogue.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<ExpertId>(i);
      route::write_live(w, plan, live, all);
    }
    if (start.rule != nullptr && start.rule->account_size > 0) {
      w.key("account");
      route::write_account(w, *start.rule, live);
    }
    w.key("decision").raw(start.decision);
    if (!start.experiment.empty()) w.key("experiment").raw(start.experiment);
  }
  if (!start.key.empty()) w.field("key", start.key);
  if (!start.body.empty()) w.field("body", start.body);
}

namespace {

void write_outcome(base::JsonWriter& w, const Exchange& x) {
  w.key("outcome").begin_object().field("status", x.status);
  if (x.expert != kNoExpert) w.field("model", x.card().name).field("upstream", x.card().upstream);
  if (x.upstream_status != 0) w.field("upstream_status", x.upstream_status);
  if (x.stream) w.field("stream", true);
  if (x.aborted) w.field("aborted", true);
  if (x.error) w.field("error", to_string(x.error->code)).field("message", x.error->message);
  if (!x.finish_reason.empty()) w.field("finish_reason", x.finish_reason);
  if (x.usage) {
    w.field("tokens_in", x.usage->prompt)
        .field("tokens_cached", x.usage->cached)
        .field("tokens_out", x.usage->completion);
  }
  if (x.cost) w.field("cost_nano", *x.cost);
  w.field("cost_basis", !x.usage || !x.cost  ? "none"
                        : x.usage->estimated ? "estimate"
                                             : "usage")
      .end_object();
}

// What content and output guards did; nothing when they did nothing.
void write_guards(base::JsonWriter& w, const Exchange& x) {
  if (!x.demands.notes.empty()) w.field("guards", x.demands.notes);
  const std::string output = x.filter ? x.filter->note() : std::string();
  if (!output.empty()) w.field("output_guards", output);
  if (x.check && !x.check->pending()) {
    w.key("grounding");
    x.check->write(w, false);
  }
}

// Every call of an exchange of several, whatever came of it.
void write_flow(base::JsonWriter& w, const Exchange& x) {
  if (!x.flow) return;
  const FlowRun& run = *x.flow;
  w.key("flow").begin_object().field("strategy", run.rule->strategy_name);
  w.field("why", run.ended.why.view()).field("rounds", run.ended.rounds);
  if (run.ended.answer) w.field("answer", *run.ended.answer);
  if (!std::isnan(run.ended.confidence)) w.field("confidence", run.ended.confidence);
  w.key("calls").begin_array();
  for (std::size_t i = 0; i < run.ended.seen.size(); ++i) {
    const route::Observation& o = run.ended.seen[i];
    w.begin_object();
    w.field("model", x.snapshot->plan().catalogue[run.start.candidates[o.candidate]].name);
    w.field("purpose", to_string(o.purpose)).field("round", o.round);
    w.field("why", run.ended.round_why[o.round].view());
    if (o.sample > 0) w.field("sample", o.sample);
    if (o.failed) w.field("error", o.text);
    w.field("tokens_in", o.tokens_in).field("tokens_out", o.tokens_out);
    if (!std::isnan(o.cost_usd)) w.field("cost_nano", std::int64_t{std::lround(o.cost_usd * 1e9)});
    if (!std::isnan(o.latency_ms))
      w.field("latency_us", std::int64_t{std::lround(o.latency_ms * 1e3)});
    w.end_object();
  }
  w.end_array().end_object();
}

void write_times(base::JsonWriter& w, const Exchange& x, std::int64_t now_ns) {
  const auto since = [&](std::string_view name, std::int64_t ns) {
    if (ns != 0) w.field(name, (ns - x.start_ns) / 1000);
  };
  w.key("times").begin_object();
  since("sent_us", x.sent_ns);
  since("upstream_head_us", x.head_ns);
  since("first_us", x.first_ns);
  since("total_us", now_ns);
  w.end_object();
}

}  // namespace

void append_record_end(std::string& out, const Exchange& x, std::int64_t now_ns) {
  out += ',';
  base::JsonWriter w(out);
  write_outcome(w, x);
  write_guards(w, x);
  write_flow(w, x);
  write_times(w, x, now_ns);
  out += '}';
}

std::string feedback_line(const Feedback& feedback, std::string_view key, std::int64_t time_us) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("v", 1)
      .field("kind", "feedback")
      .field("record", feedback.record)
      .field("time_us", time_us);
  if (!key.empty()) w.field("key", key);
  w.field("score", feedback.score);
  if (!feedback.comment.empty()) w.field("comment", feedback.comment);
  w.end_object();
  return out;
}

}  // namespace swy::gateway
