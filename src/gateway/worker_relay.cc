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

base::Task<Result<std::string>> read_whole(http::Call& call) {
  std::string body;
  for (;;) {
    const auto piece = co_await call.read_body();
    if (!piece) co_return tl::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > kMaxPlainAnswer)
      co_return fail(ErrorCode::kProtocol, "the answer is over 64 MiB");
    body += *piece;
  }
}

// Checks what came with the upstream's status; an error page that is none is replaced. false: the
// error is set, and nothing of the body may leave.
bool Worker::accept_answer(Exchange& x, std::string& body, std::optional<chat::Usage>& usage) {
  if (x.upstream_status < 400 && x.upstream_status != 200) {
    x.fail_with(x.upstream_error(
        {ErrorCode::kProtocol,
         fmt::format("answered {}, which is neither an answer nor an error", x.upstream_status)}));
    return false;
  }
  const auto answer = answer_doc_.read(body);
  if (x.upstream_status != 200) {
    x.error = Error{ErrorCode::kUnavailable,
                    fmt::format("upstream '{}' answered {}", x.card().upstream, x.upstream_status)};
    if (!answer) {
      body = chat::openai_error(x.error->message, chat::error_type(x.upstream_status), "",
                                "upstream_error");
    }
    return true;
  }
  if (x.stream || !answer || answer->error) {
    const std::string why = x.stream  ? "answered a request for a stream without one"
                            : !answer ? answer.error().message
                                      : "answered 200 with an error: " + answer->error->message;
    x.fail_with(x.upstream_error({ErrorCode::kProtocol, why}));
    return false;
  }
  usage = answer->usage;
  x.finish_reason = answer->finish_reason;
  if (!usage)
    usage = chat::Usage{.prompt = x.tokens_in,
                        .completion = static_cast<std::int64_t>(answer->content_bytes / 4),
                        .estimated = true};
  return true;
}

base::Task<void> Worker::relay_plain(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                     http::ServerConnection& connection) {
  auto read = co_await read_whole(call);
  if (!read) {
    x.fail_with(x.upstream_error(read.error()));
    x.aborted = connection.gone();
    co_return co_await refuse(x, connection);
  }
  std::string body = std::move(*read);
  x.first_ns = shared_.clock.mono_ns();
  std::optional<chat::Usage> usage;
  if (!accept_answer(x, body, usage)) co_return co_await refuse(x, connection);
  settle(x, usage);
  if (x.upstream_status == 200) {
    co_await guard_plain(x, body);
    if (x.error) co_return co_await refuse(x, connection);
  }
  x.status = x.upstream_status;
  finish(x);
  out_headers_.clear();
  answer_headers(x, &head, out_headers_);
  out_headers_.add_checked("Content-Type", "application/json");
  (void)co_await connection.respond(x.status, out_headers_, body);
}

// A whole answer through its guards; x.error is set when one stops it.
base::Task<void> Worker::guard_plain(Exchange& x, std::string& body) {
  if (x.filter && !x.filter->whole(body)) {
    x.fail_with(blocked_answer(x));
    co_return;
  }
  if (!x.check) co_return;
  if (x.check->pending()) co_await judge(x);
  if (x.check->stopped()) {
    x.fail_with(ungrounded_answer(x));
  } else {
    body = x.check->in_body(std::move(body));
  }
}

// A stream on its way.
struct Worker::Passing {
  explicit Passing(base::JsonDoc& parser) : relay(parser) {}
  StreamRelay relay;
  bool checks = false;  // a grounding guard waits for its end
  bool begun = false;   // the head has left
  std::string held;     // of a checked answer: its end, or all of it
  std::optional<Error> trouble;
  [[nodiscard]] bool ended() const { return relay.over() && (relay.ok() || relay.scan().error()); }
};

// What of a piece may go to the client now. The view lives until the next piece.
std::string_view Worker::pass(Exchange& x, Passing& p, std::string_view piece) {
  std::string_view ready = p.relay.take(piece);  // whole events only
  if (x.filter) {
    ready = x.filter->events(stream_doc_, ready);
    if (x.filter->blocked() != nullptr) {
      p.trouble = blocked_answer(x);
      return {};
    }
  }
  if (x.first_ns == 0 && p.relay.scan().first_content()) x.first_ns = shared_.clock.mono_ns();
  if (!p.checks || (!p.ended() && !x.check->holds())) return ready;
  p.held += ready;
  if (p.held.size() > kMaxPlainAnswer)
    p.trouble = Error{ErrorCode::kProtocol, "the answer is over 64 MiB"};
  return {};
}

base::Task<void> Worker::relay_stream(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                      http::ServerConnection& connection) {
  Passing p(stream_doc_);
  p.checks = x.check && x.check->pending();
  while (!p.relay.over() && !p.trouble) {
    const auto piece = co_await call.read_body();
    if (!piece || connection.gone()) {
      p.trouble = piece ? Error{ErrorCode::kCancelled, "the client went away"} : piece.error();
      break;
    }
    if (piece->empty()) break;
    const std::string_view ready = pass(x, p, *piece);
    if (ready.empty()) continue;
    if (!p.begun) begin_stream(x, head, connection);
    p.begun = true;
    if (p.ended()) co_return co_await finish_stream(x, call, p.relay, connection, ready);
    if (const auto sent = co_await connection.write(ready); !sent)
      p.trouble = Error{ErrorCode::kCancelled, "the client went away or stopped reading"};
  }
  co_await end_stream(x, call, p, head, connection);
}

// The end of a stream that is checked, or that did not end with [DONE].
base::Task<void> Worker::end_stream(Exchange& x, http::Call& call, Passing& p,
                                    const wire::ResponseHead& head,
                                    http::ServerConnection& connection) {
  const bool ok = p.relay.ok();
  if (p.checks && !p.trouble && ok) {
    co_await judge(x);
    if (x.check->stopped()) {
      p.trouble = ungrounded_answer(x);
    } else {
      p.held += x.check->as_event({x.filter->id(), x.filter->model(), x.filter->created()});
      p.held += x.filter->end();
    }
  }
  if (p.checks && !p.trouble && (ok || p.relay.scan().error())) {
    if (!p.begun) begin_stream(x, head, connection);
    co_return co_await finish_stream(x, call, p.relay, connection, p.held);
  }
  x.aborted = p.trouble && (connection.gone() || p.trouble->code == ErrorCode::kCancelled);
  x.finish_reason = p.relay.scan().finish_reason();
  settle(x, p.relay.scan().usage_or_estimate(x.tokens_in));
  if (!p.trouble && !ok) p.trouble = p.relay.why();
  if (p.trouble) {
    // Our own guards speak for themselves. Named: g++ 12 destroys a temporary of `?:` inside a
    // co_await expression twice.
    const bool ours = p.trouble->code == ErrorCode::kForbidden;
    if (!ours) p.trouble = broken_stream(x, *p.trouble);
    co_return co_await end_stream_with_error(x, connection, p.begun, *p.trouble);
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
