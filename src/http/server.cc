// One coroutine per connection: read a request, hand it to the handler, again. While the handler
// works, the read that will get the next request stays posted and tells when the client goes away.
// Tests: http_e2e_test.cc, server_test.cc.
#include "http/server.h"

#include <algorithm>
#include <utility>

namespace swy::http {
namespace {

// A request of ordinary size arrives in one read; an idle connection costs little more than this.
constexpr std::size_t kIdleBuffer = 2048;
// Closing with unread bytes resets the connection and may take our last answer with it; so read on
// for a moment.
constexpr std::int64_t kLingerNs = 2'000 * net::kMillisecond;
constexpr std::size_t kLingerBytes = 4 * 1024 * 1024;

}  // namespace

ServerConnection::ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   const ServerOptions& options)
    : loop_(loop),
      options_(options),
      stream_(std::move(stream)),
      inbox_(*stream_, kIdleBuffer, options.limits.head_bytes + 4096),
      parser_(options.limits) {
  inbox_.on_news([](void* self) { static_cast<ServerConnection*>(self)->heard(); }, this);
  stream_->set_write_stall(options.write_stall_ns);
}

void ServerConnection::heard() {
  if (!inbox_.ended()) return inbox_.listen();  // a pipelined request; bounded by the inbox
  if (!complete_ && on_gone_) std::exchange(on_gone_, {})();
}

void ServerConnection::on_gone(std::function<void()> fn) {
  on_gone_ = std::move(fn);
  if (on_gone_ && inbox_.ended() && !complete_) std::exchange(on_gone_, {})();
}

base::Task<Result<Request>> ServerConnection::read_request() {
  if (!keep_alive_) co_return fail(ErrorCode::kClosed, "keep-alive has ended");
  parser_.reset();
  begun_ = complete_ = false;
  SWY_CO_DO(co_await await_head());
  Request request;
  request.head = std::move(parser_.head());
  minor_ = request.head.minor;
  head_request_ = request.head.method == "HEAD";
  keep_alive_ = keep_alive_ && request.head.keep_alive;
  SWY_CO_DO(co_await read_body(request));
  stream_->set_read_deadline(net::kNever);
  inbox_.listen();
  co_return request;
}

base::Task<Status> ServerConnection::await_head() {
  waiting_ = inbox_.data().empty();
  stream_->set_read_deadline(
      loop_.after(waiting_ ? options_.idle_timeout_ns : options_.head_timeout_ns));
  for (;;) {
    SWY_CO_TRY(const wire::Step step, parser_.next(inbox_.data()));
    inbox_.drop(step.consumed);
    if (step.event == wire::Event::kHead) break;
    if (inbox_.ended()) {
      const bool timeout = inbox_.error().code == ErrorCode::kTimeout;
      if (timeout && !waiting_)
        co_return fail(ErrorCode::kTimeout, "the request head took too long");
      co_return fail(ErrorCode::kClosed, "the client closed the connection");
    }
    co_await inbox_.more();
    if (waiting_ && !inbox_.data().empty()) {
      waiting_ = false;
      stream_->set_read_deadline(loop_.after(options_.head_timeout_ns));
    }
  }
  co_return Status();
}

base::Task<Status> ServerConnection::read_body(Request& request) {
  bool asked = false;
  for (;;) {
    SWY_CO_TRY(const wire::Step step, parser_.next(inbox_.data()));
    request.body.append(step.body);
    inbox_.drop(step.consumed);
    if (step.event == wire::Event::kEnd) co_return Status();
    if (step.event != wire::Event::kNeedMore) continue;
    if (inbox_.ended()) {
      if (inbox_.error().code == ErrorCode::kTimeout) {
        co_return fail(ErrorCode::kTimeout, "the request body took too long");
      }
      co_return fail(ErrorCode::kClosed, "the client closed in the middle of a request");
    }
    if (!std::exchange(asked, true)) {
      stream_->set_read_deadline(loop_.after(options_.body_timeout_ns));
      if (request.head.expect_continue && request.body.empty()) {
        SWY_CO_DO(co_await stream_->write_all("HTTP/1.1 100 Continue\r\n\r\n"));
      }
    }
    co_await inbox_.more();
  }
}

void ServerConnection::start_head(int status, const wire::Headers& headers) {
  SWY_ASSERT(!begun_);
  begun_ = true;
  head_left_ = false;
  out_.clear();
  wire::append_status_line(out_, status);
  wire::append_fields(out_, headers);
  if (!keep_alive_) {
    wire::append_field(out_, "connection", "close");
  } else if (minor_ == 0) {
    wire::append_field(out_, "connection", "keep-alive");
  }
}

void ServerConnection::end_message() {
  complete_ = true;
  on_gone_ = {};
}

net::Stream::Write ServerConnection::respond(int status, const wire::Headers& headers,
                                             std::string_view body) {
  start_head(status, headers);
  if (status >= 200 && status != 204 && status != 304) {
    wire::append_field(out_, "content-length", body.size());
  }
  out_.append(wire::kHeadEnd);
  end_message();
  return stream_->write_all(out_, head_request_ ? std::string_view() : body);
}

void ServerConnection::begin(int status, const wire::Headers& headers) {
  chunked_ = minor_ == 1;
  if (!chunked_) keep_alive_ = false;  // the end of the connection is the end of the body
  start_head(status, headers);
  if (chunked_) wire::append_field(out_, "transfer-encoding", "chunked");
  out_.append(wire::kHeadEnd);
}

