// The life of one chat request: authenticate, decode, decide, record, call, relay, settle
// (docs/design/life_of_a_request.md).
//
// Order that matters: the record is on disk before the last byte of the answer leaves, so a client
// that has its whole answer has its record too. Records and answers of a turn of the loop go
// together: first one write of the records, then the answers. Everything up to the call is
// synchronous and uses the worker's scratch; after the first co_await only the Exchange is touched.
#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/log.h"
#include "gateway/record_line.h"
#include "gateway/relay.h"
#include "gateway/worker.h"
#include "route/trace.h"
#include "wire/sse.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kMaxPlainAnswer = std::size_t{64} << 20U;
constexpr std::int64_t kPatienceForEnd =
    250 * net::kMillisecond;                       // after [DONE]; well-behaved servers need none
constexpr std::int64_t kDefaultExpectedOut = 400;  // as the price estimator's default

Error upstream_error(const Exchange& x, const Error& why) {
  return {why.code, fmt::format("upstream '{}' (model {}): {}", x.card().upstream, x.card().name,
                                why.message)};
}

Error blocked_answer(const Exchange& x) {
  return {ErrorCode::kForbidden,
          fmt::format("the answer was stopped by output guard '{}'", x.filter->blocked()->name)};
}

// A stream that was cut is a bad gateway to the client whatever the transport called it.
Error broken_stream(const Exchange& x, const Error& why) {
  const ErrorCode code = why.code == ErrorCode::kTimeout || why.code == ErrorCode::kCancelled
                             ? why.code
                             : ErrorCode::kProtocol;
  return upstream_error(x, {code, why.message});
}

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
  const Upstream& upstream = x.snapshot->upstream(x.expert);
  http::Call call(*pools_[x.snapshot->config->upstream_of[x.expert]]);
  connection.on_gone([&call] { call.cancel(); });
  out_headers_.clear();
  upstream_headers(x, request, out_headers_);
  const std::string target = upstream.base_path + "/chat/completions";
  x.live.start(x.snapshot->live, x.expert);
  x.sent_ns = shared_.clock.mono_ns();
  const auto head = co_await call.start(
      upstream.origin,
      {.method = "POST", .target = target, .headers = &out_headers_, .body = x.upstream_body});
  x.head_ns = shared_.clock.mono_ns();
  if (!head) {
    x.fail_with(upstream_error(x, head.error()));
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
  if (x.demands.mask == 0 && x.demands.output.empty()) return true;
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
  if (vault.size() > 0 || !x.demands.output.empty())
    x.filter = std::make_unique<AnswerFilter>(x.demands.output, std::move(vault));
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
    previous_model_ = shared_.sessions.previous(work.session, shared_.clock.wall_us());
    if (previous_model_) work.previous = plan.catalogue.find(*previous_model_).value_or(kNoExpert);
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
    prepared = choose_rule_set(x, *set, static_cast<std::size_t>(set - plan.rule_sets.data()), work,
                               understood);
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
  return prepared;
}

Worker::Prepared Worker::choose_rule_set(Exchange& x, const route::RuleSet& set, std::size_t index,
                                         const route::Work& work,
                                         std::optional<Understood>& understood) {
  const route::Plan& plan = x.snapshot->plan();
  const std::int64_t before = shared_.clock.mono_ns();
  if (x.snapshot->rule_sets[index].reads_live) {
    x.snapshot->live->view(live_);
  } else {
    live_.clear();
  }
  const route::Decision d =
      route::decide(plan, set, live_, base::Rng(x.snapshot->config->seed, work.id, 0), scratch_);
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
    x.expert = choice->expert;
    x.demands = demands_of(plan, set.rules[choice->rule], scratch_, x.card());
    x.decision.assign(set.name).append("/").append(set.rules[choice->rule].name);
    x.reason = choice->why.view();
    return Prepared::kReady;
  }
  const auto& refusal = std::get<route::Refuse>(d);
  if (refusal.rule) x.decision = fmt::format("{}/{}", set.name, set.rules[*refusal.rule].name);
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
  start.body = x.snapshot->config->records.bodies ? std::string_view(raw.body) : std::string_view{};
  if (key != nullptr) start.key = key->name;
  x.record.reserve(2048 + start.body.size());
  append_record_start(x.record, start, x.snapshot->plan(), set,
                      decision.empty() ? nullptr : &scratch_, live_,
                      x.snapshot->config->records.sketch);
}

