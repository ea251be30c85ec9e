// One coroutine per answer. Every pause is a Nap, so an answer ends as soon as its client goes.
// No co_await stands inside && or ?: here: g++ 12 evaluates such operands wrongly.
// Tests: faults_test.cc, upstream_test.cc.
#include "upstream/private/deliver.h"

#include <utility>

#include "chat/error.h"
#include "upstream/private/nap.h"

namespace swy::upstream {
namespace {

constexpr std::int64_t kForeverMs = 86'400'000;  // a day: longer than any client waits
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream; charset=utf-8";

// Faults that happen at a place of the stream; the others are part of the reply or its head.
bool has_place(FaultKind kind) {
  switch (kind) {
    case FaultKind::kReset:
    case FaultKind::kCut:
    case FaultKind::kUndone:
    case FaultKind::kError:
    case FaultKind::kStall:
    case FaultKind::kMalformed:
      return true;
    default:
      return false;
  }
}

class Delivery {
 public:
  Delivery(http::ServerConnection& connection, Reply& reply, Script& script)
      : connection_(connection), reply_(reply), script_(script), start_ns_(loop().now_ns()) {}

  base::Task<bool> run() {
    switch (reply_.fault.kind) {
      case FaultKind::kStatus:
        return refuse();
      case FaultKind::kDelay:
        reply_.ttft_ms += static_cast<double>(reply_.fault.first);
        break;
      case FaultKind::kHuge:
        make_huge(reply_, reply_.fault.first);
        break;
      default:
        break;
    }
    return reply_.stream ? stream() : plain();
  }

 private:
  enum class Next : std::uint8_t { kGoOn, kEnd, kGone };

  net::Loop& loop() { return connection_.loop(); }
  Nap until(double ms) {
    return {connection_,
            start_ns_ + static_cast<std::int64_t>(ms * net::kMillisecond) - loop().now_ns()};
  }
  wire::Headers headers(std::string_view content_type) {
    const bool lie = reply_.fault.kind == FaultKind::kContentType;
    wire::Headers out;
    out.add("content-type", lie ? std::string_view("text/html") : content_type);
    out.add("x-request-id", reply_.id);
    return out;
  }

  base::Task<bool> refuse() {
    const int status = static_cast<int>(reply_.fault.first);
    wire::Headers h = headers(kJson);
    if (reply_.fault.second > 0) h.add("retry-after", std::to_string(reply_.fault.second));
    const std::string body =
        chat::openai_error("injected fault " + to_string(reply_.fault), chat::error_type(status),
                           "", status == 429 ? "rate_limit_exceeded" : "injected_fault");
    script_.count_bytes(body.size());
    co_return (co_await connection_.respond(status, h, body)).has_value();
  }

  // What the fault does at its place. kMalformed and a stall of limited length go on.
  base::Task<Next> strike() {
    switch (reply_.fault.kind) {
      case FaultKind::kReset:
        connection_.reset();
        co_return Next::kEnd;
      case FaultKind::kCut:
        connection_.abort();
        co_return Next::kEnd;
      case FaultKind::kStall: {
        const std::int64_t ms = reply_.fault.second > 0 ? reply_.fault.second : kForeverMs;
        const bool gone = co_await Nap(connection_, ms * net::kMillisecond);
        start_ns_ += ms * net::kMillisecond;  // the pace goes on from here
        co_return gone ? Next::kGone : Next::kGoOn;
      }
      case FaultKind::kMalformed:
        if (!co_await put("data: {\"id\":\"broken\",\"choices\":[{]\n\n")) co_return Next::kGone;
        co_return Next::kGoOn;
      case FaultKind::kError: {
        const std::string event =
            chat::sse_error_event("injected fault", "server_error", "", "injected_fault");
        if (!co_await put(event)) co_return Next::kGone;
        break;
      }
      default:  // kUndone
        begin();
        break;
    }
    if (!co_await connection_.finish()) co_return Next::kGone;
    co_return Next::kEnd;
  }

  void begin() {
    if (!connection_.begun()) {
      connection_.begin(200, headers(reply_.stream ? kEventStream : kJson));
    }
  }

  // Body bytes, one by one for the slow loris. false: the client has gone.
  base::Task<bool> put(std::string_view bytes) {
    begin();
    script_.count_bytes(bytes.size());
    if (reply_.fault.kind != FaultKind::kLoris) {
      co_return (co_await connection_.write(bytes)).has_value();
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (!co_await connection_.write(bytes.substr(i, 1))) co_return false;
      if (co_await Nap(connection_, reply_.fault.first * net::kMillisecond)) co_return false;
    }
    co_return true;
  }

  base::Task<bool> stream() {
    if (reply_.fault.kind == FaultKind::kEmpty) {
      begin();
      co_return (co_await connection_.finish()).has_value();
    }
    const bool strikes = has_place(reply_.fault.kind);
    const bool slow = reply_.fault.kind == FaultKind::kLoris;
    Events events(reply_);
    std::string out;
    for (std::int64_t n = 0;; ++n) {
      if (strikes && n == reply_.fault.first) {
        const Next next = co_await strike();
        if (next != Next::kGoOn) co_return next == Next::kEnd;
      }
      out.clear();
      events.append_next(out);
      if (co_await until(events.due_ms())) co_return false;
      if (slow) {
        if (!co_await put(out)) co_return false;
        if (!events.ended()) continue;
        co_return (co_await connection_.finish()).has_value();
      }
      begin();
      script_.count_bytes(out.size());
      if (events.ended()) co_return (co_await connection_.finish(out)).has_value();
      if (!co_await connection_.write(out)) co_return false;
    }
  }

  base::Task<bool> plain() {
    const auto pieces = static_cast<double>(reply_.pieces);
    if (co_await until(reply_.ttft_ms + pieces * reply_.piece_ms)) co_return false;
    std::string body = plain_body(reply_);
    switch (reply_.fault.kind) {
      case FaultKind::kLoris:
        if (!co_await put(body)) co_return false;
        co_return (co_await connection_.finish()).has_value();
      case FaultKind::kReset:
      case FaultKind::kCut:
      case FaultKind::kStall: {
        // After the first byte means: in the middle of the body.
        const std::size_t half = reply_.fault.first > 0 ? body.size() / 2 : 0;
        if (half > 0) {
          if (!co_await put(std::string_view(body).substr(0, half))) co_return false;
        }
        const Next next = co_await strike();
        if (next != Next::kGoOn) co_return next == Next::kEnd;
        if (!co_await put(std::string_view(body).substr(half))) co_return false;
        co_return (co_await connection_.finish()).has_value();
      }
      default:
        break;
    }
    script_.count_bytes(body.size());
    co_return (co_await connection_.respond(200, headers(kJson), body)).has_value();
  }

  http::ServerConnection& connection_;
  Reply& reply_;
  Script& script_;
  std::int64_t start_ns_;
};

}  // namespace

base::Task<bool> deliver(http::ServerConnection& connection, Reply reply, Script& script) {
  Delivery delivery(connection, reply, script);
  co_return co_await delivery.run();
}

}  // namespace swy::upstream
