// The answer's way back to the client: plain or streamed, through output guards, judged by a
// grounding guard, settled and recorded before its last byte leaves. The rest of a request's life:
// worker_chat.cc.
#include <fmt/format.h>

#include <functional>

#include "gateway/relay.h"
#include "gateway/worker.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kMaxPlainAnswer = std::size_t{64} << 20U;
constexpr std::int64_t kPatienceForEnd =
    250 * net::kMillisecond;  // after [DONE]; well-behaved servers need none

Error blocked_answer(const Exchange& x) {
  return {ErrorCode::kForbidden,
          fmt::format("the answer was stopped by output guard '{}'", x.filter->blocked()->name)};
}

Error ungrounded_answer(const Exchange& x) {
  return {ErrorCode::kForbidden, fmt::format("the answer was stopped by output guard '{}': {}",
                                             x.check->guard().name, x.check->reason())};
}

// A stream that was cut is a bad gateway to the client whatever the transport called it.
Error broken_stream(const Exchange& x, const Error& why) {
  const ErrorCode code = why.code == ErrorCode::kTimeout || why.code == ErrorCode::kCancelled
                             ? why.code
                             : ErrorCode::kProtocol;
  return x.upstream_error({code, why.message});
}

}  // namespace

base::Task<void> Worker::relay_plain(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                     http::ServerConnection& connection) {
  std::string body;
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece || body.size() + piece->size() > kMaxPlainAnswer) {
      x.fail_with(x.upstream_error(piece ? Error{ErrorCode::kProtocol, "the answer is over 64 MiB"}
                                         : piece.error()));
      x.aborted = connection.gone();
      co_return co_await refuse(x, connection);
    }
    if (piece->empty()) break;
    body += *piece;
  }
  x.first_ns = shared_.clock.mono_ns();
  if (x.upstream_status < 400 && x.upstream_status != 200) {
    x.fail_with(x.upstream_error(
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
      x.fail_with(x.upstream_error({ErrorCode::kProtocol, why}));
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
  if (x.check && x.check->pending() && x.upstream_status == 200) {
    co_await judge(x);
    if (x.check->stopped()) {
      x.fail_with(ungrounded_answer(x));
      co_return co_await refuse(x, connection);
    }
  }
  if (x.check && x.upstream_status == 200) body = x.check->in_body(std::move(body));
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
  const bool checks = x.check && x.check->pending();
  std::string held;  // of a checked answer: its end, or all of it
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
    const bool ended = relay.over() && (relay.ok() || relay.scan().error());
    if (checks && (ended || x.check->holds())) {
      held += ready;
      if (ended) break;
      if (held.size() <= kMaxPlainAnswer) continue;
      trouble = Error{ErrorCode::kProtocol, "the answer is over 64 MiB"};
      break;
    }
    if (ready.empty()) continue;
    if (!begun) begin_stream(x, head, connection);
    begun = true;
    if (ended) co_return co_await finish_stream(x, call, relay, connection, ready);
    if (const auto sent = co_await connection.write(ready); !sent) {
      trouble = Error{ErrorCode::kCancelled, "the client went away or stopped reading"};
      break;
    }
  }
  if (checks && !trouble && relay.ok()) {
    co_await judge(x);
    if (x.check->stopped()) {
      trouble = ungrounded_answer(x);
    } else {
      held += x.check->as_event({x.filter->id(), x.filter->model(), x.filter->created()});
      held += x.filter->end();
    }
  }
  if (checks && !trouble && (relay.ok() || relay.scan().error())) {
    if (!begun) begin_stream(x, head, connection);
    co_return co_await finish_stream(x, call, relay, connection, held);
  }
  x.aborted = trouble && (connection.gone() || trouble->code == ErrorCode::kCancelled);
  x.finish_reason = relay.scan().finish_reason();
  settle(x, relay.scan().usage_or_estimate(x.tokens_in));
  if (!trouble && !relay.ok()) trouble = relay.why();
  if (trouble) {
    // Named: g++ 12 destroys a temporary of `?:` inside a co_await expression twice.
    const bool ours = trouble->code == ErrorCode::kForbidden;
    if (!ours) trouble = broken_stream(x, *trouble);
    co_return co_await end_stream_with_error(x, connection, begun, *trouble);
  }
  finish(x);
  (void)co_await connection.finish();
}

void Worker::begin_stream(Exchange& x, const wire::ResponseHead& head,
                          http::ServerConnection& connection) {
  out_headers_.clear();
  answer_headers(x, &head, out_headers_);
  out_headers_.add_checked("Content-Type", "text/event-stream");
  out_headers_.add_checked("Cache-Control", "no-cache");
  x.status = 200;
  connection.begin(200, out_headers_);
}

// Stages two and three of the rule's grounding guard, in the compute pool.
base::Task<void> Worker::judge(Exchange& x) {
  const auto judging = x.check->judging(x.snapshot, x.filter->texts(), x.filter->cut());
  const auto patience = static_cast<std::int64_t>(x.check->guard().deadline_ms * 1e6);
  const std::int64_t before = shared_.clock.mono_ns();
  Errand errand(*shared_.understanding, loop_);
  Understanding::Work work = [judging](const std::atomic<bool>& stop) { judging->run(stop); };
  const auto state = co_await errand.run(std::move(work), patience);
  if (state == route::Encoding::State::kReady) {
    x.check->conclude(std::move(judging->result));
  } else {
    x.check->give_up(to_string(state));
  }
  shared_.judging.observe_us((shared_.clock.mono_ns() - before) / 1000);
  shared_.judged_as(x.check->result().result);
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

}  // namespace swy::gateway