net::Stream::Write ServerConnection::write(std::string_view piece) { return send(piece, false); }

net::Stream::Write ServerConnection::finish(std::string_view last_piece) {
  return send(last_piece, true);
}

net::Stream::Write ServerConnection::send(std::string_view piece, bool last) {
  SWY_ASSERT(begun_ && !complete_);
  std::array<std::string_view, 5> pieces;
  if (!std::exchange(head_left_, true)) pieces[0] = out_;
  if (!head_request_) {
    pieces[2] = piece;
    if (chunked_ && !piece.empty()) {
      pieces[1] = chunk_line_.emplace(piece.size()).view();
      pieces[3] = wire::kChunkEnd;
    }
    if (chunked_ && last) pieces[4] = wire::kLastChunk;
  }
  if (last) end_message();
  return stream_->write_all(pieces);
}

void ServerConnection::abort() {
  keep_alive_ = false;
  end_message();
  stream_->close();
}

void ServerConnection::reset() {
  keep_alive_ = false;
  end_message();
  stream_->reset();
}

base::Task<void> ServerConnection::linger() {
  stream_->shutdown_write();
  stream_->set_read_deadline(loop_.after(kLingerNs));
  for (std::size_t dropped = 0; !inbox_.ended() && dropped < kLingerBytes;) {
    dropped += inbox_.data().size();
    inbox_.drop(inbox_.data().size());
    co_await inbox_.more();
  }
}

void ServerConnection::drain() {
  keep_alive_ = false;
  if (waiting_) stream_->cancel();
}

int error_status(const Error& error) {
  switch (error.code) {
    case ErrorCode::kParse:
      return 400;
    case ErrorCode::kTimeout:
      return 408;
    case ErrorCode::kTooLarge:
      return error.message.find("body") != std::string::npos ? 413 : 431;
    case ErrorCode::kUnsupported:
      return 501;
    default:
      return 0;
  }
}

Server::Server(net::Loop& loop, Handler& handler, const ServerOptions& options)
    : loop_(loop), handler_(handler), options_(options), tasks_(loop) {}

Server::~Server() = default;

Status Server::listen(const net::ListenOptions& options, net::TlsContext* tls) {
  SWY_TRY(auto listener, net::Listener::listen(loop_, options));
  listeners_.push_back(std::move(listener));
  tasks_.spawn(accept_all(*listeners_.back(), tls));
  return {};
}

std::uint16_t Server::port() const { return listeners_.front()->port(); }

ServerCounts Server::counts() const {
  ServerCounts c = counts_;
  c.open = members_.size();
  for (const auto& l : listeners_) c.starved += l->starved();
  return c;
}

base::Task<void> Server::accept_all(net::Listener& listener, net::TlsContext* tls) {
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;  // closed
    if (tls != nullptr) {
      tasks_.spawn(shake(std::move(*stream), *tls));
    } else {
      serve(std::move(*stream));
    }
  }
}

base::Task<void> Server::shake(std::unique_ptr<net::Stream> stream, net::TlsContext& tls) {
  auto secured =
      co_await net::tls_accept(tls, std::move(stream), loop_.after(options_.head_timeout_ns));
  if (secured) serve(std::move(*secured));
}

void Server::serve(std::unique_ptr<net::Stream> stream) {
  ++counts_.accepted;
  if (members_.size() >= options_.max_connections || draining_) {
    ++counts_.refused;
    return;  // closes it
  }
  tasks_.spawn(run(std::move(stream)));
}

// Keeps the connection in the server's list while its coroutine lives.
class Server::Membership {
 public:
  Membership(Server& server, ServerConnection& connection)
      : server_(server), connection_(connection), at_(server.members_.size()) {
    server.members_.push_back(this);
  }
  ~Membership() {
    server_.members_[at_] = server_.members_.back();
    server_.members_[at_]->at_ = at_;
    server_.members_.pop_back();
  }
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;
  ServerConnection& connection() { return connection_; }

 private:
  Server& server_;
  ServerConnection& connection_;
  std::size_t at_;
};

base::Task<void> Server::run(std::unique_ptr<net::Stream> stream) {
  ServerConnection connection(loop_, std::move(stream), options_);
  const Membership membership(*this, connection);
  for (;;) {
    auto request = co_await connection.read_request();
    if (!request) {
      if (error_status(request.error()) != 0) co_await refuse(connection, request.error());
      co_return;
    }
    ++counts_.requests;
    ++counts_.busy;
    co_await handler_.handle(std::move(*request), connection);
    --counts_.busy;
    if (!connection.complete()) co_return;
  }
}

base::Task<void> Server::refuse(ServerConnection& connection, const Error& error) {
  ++counts_.bad;
  const int status = error_status(error);
  const std::string body = handler_.error_body(status, error);
  wire::Headers headers;
  headers.add("content-type", "application/json");
  connection.close_after_response();
  if (co_await connection.respond(status, headers, body)) co_await connection.linger();
}

void Server::drain() {
  draining_ = true;
  for (const auto& l : listeners_) l->close();
  for (Membership* m : members_) m->connection().drain();  // none ends inside drain()
}

}  // namespace swy::http
