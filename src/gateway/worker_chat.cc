// The life of one chat request: authenticate, decode, decide, record, call, relay, settle
// (docs/design/life_of_a_request.md).
//
// Order that matters: the record is on disk before the last byte of the answer leaves, so a client
// that has its whole answer has its record too. Records and answers of a turn of the loop go
// together: first one write of the records, then the answers. Everything up to the call is
// synchronous and uses the worker's scratch; after the first co_await only the Exchange is touched.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/log.h"
#include "gateway/flow_run.h"
#include "gateway/record_line.h"
#include "gateway/relay.h"
#include "gateway/worker.h"
#include "route/trace.h"
#include "wire/sse.h"

namespace swy::gateway {
namespace {

constexpr std::int64_t kDefaultExpectedOut = 400;  // as the price estimator's default

std::string_view session_of(const chat::Request& request, const http::Request& raw) {
  for (const std::string_view name :
       {"x-switchyard-session", "x-session-id", "x-claude-code-session-id"}) {
    if (const auto v = raw.head.headers.find(name); v && !v->empty()) return *v;
  }
  for (const auto& [key, value] : request.metadata) {
    if (key == "session_id" || key == "session") return value;
  }
  return {};
}

route::SessionPast past_of(const SessionMemory& m) {
  return {m.turns, m.switches, m.rule, m.rule_turns, m.idle_s, m.warmth};
}

}  // namespace

base::Task<void> Worker::chat(http::Request request, http::ServerConnection& connection) {
  Exchange x;
  x.snapshot = snapshot_;
  x.start_ns = shared_.clock.mono_ns();
  x.start_us = shared_.clock.wall_us();
  x.id = ids_.next();
  shared_.requests.add();
  std::optional<Understood> understood;
  while (prepare(x, request, understood) == Prepared::kNeeds) co_await understood->wait();
  if (!x.error && connection.gone()) {
    x.aborted = true;
    x.fail_with({ErrorCode::kCancelled, "the client went away"});
  }
  if (x.error) {
    shared_.refused.add();
    co_await refuse(x, connection);
    co_return;
  }
  understood.reset();
  if (x.flow) co_return co_await flow_chat(x, request, connection);
  const Upstream& upstream = x.snapshot->upstream(x.expert);
  http::Call call(*pools_[x.snapshot->config->upstream_of[x.expert]]);
  connection.on_gone([&call] { call.cancel(); });
  out_headers_.clear();
  upstream_headers(upstream, request, out_headers_);
  const std::string target = upstream.base_path + "/chat/completions";
  x.live.start(x.snapshot->live, x.expert);
  x.sent_ns = shared_.clock.mono_ns();
  const auto head = co_await call.start(
      upstream.origin,
      {.method = "POST", .target = target, .headers = &out_headers_, .body = x.upstream_body});
  x.head_ns = shared_.clock.mono_ns();
  if (!head) {
    x.fail_with(x.upstream_error(head.error()));
    x.aborted = connection.gone();
    co_await refuse(x, connection);
    connection.on_gone({});
    co_return;
  }
  x.upstream_status = (*head)->status;
  std::string().swap(x.upstream_body);  // a slow stream must not hold its prompt
  std::string().swap(request.body);
  const auto type = (*head)->headers.find("Content-Type");
  const bool event_stream = type && type->find("text/event-stream") != std::string_view::npos;
  if (x.upstream_status == 200 && x.stream && event_stream) {
    co_await relay_stream(x, call, **head, connection);
  } else {
    co_await relay_plain(x, call, **head, connection);
  }
  connection.on_gone({});
}

// Everything up to the call, in one go. When encodings are missing they are asked for, and it
// starts over once they are here: the second time costs microseconds, and nothing but `understood`
// lives on while other requests use the scratch.
Worker::Prepared Worker::prepare(Exchange& x, const http::Request& request,
                                 std::optional<Understood>& understood) {
  const auto key = authenticate(request);
  if (!key) {
    x.fail_with(
        {ErrorCode::kUnauthorized, "missing or unknown API key; send Authorization: Bearer KEY"});
    begin_record(x, request, "", nullptr);
    return Prepared::kRefused;
  }
  if (const auto decoded = request_doc_.decode(request.body); !decoded) {
    x.fail_with({decoded.error().code, decoded.error().message});
    x.error_param = decoded.error().param;
    x.error_code = decoded.error().openai_code;
    begin_record(x, request, "", nullptr, *key);
    return Prepared::kRefused;
  }
  const chat::Request& chat_request = request_doc_.request();
  x.stream = chat_request.stream;
  const Prepared decided = decide_for(x, chat_request, request, *key, understood);
  if (decided != Prepared::kReady) return decided;
  std::string_view body = request.body;
  std::string masked;
  if (!mask(x, body, masked)) return Prepared::kRefused;
  if (x.flow) {
    x.flow->body = std::string(body);
    if (!masked.empty()) read_masked_question(x, masked);
    return Prepared::kReady;
  }
  auto spliced = chat::splice_model(body, x.card().upstream_model);
  if (!spliced) {
    x.fail_with(std::move(spliced).error());
    return Prepared::kRefused;
  }
  x.upstream_body = std::move(*spliced);
  return Prepared::kReady;
}

// Masks what guards demand and prepares the answer's filter. false: the error is set.
bool Worker::mask(Exchange& x, std::string_view& body, std::string& masked) {
  const bool collects = x.check && x.check->pending();
  if (x.demands.mask == 0 && x.demands.output.empty() && !collects) return true;
  text::PiiVault vault;
  if (x.demands.mask != 0) {
    auto done = mask_request(body, x.demands, vault);
    if (!done) {
      x.fail_with(std::move(done).error());
      return false;
    }
    masked = std::move(*done);
    body = masked;
    x.demands.notes += fmt::format(" ({} masked)", vault.size());
  }
  if (vault.size() > 0 || !x.demands.output.empty() || collects)
    x.filter = std::make_unique<AnswerFilter>(x.demands.output, std::move(vault));
  if (collects) x.filter->collect(route::GroundingGuard::kMaxAnswer);
  return true;
}

route::Work Worker::work_of(const chat::Request& request, const http::Request& raw, const Key* key,
                            std::uint64_t id, const route::Plan& plan) {
  route::Work work;
  work.id = id;
  work.request = &request;
  collect_rule_headers(raw.head.headers, header_text_, headers_);
  work.headers = headers_;
  if (key != nullptr) {
    work.key_name = key->name;
    work.role = key->role;
  }
  work.session = session_of(request, raw).substr(0, 256);
  if (!work.session.empty()) {
    past_ = shared_.sessions.recall(work.session, shared_.clock.wall_us());
    if (past_) {
      work.previous = plan.catalogue.find(past_->model).value_or(kNoExpert);
      work.past = past_of(*past_);
    }
  }
  return work;
}

Worker::Prepared Worker::decide_for(Exchange& x, const chat::Request& request,
                                    const http::Request& raw, const Key* key,
                                    std::optional<Understood>& understood) {
  const route::Plan& plan = x.snapshot->plan();
  const route::Work work = work_of(request, raw, key, base::hash64(x.id.view()), plan);
  x.session = work.session;
  scratch_.begin(work, plan.signals.size());
  if (understood) understood->provide(scratch_.reading);
  decision_text_.clear();
  Prepared prepared = Prepared::kReady;
  const route::RuleSet* set = plan.find(request.model);
  if (set != nullptr) {
    auto serving = static_cast<std::size_t>(set - plan.rule_sets.data());
    x.seat = seat_for(*x.snapshot, serving, work);
    if (x.seat) serving = x.snapshot->trials[x.seat->experiment].rule_sets[x.seat->arm];
    if (!ask_others(x, work, understood)) return Prepared::kNeeds;
    set = &plan.rule_sets[serving];
    prepared = choose_rule_set(x, *set, serving, work, understood);
    if (prepared == Prepared::kNeeds) return prepared;
  } else if (const auto named = plan.catalogue.find(request.model)) {
    x.expert = *named;
    x.decision = "named";
    x.reason = "asked for by name";
    base::JsonWriter w(decision_text_);
    route::write_named(w, plan, *named);
  } else {
    x.fail_with(
        {ErrorCode::kNotFound, fmt::format("unknown model '{}'{}", request.model.substr(0, 200),
                                           base::did_you_mean(request.model, x.snapshot->names))});
    x.error_param = "model";
    prepared = Prepared::kRefused;
  }
  x.tokens_in = scratch_.reading.tokens_in();
  x.expected_out = std::min(request.max_tokens.value_or(kDefaultExpectedOut), kDefaultExpectedOut);
  begin_record(x, raw, decision_text_, set, decision_text_.empty() ? key : nullptr);
  if (x.lesson && prepared == Prepared::kReady) {
    x.lesson->body = raw.body;
    shared_.lessons->keep(x.id.view(), std::move(*x.lesson));
    x.lesson.reset();
  }
  return prepared;
}

namespace {

Lesson lesson_of(const route::Rule& rule, const route::Choice& choice, std::uint32_t rule_set,
                 const Snapshot& snapshot, const route::Scratch& scratch) {
  Lesson lesson;
  lesson.configured = snapshot.configured;
  lesson.rule_set = rule_set;
  lesson.rule = choice.rule;
  lesson.candidate = choice.candidate;
  lesson.propensity = choice.propensity;
  for (const route::FactId id : rule.estimator->needs())
    lesson.facts.emplace_back(id, scratch.facts[id]);
  return lesson;
}

void count_evidence(const Snapshot& snapshot, std::size_t rule_set, double evidence) {
  const RuleSetState& state = snapshot.rule_sets[rule_set];
  if (state.low_evidence == nullptr || std::isnan(evidence)) return;
  const bool low = evidence < snapshot.config->drift->evidence_below;
  (low ? state.low_evidence : state.enough_evidence)->add();
}

void count_price(const RuleSetState& state, const route::Choice& choice) {
  if (state.of_dearest == nullptr || state.dearest[choice.rule] == kNoExpert) return;
  (choice.expert == state.dearest[choice.rule] ? state.of_dearest : state.of_others)->add();
}

}  // namespace

Worker::Prepared Worker::choose_rule_set(Exchange& x, const route::RuleSet& set, std::size_t index,
                                         const route::Work& work,
                                         std::optional<Understood>& understood) {
  const route::Plan& plan = x.snapshot->plan();
  const std::int64_t before = shared_.clock.mono_ns();
  x.snapshot->look(index, seen_);
  const route::Decision d = route::decide(
      plan, set, seen_.view(), base::Rng(x.snapshot->config->seed, work.id, 0), scratch_);
  shared_.deciding.observe_us((shared_.clock.mono_ns() - before) / 1000);
  if (const auto* need = std::get_if<route::Need>(&d)) {
    if (!understood) understood.emplace(*shared_.understanding, loop_);
    understood->ask(x.snapshot->config->plan, *need, scratch_.reading);
    return Prepared::kNeeds;
  }
  base::JsonWriter w(decision_text_);
  route::write_decision(w, plan, set, scratch_, d);
  if (const auto* choice = std::get_if<route::Choice>(&d)) {
    x.snapshot->rule_sets[index].fired[choice->rule]->add();
    count_evidence(*x.snapshot, index, scratch_.beliefs[choice->candidate].evidence);
    count_price(x.snapshot->rule_sets[index], *choice);
    x.expert = choice->expert;
    const route::Rule& rule = set.rules[choice->rule];
    x.rule = &rule;
    x.candidate = choice->candidate;
    x.demands = demands_of(plan, rule, scratch_, x.card());
    if (rule.grounding) {
      x.check = std::make_unique<AnswerCheck>(*plan.grounding_guards[*rule.grounding], scratch_);
      if (!x.check->pending()) shared_.judged_as(x.check->result().result);
    }
    x.decision = rule.path;
    x.reason = choice->why.view();
    if (log_ != nullptr && !plan.learners.empty())
      x.lesson = lesson_of(rule, *choice, static_cast<std::uint32_t>(index), *x.snapshot, scratch_);
    if (x.seat) weigh_seat(x, *choice);
    if (rule.strategy != nullptr) begin_flow(x, rule, *choice);
    return Prepared::kReady;
  }
  const auto& refusal = std::get<route::Refuse>(d);
  if (refusal.rule) x.decision = set.rules[*refusal.rule].path;
  x.fail_with({refusal.code, refusal.message});
  return Prepared::kRefused;
}

void Worker::begin_record(Exchange& x, const http::Request& raw, std::string_view decision,
                          const route::RuleSet* set, const Key* key) {
  if (log_ == nullptr) return;
  RecordStart start;
  start.id = x.id.view();
  start.time_us = x.start_us;
  start.seed = x.snapshot->config->seed;
  start.decision = decision;
  const std::string experiment = x.seat ? seat_text(x) : std::string();
  start.experiment = experiment;
  start.body = x.snapshot->config->records.bodies ? std::string_view(raw.body) : std::string_view{};
  if (key != nullptr) start.key = key->name;
  x.record.reserve(2048 + start.body.size());
  start.rule = x.rule;
  append_record_start(x.record, start, x.snapshot->plan(), set,
                      decision.empty() ? nullptr : &scratch_, seen_.view(),
                      x.snapshot->config->records.sketch);
}

void Worker::upstream_headers(const Upstream& u, const http::Request& request, wire::Headers& out) {
  forward_request_headers(request.head.headers, u.client_credential, out);
  if (!u.authorization.empty()) out.add("Authorization", u.authorization);
  for (const auto& [name, value] : u.headers) out.set(name, value);
  out.set("Content-Type", "application/json");
}

void Worker::answer_headers(Exchange& x, const wire::ResponseHead* upstream, wire::Headers& out) {
  x.answer_ns = shared_.clock.mono_ns();
  const std::int64_t waited = x.sent_ns != 0 && x.head_ns != 0 ? x.head_ns - x.sent_ns : 0;
  const std::int64_t added_us = (x.answer_ns - x.start_ns - waited) / 1000;
  shared_.added.observe_us(added_us);
  if (upstream != nullptr) forward_response_headers(upstream->headers, out);
  out.add_checked("x-switchyard-record", x.id.view());
  out.add("x-switchyard-model",
          x.expert == kNoExpert ? std::string_view("none") : std::string_view(x.card().name));
  out.add("x-switchyard-decision", x.decision);
  if (x.seat) {
    const route::ExperimentSpec& e = x.snapshot->config->experiments[x.seat->experiment];
    out.add("x-switchyard-experiment", fmt::format("{}/{}", e.name, e.arms[x.seat->arm].name));
  }
  if (x.flow) {
    out.add_checked("x-switchyard-flow",
                    fmt::format("{}; calls={}; rounds={}", x.flow->rule->strategy_name,
                                x.flow->ended.seen.size(), x.flow->ended.rounds));
  }
  if (!x.demands.notes.empty())
    out.add_checked("x-switchyard-guards", header_safe(x.demands.notes));
  if (x.check && !x.check->pending())
    out.add_checked("x-switchyard-grounding", header_safe(x.check->header()));
  out.add_checked("x-switchyard-reason",
                  header_safe(x.error && x.expert == kNoExpert ? x.error->message : x.reason));
  const fmt::format_int added_text(added_us);
  out.add_checked("x-switchyard-added-us", {added_text.data(), added_text.size()});
  const auto estimate = x.expert == kNoExpert || x.error
                            ? std::optional<NanoUsd>(0)
                            : cost_of(x.card().price, x.tokens_in, 0, x.expected_out);
  const auto cost = x.cost ? x.cost : estimate;
  out.add_checked("x-switchyard-cost-usd", cost ? usd_text(*cost) : "unknown");
  const bool stated = x.cost && x.usage && !x.usage->estimated;
  out.add_checked("x-switchyard-cost-basis", x.error ? "none" : stated ? "usage" : "estimate");
}

// Answers with an error before anything of an answer has left.
base::Task<void> Worker::refuse(Exchange& x, http::ServerConnection& connection) {
  const chat::HttpError e = chat::http_error(x.error->code);
  x.status = x.aborted ? 499 : e.status;
  if (!x.cost) x.cost = 0;
  finish(x);
  if (x.aborted) {
    connection.abort();
    co_return;
  }
  out_headers_.clear();
  answer_headers(x, nullptr, out_headers_);
  out_headers_.add_checked("Content-Type", "application/json");
  const std::string body =
      chat::openai_error(x.error->message, e.type, x.error_param,
                         x.error_code.empty() ? e.code : std::string_view(x.error_code));
  (void)co_await connection.respond(e.status, out_headers_, body);
}

void Worker::settle(Exchange& x, const std::optional<chat::Usage>& usage) {
  x.usage = usage;
  if (!usage) {
    x.cost = 0;
    return;
  }
  x.cost = cost_of(x.card().price, usage->prompt, usage->cached, usage->completion);
  ModelMetrics m = x.snapshot->models[x.expert];
  m.tokens_in->add(usage->prompt);
  m.tokens_out->add(usage->completion);
  if (x.cost) m.cost_nano->add(*x.cost);
  if (usage->estimated) m.usage_missing->add();
}

// The session's next request will know of this answer. No cached tokens means that the upstream
// had none or does not count them: not known.
void Worker::remember(const Exchange& x) {
  if (x.session.empty()) return;
  double warmth = route::kUnknownNumber;
  if (x.usage && !x.usage->estimated && x.usage->cached > 0) {
    warmth = static_cast<double>(x.usage->cached) /
             static_cast<double>(std::max(x.usage->prompt, x.usage->cached));
  }
  shared_.sessions.served(x.session, x.card().name,
                          x.rule != nullptr ? std::string_view(x.rule->path) : std::string_view{},
                          warmth, x.start_us);
}

// Tells the policy that chose what became of it.
void Worker::settle_account(const Exchange& x, std::int64_t now_ns) {
  const route::Settlement what{x.candidate,
                               x.cost ? static_cast<double>(*x.cost) * 1e-3 : route::kUnknownNumber,
                               static_cast<double>(now_ns) * 1e-9};
  x.snapshot->accounts->change(
      x.rule->account_at, x.rule->account_size,
      [&](std::span<double> account) { x.rule->policy->settle(what, account); });
}

// What the call says of its model, and the session of its answer.
void Worker::settle_call(Exchange& x, std::int64_t now_ns) {
  const ModelMetrics& m = x.snapshot->models[x.expert];
  if (x.aborted) {
    x.live.abandon();
    m.aborted->add();
    return;
  }
  fleet::CallResult r;
  // The caller's own mistakes (4xx other than rate limits) say nothing about the model.
  // So do our own guards (kForbidden): the model answered.
  r.failed = x.error.has_value() && x.error->code != ErrorCode::kForbidden &&
             (x.upstream_status < 400 || x.upstream_status >= 500 || x.upstream_status == 429);
  if (x.first_ns != 0) r.ttft_ms = static_cast<double>(x.first_ns - x.start_ns) * 1e-6;
  r.total_ms = static_cast<double>(now_ns - x.start_ns) * 1e-6;
  r.tokens_out = x.usage ? x.usage->completion : 0;
  x.live.finish(r);
  (x.error ? m.failed : m.answered)->add();
  if (x.error) return;
  if (x.first_ns != 0) m.first_token->observe_us((x.first_ns - x.start_ns) / 1000);
  m.total->observe_us((now_ns - x.start_ns) / 1000);
  remember(x);
}

// Ends the exchange: live statistics, session, metrics, record. Called once, before the last bytes
// leave.
void Worker::finish(Exchange& x) {
  const std::int64_t now = shared_.clock.mono_ns();
  if (x.expert != kNoExpert && x.sent_ns != 0 && !x.flow) settle_call(x, now);
  if (x.rule != nullptr && x.rule->account_size > 0) settle_account(x, now);
  if (x.seat) report_seat(x, now);
  if (log_ == nullptr) return;
  append_record_end(x.record, x, now);
  (void)log_->add(x.record);  // a drop is counted and told by write_records()
}

// In every turn of the loop before answers leave.
void Worker::write_records() {
  log_->flush();
  const auto news = [](std::uint64_t& told, std::uint64_t now) {
    return static_cast<std::int64_t>(now - std::exchange(told, now));
  };
  if (const auto n = news(told_written_, log_->appended()); n > 0) shared_.records_written.add(n);
  const std::int64_t lost = news(told_dropped_, log_->dropped());
  if (lost == 0) return;
  shared_.records_dropped.add(lost);
  constexpr std::int64_t kOncePerNs = 60'000'000'000;
  const std::int64_t now = shared_.clock.mono_ns();
  if (last_log_complaint_ns_ != 0 && now - last_log_complaint_ns_ <= kOncePerNs) return;
  last_log_complaint_ns_ = now;
  base::log_error(
      fmt::format("record not written: {}; {} dropped so far by this worker, requests are still "
                  "served",
                  log_->last_error().message, log_->dropped()));
}

}  // namespace swy::gateway