void Worker::upstream_headers(const Exchange& x, const http::Request& request,
                              wire::Headers& out) const {
  const Upstream& u = x.snapshot->upstream(x.expert);
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
  if (!x.demands.notes.empty())
    out.add_checked("x-switchyard-guards", header_safe(x.demands.notes));
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

base::Task<void> Worker::relay_plain(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                     http::ServerConnection& connection) {
  std::string body;
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece || body.size() + piece->size() > kMaxPlainAnswer) {
      x.fail_with(upstream_error(
          x, piece ? Error{ErrorCode::kProtocol, "the answer is over 64 MiB"} : piece.error()));
      x.aborted = connection.gone();
      co_return co_await refuse(x, connection);
    }
    if (piece->empty()) break;
    body += *piece;
  }
  x.first_ns = shared_.clock.mono_ns();
  if (x.upstream_status < 400 && x.upstream_status != 200) {
    x.fail_with(upstream_error(
        x,
        {ErrorCode::kProtocol,
         fmt::format("answered {}, which is neither an answer nor an error", x.upstream_status)}));
    co_return co_await refuse(x, connection);
  }
  std::optional<chat::Usage> usage;
  if (x.upstream_status == 200) {
    const auto answer = answer_doc_.read(body);
    if (x.stream || !answer || answer->error) {
      const std::string why = x.stream  ? "answered a request for a stream without one"
                              : !answer ? answer.error().message
                                        : "answered 200 with an error: " + answer->error->message;
      x.fail_with(upstream_error(x, {ErrorCode::kProtocol, why}));
      co_return co_await refuse(x, connection);
    }
    usage = answer->usage;
    x.finish_reason = answer->finish_reason;
    if (!usage)
      usage = chat::Usage{.prompt = x.tokens_in,
                          .completion = static_cast<std::int64_t>(answer->content_bytes / 4),
                          .estimated = true};
  } else {
    x.error = Error{ErrorCode::kUnavailable,
                    fmt::format("upstream '{}' answered {}", x.card().upstream, x.upstream_status)};
    if (!answer_doc_.read(body)) {
      body = chat::openai_error(x.error->message, chat::error_type(x.upstream_status), "",
                                "upstream_error");
    }
  }
  settle(x, usage);
  if (x.filter && x.upstream_status == 200 && !x.filter->whole(body)) {
    x.fail_with(blocked_answer(x));
    co_return co_await refuse(x, connection);
  }
  x.status = x.upstream_status;
  finish(x);
  out_headers_.clear();
  answer_headers(x, &head, out_headers_);
  out_headers_.add_checked("Content-Type", "application/json");
  (void)co_await connection.respond(x.status, out_headers_, body);
}

