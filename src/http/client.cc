// A connection keeps its read posted while it idles in the pool, so a server that closes it is
// noticed before the next request is sent, not after; what remains is the race of both ends acting
// at the same time, which start() answers with one retry on a fresh connection when not a byte of a
// response has come. Tests: http_e2e_test.cc, client_test.cc.
#include "http/client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/private/inbox.h"
#include "net/tcp.h"

namespace swy::http {
namespace {

constexpr std::size_t kBuffer =
    4096;  // holds a head or a few streamed events; grows while a bulk body comes
constexpr std::size_t kMaxBuffer = 128 * 1024;  // REQUIRES: above limits.head_bytes

}  // namespace

// One connection to an origin.
class ClientPool::Link {
 public:
  Link(ClientPool& pool, const Origin& to, std::unique_ptr<net::Stream> s)
      : origin(to),
        stream(std::move(s)),
        inbox(*stream, kBuffer, kMaxBuffer),
        parser(pool.options_.limits),
        pool_(pool),
        idle_deadline_([](void* self) { static_cast<Link*>(self)->die(); }, this) {
    stream->set_write_stall(pool.options_.write_stall_ns);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void idle() {
    stream->set_read_deadline(net::kNever);
    idle_deadline_.arm(pool_.loop_, pool_.loop_.after(pool_.options_.pool_idle_ns));
    inbox.on_news([](void* self) { static_cast<Link*>(self)->die(); }, this);
    inbox.listen();
  }
  void busy() {
    inbox.on_news(nullptr, nullptr);
    idle_deadline_.disarm();
    reused = true;
    used = false;
  }

  Origin origin;
  std::unique_ptr<net::Stream> stream;
  Inbox inbox;
  wire::ResponseParser parser;
  bool reused = false;  // this is not its first request
  bool used = false;    // bytes of the present response have come

 private:
  void die() { pool_.forget(*this); }  // bytes without a request, the end, or too long idle

  ClientPool& pool_;
  net::Deadline idle_deadline_;
};

ClientPool::ClientPool(net::Loop& loop, const ClientOptions& options)
    : loop_(loop), options_(options) {}
ClientPool::~ClientPool() = default;

void ClientPool::close_idle() {
  idle_.clear();
  counts_.idle = 0;
}

std::unique_ptr<ClientPool::Link> ClientPool::take_idle(const Origin& origin) {
  const auto found = idle_.find(origin);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  auto link = std::move(found->second.back());  // the warmest
  found->second.pop_back();
  --counts_.idle;
  if (link->inbox.ended() || !link->inbox.data().empty()) return nullptr;
  ++counts_.reused;
  link->busy();
  return link;
}

base::Task<Result<std::unique_ptr<ClientPool::Link>>> ClientPool::open(const Origin& origin) {
  const std::int64_t due_ns = loop_.after(options_.connect_timeout_ns);
  auto stream = co_await net::connect_tcp(loop_, origin.host, origin.port, due_ns);
  if (stream && origin.tls) {
    SWY_CO_TRY(net::TlsContext * context, tls());
    stream = co_await net::tls_connect(*context, std::move(*stream), origin.host, due_ns);
  }
  if (!stream) co_return tl::unexpected<Error>(std::move(stream).error());
  ++counts_.opened;
  co_return std::make_unique<Link>(*this, origin, std::move(*stream));
}

Result<net::TlsContext*> ClientPool::tls() {
  if (!tls_) {
    SWY_TRY(tls_, net::TlsContext::client(options_.tls));
  }
  return tls_.get();
}

void ClientPool::give_back(std::unique_ptr<Link> link) {
  auto& links = idle_[link->origin];
  Link& kept = *link;
  links.push_back(std::move(link));
  ++counts_.idle;
  kept.idle();
}

void ClientPool::forget(Link& link) {
  auto& links = idle_[link.origin];
  const auto at =
      std::find_if(links.begin(), links.end(), [&](const auto& l) { return l.get() == &link; });
  if (at == links.end()) return;
  links.erase(at);
  --counts_.idle;
}

Call::Call(ClientPool& pool) : pool_(pool) {}
Call::~Call() = default;

void Call::cancel() {
  cancelled_ = true;
  if (link_) link_->stream->close();
}

base::Task<Result<const wire::ResponseHead*>> Call::start(const Origin& origin,
                                                          OutRequest request) {
  write_head(origin, request);
  link_ = pool_.take_idle(origin);
  for (;;) {
    if (!link_) {
      auto opened = co_await pool_.open(origin);
      if (!opened) co_return tl::unexpected<Error>(std::move(opened).error());
      link_ = std::move(*opened);
    }
    if (cancelled_) co_return fail(ErrorCode::kCancelled, "the call was cancelled");
    Status done = co_await exchange(request);
    if (done) co_return &head_;
    const bool stale = link_->reused && !link_->used && done.error().code == ErrorCode::kClosed;
    link_.reset();
    if (cancelled_) co_return fail(ErrorCode::kCancelled, "the call was cancelled");
    if (!stale) co_return tl::unexpected<Error>(std::move(done).error());
    ++pool_.counts_.retried;
  }
}

// A server may answer and close before it has read everything: when writing fails, its answer is
// still looked for.
base::Task<Status> Call::exchange(const OutRequest& request) {
  link_->parser.reset(request.method == "HEAD");
  const Status sent = co_await link_->stream->write_all(out_, request.body);
  if (!sent && sent.error().code != ErrorCode::kClosed) co_return sent;
  link_->stream->set_read_deadline(pool_.loop_.after(pool_.options_.first_byte_timeout_ns));
  for (;;) {
    auto step = link_->parser.next(link_->inbox.data());
    if (!step)
      co_return fail(ErrorCode::kProtocol, "the upstream's response: " + step.error().message);
    link_->inbox.drop(step->consumed);
    if (step->event == wire::Event::kHead) {
      const int status = link_->parser.head().status;
      if (status >= 200 || status == 101) break;
      link_->parser.reset(request.method == "HEAD");  // an interim response
      continue;
    }
    if (link_->inbox.ended()) co_return tl::unexpected<Error>(link_->inbox.error());
    co_await link_->inbox.more();
    link_->used = link_->used || !link_->inbox.data().empty();
  }
  head_ = std::move(link_->parser.head());
  co_return Status();
}

base::Task<Result<std::string_view>> Call::read_body() {
  if (!link_) co_return std::string_view();  // the end was told
  if (broken_framing_) co_return broken(std::move(*broken_framing_));
  if (end_seen_) {
    release();
    co_return std::string_view();
  }
  for (;;) {
    auto step = link_->parser.next(link_->inbox.data());
    if (!step)
      co_return broken({ErrorCode::kProtocol, "the upstream's body: " + step.error().message});
    link_->inbox.drop(step->consumed);
    if (step->event == wire::Event::kBody) co_return join_arrived(step->body);
    if (step->event == wire::Event::kEnd) {
      release();
      co_return std::string_view();
    }
    if (link_->inbox.ended()) {
      if (cancelled_) co_return broken({ErrorCode::kCancelled, "the call was cancelled"});
      if (!link_->inbox.ended_cleanly()) co_return broken(link_->inbox.error());
      if (Status end = link_->parser.finish_at_close(); !end)
        co_return broken(std::move(end).error());
      link_.reset();
      co_return std::string_view();
    }
    link_->stream->set_read_deadline(pool_.loop_.after(pool_.options_.body_timeout_ns));
    co_await link_->inbox.more();
  }
}

// A server that writes small chunks is read many at a time: one piece to the caller, not one a
// chunk, saves a write each. The pieces move over the framing between them, inside the inbox's
// buffer, whose bytes up to data() are free.
std::string_view Call::join_arrived(std::string_view first) {
  char* const begin = link_->inbox.writable(first);
  std::size_t size = first.size();
  while (!link_->inbox.data().empty()) {
    auto step = link_->parser.next(link_->inbox.data());
    if (!step) {
      broken_framing_ = Error{ErrorCode::kProtocol, "the upstream's body: " + step.error().message};
      break;
    }
    link_->inbox.drop(step->consumed);
    end_seen_ = step->event == wire::Event::kEnd;
    if (step->event != wire::Event::kBody) break;
    std::memmove(begin + size, step->body.data(), step->body.size());
    size += step->body.size();
  }
  return {begin, size};
}

tl::unexpected<Error> Call::broken(Error why) {
  link_.reset();
  return tl::unexpected<Error>(std::move(why));
}

void Call::release() {
  // Bytes behind the end of the response are not ours to interpret: such a connection is not used
  // again.
  const bool clean =
      head_.keep_alive && link_->inbox.data().empty() && !link_->inbox.ended() && !cancelled_;
  if (clean) {
    pool_.give_back(std::move(link_));
  } else {
    link_.reset();
  }
}

void Call::write_head(const Origin& origin, const OutRequest& request) {
  out_.reserve(1024);  // a head of ordinary size
  wire::append_request_line(out_, request.method, request.target);
  out_.append("host: ").append(origin.host);
  if (origin.port != (origin.tls ? 443 : 80)) out_.append(":").append(std::to_string(origin.port));
  out_.append("\r\n");
  if (request.headers != nullptr) wire::append_fields(out_, *request.headers);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    wire::append_field(out_, "content-length", request.body.size());
  }
  out_.append(wire::kHeadEnd);
}

}  // namespace swy::http