base::Task<void> Worker::relay_stream(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                      http::ServerConnection& connection) {
  StreamRelay relay(stream_doc_);
  bool begun = false;
  std::optional<Error> trouble;
  while (!relay.over()) {
    const auto piece = co_await call.read_body();
    if (!piece || connection.gone()) {
      trouble = piece ? Error{ErrorCode::kCancelled, "the client went away"} : piece.error();
      break;
    }
    if (piece->empty()) break;
    std::string_view ready = relay.take(*piece);  // whole events only
    if (x.filter) {
      ready = x.filter->events(stream_doc_, ready);
      if (x.filter->blocked() != nullptr) {
        trouble = blocked_answer(x);
        break;
      }
    }
    if (x.first_ns == 0 && relay.scan().first_content()) x.first_ns = shared_.clock.mono_ns();
    if (ready.empty()) continue;
    if (!begun) {
      out_headers_.clear();
      answer_headers(x, &head, out_headers_);
      out_headers_.add_checked("Content-Type", "text/event-stream");
      out_headers_.add_checked("Cache-Control", "no-cache");
      x.status = 200;
      connection.begin(200, out_headers_);
      begun = true;
    }
    if (relay.over() && (relay.ok() || relay.scan().error()))
      co_return co_await finish_stream(x, call, relay, connection, ready);
    if (const auto sent = co_await connection.write(ready); !sent) {
      trouble = Error{ErrorCode::kCancelled, "the client went away or stopped reading"};
      break;
    }
  }
  x.aborted = trouble && (connection.gone() || trouble->code == ErrorCode::kCancelled);
  x.finish_reason = relay.scan().finish_reason();
  settle(x, relay.scan().usage_or_estimate(x.tokens_in));
  if (!trouble && !relay.ok()) trouble = relay.why();
  if (trouble) {
    // Named: g++ 12 destroys a temporary of `?:` inside a co_await expression twice.
    const bool blocked = x.filter && x.filter->blocked() != nullptr;
    if (!blocked) trouble = broken_stream(x, *trouble);
    co_return co_await end_stream_with_error(x, connection, begun, *trouble);
  }
  finish(x);
  (void)co_await connection.finish();
}

// [DONE] or the upstream's own error event is the last thing in `last`: settles before the client
// can see the end.
base::Task<void> Worker::finish_stream(Exchange& x, http::Call& call, const StreamRelay& relay,
                                       http::ServerConnection& connection, std::string_view last) {
  if (!relay.ok()) x.fail_with(broken_stream(x, relay.why()));
  x.finish_reason = relay.scan().finish_reason();
  settle(x, relay.scan().usage_or_estimate(x.tokens_in));
  finish(x);
  (void)co_await connection.finish(last);
  // Read to the end, so that the upstream connection can be used again; but the client's next
  // request waits for this.
  net::Deadline patience([](void* c) { static_cast<http::Call*>(c)->cancel(); }, &call);
  patience.arm(loop_, loop_.after(kPatienceForEnd));
  while (relay.ok()) {
    const auto rest = co_await call.read_body();
    if (!rest || rest->empty()) break;
  }
}

base::Task<void> Worker::end_stream_with_error(Exchange& x, http::ServerConnection& connection,
                                               bool begun, const Error& error) {
  x.error = error;
  if (!begun) co_return co_await refuse(x, connection);
  if (x.aborted) {
    x.status = 499;
    finish(x);
    connection.abort();
    co_return;
  }
  finish(x);
  const chat::HttpError e = chat::http_error(error.code);
  // Whole events only have left, so this event stands by itself; no [DONE] follows.
  const std::string event = chat::sse_error_event(error.message, e.type, "", e.code);
  (void)co_await connection.finish(event);
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

// Ends the exchange: live statistics, session, metrics, record. Called once, before the last bytes
// leave.
void Worker::finish(Exchange& x) {
  const std::int64_t now = shared_.clock.mono_ns();
  if (x.expert != kNoExpert && x.sent_ns != 0) {
    const ModelMetrics& m = x.snapshot->models[x.expert];
    if (x.aborted) {
      x.live.abandon();
      m.aborted->add();
    } else {
      fleet::CallResult r;
      // The caller's own mistakes (4xx other than rate limits) say nothing about the model.
      // So do our own guards (kForbidden): the model answered.
      r.failed = x.error.has_value() && x.error->code != ErrorCode::kForbidden &&
                 (x.upstream_status < 400 || x.upstream_status >= 500 || x.upstream_status == 429);
      if (x.first_ns != 0) r.ttft_ms = static_cast<double>(x.first_ns - x.start_ns) * 1e-6;
      r.total_ms = static_cast<double>(now - x.start_ns) * 1e-6;
      r.tokens_out = x.usage ? x.usage->completion : 0;
      x.live.finish(r);
      (x.error ? m.failed : m.answered)->add();
      if (!x.error) {
        if (x.first_ns != 0) m.first_token->observe_us((x.first_ns - x.start_ns) / 1000);
        m.total->observe_us((now - x.start_ns) / 1000);
        if (!x.session.empty()) shared_.sessions.served(x.session, x.card().name, x.start_us);
      }
    }
  }
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
