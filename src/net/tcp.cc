// TCP on Asio. Reads go through async_read_some: Asio knows from its edge-triggered events when to
// try recv at once, so a waiting read costs no system call. Writes are tried with one gathered
// sendmsg first and wait only when the kernel is full.
//
// An Asio operation cannot be unsaid, only cancelled, and its handler runs later. So the socket
// lives in a Conn that outlives its Stream until the last handler has come back; a handler whose
// operation was withdrawn (its generation is old) does nothing. Cancelling hits both directions of
// a socket: the one that nobody meant starts again. Tests: net_test.cc.
#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/private/loop_impl.h"
#include "net/private/tcp_impl.h"

namespace swy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

void set_no_delay(int fd) {
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a failure costs latency only
}

class Conn {
 public:
  explicit Conn(Loop& loop)
      : socket_(context_of(loop)),
        read_deadline_([](void* c) { static_cast<Conn*>(c)->expire_read(); }, this),
        write_deadline_([](void* c) { static_cast<Conn*>(c)->expire_write(); }, this),
        loop_(loop) {}

  Socket& socket() { return socket_; }
  Loop& loop() { return loop_; }
  Deadline& read_deadline() { return read_deadline_; }
  void set_write_stall(std::int64_t ns) { write_stall_ns_ = ns; }

  bool start_read(ReadOp& op);
  bool start_write(WriteOp& op);
  void withdraw_read();
  void withdraw_write();
  void cancel(ErrorCode why);
  void close();
  // The Stream is gone: frees this as soon as no handler is under way.
  void abandon();

  // Connecting uses the write direction.
  void start_connect(const SocketAddress& address, WriteOp& op, std::int64_t due_ns);

 private:
  enum class Then : std::uint8_t { kSend, kConnected };
  struct ReadHandler {
    Conn* conn;
    std::uint32_t generation;
    void operator()(const error_code& ec, std::size_t n) const { conn->on_read(generation, ec, n); }
  };
  struct WriteHandler {
    Conn* conn;
    std::uint32_t generation;
    void operator()(const error_code& ec) const { conn->on_writable(generation, ec); }
  };

  void read_more();
  void wait_writable();
  bool send_now(WriteOp& op);  // true: op is finished, well or badly
  void on_read(std::uint32_t generation, const error_code& ec, std::size_t n);
  void on_writable(std::uint32_t generation, const error_code& ec);
  void expire_read();
  void expire_write();
  bool returned();  // a handler came back; false when this was the last and the Conn is freed

  Socket socket_;
  ReadOp* read_ = nullptr;
  WriteOp* write_ = nullptr;
  Deadline read_deadline_;
  Deadline write_deadline_;
  Loop& loop_;
  std::uint32_t read_generation_ = 0;
  std::uint32_t write_generation_ = 0;
  std::uint32_t handlers_ = 0;
  bool abandoned_ = false;
  std::int64_t write_stall_ns_ = 0;
  // Why the outstanding operation was cancelled; nullopt: it was not.
  std::optional<ErrorCode> read_stop_;
  std::optional<ErrorCode> write_stop_;
  Then then_ = Then::kSend;
};

Error stopped(ErrorCode why) {
  return {why, why == ErrorCode::kTimeout ? "the deadline passed" : "the operation was cancelled"};
}

Error asio_error(const error_code& ec, std::string_view doing) {
  return system_error(ec.value(), doing);
}

bool Conn::start_read(ReadOp& op) {
  SWY_ASSERT(read_ == nullptr && !op.buffer.empty());
  if (!socket_.is_open()) {
    op.result = fail(ErrorCode::kClosed, "the connection is closed");
    return true;
  }
  read_ = &op;
  read_stop_.reset();
  read_more();
  return false;
}

void Conn::read_more() {
  ++handlers_;
  socket_.async_read_some(asio::buffer(read_->buffer.data(), read_->buffer.size()),
                          ReadHandler{this, read_generation_});
}

void Conn::on_read(std::uint32_t generation, const error_code& ec, std::size_t n) {
  if (!returned() || generation != read_generation_ || read_ == nullptr) return;
  if (ec == asio::error::operation_aborted) {
    if (!read_stop_) return read_more();
    read_->result = tl::unexpected<Error>(stopped(*read_stop_));
  } else if (ec && ec != asio::error::eof) {
    read_->result = tl::unexpected<Error>(asio_error(ec, "reading"));
  } else {
    read_->result = n;
  }
  ReadOp& op = *std::exchange(read_, nullptr);
  op.done(op.context);
}

void Conn::withdraw_read() {
  if (read_ == nullptr) return;
  read_ = nullptr;
  ++read_generation_;
  error_code ec;
  socket_.cancel(ec);
}

bool Conn::start_write(WriteOp& op) {
  SWY_ASSERT(write_ == nullptr);
  if (!socket_.is_open()) {
    op.result = fail(ErrorCode::kClosed, "the connection is closed");
    return true;
  }
  if (send_now(op)) return true;
  write_ = &op;
  write_stop_.reset();
  then_ = Then::kSend;
  wait_writable();
  return false;
}

bool Conn::send_now(WriteOp& op) {
  while (!op.empty()) {
    std::array<iovec, WriteOp::kPieces> vectors;
    for (std::size_t i = 0; i < op.count; ++i) {
      // iovec has no const variant; sendmsg only reads.
      vectors[i] = {const_cast<char*>(op.pieces[i].data()), op.pieces[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = op.count;
    const ssize_t n = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      op.consume(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      op.result = tl::unexpected<Error>(system_error(errno, "writing"));
      return true;
    }
  }
  return true;
}

void Conn::wait_writable() {
  write_deadline_.arm(loop_, loop_.after(write_stall_ns_));
  ++handlers_;
  socket_.async_wait(Socket::wait_write, WriteHandler{this, write_generation_});
}

void Conn::on_writable(std::uint32_t generation, const error_code& ec) {
  if (!returned() || generation != write_generation_ || write_ == nullptr) return;
  if (write_stop_) {
    write_->result = tl::unexpected<Error>(stopped(*write_stop_));
  } else if (then_ == Then::kConnected) {
    if (ec) write_->result = tl::unexpected<Error>(asio_error(ec, "connecting"));
  } else if (ec && ec != asio::error::operation_aborted) {
    write_->result = tl::unexpected<Error>(asio_error(ec, "writing"));
  } else if (!send_now(*write_)) {
    return wait_writable();
  }
  WriteOp& op = *std::exchange(write_, nullptr);
  op.done(op.context);
}

void Conn::withdraw_write() {
  if (write_ == nullptr) return;
  write_ = nullptr;
  ++write_generation_;
  error_code ec;
  socket_.cancel(ec);
}

void Conn::cancel(ErrorCode why) {
  if (read_ != nullptr) read_stop_ = why;
  if (write_ != nullptr) write_stop_ = why;
  error_code ec;
  socket_.cancel(ec);
}

void Conn::expire_read() {
  if (read_ == nullptr) return;
  read_stop_ = ErrorCode::kTimeout;
  error_code ec;
  socket_.cancel(ec);
}

void Conn::expire_write() {
  if (write_ == nullptr) return;
  write_stop_ = ErrorCode::kTimeout;
  error_code ec;
  socket_.cancel(ec);
}

void Conn::close() {
  if (read_ != nullptr) read_stop_ = ErrorCode::kCancelled;
  if (write_ != nullptr) write_stop_ = ErrorCode::kCancelled;
  error_code ec;
  socket_.close(ec);
}

void Conn::abandon() {
  read_ = nullptr;
  write_ = nullptr;
  read_deadline_.disarm();
  write_deadline_.disarm();
  error_code ec;
  socket_.close(ec);
  abandoned_ = true;
  if (handlers_ == 0) delete this;
}

bool Conn::returned() {
  if (--handlers_ == 0 && abandoned_) {
    delete this;
    return false;
  }
  return !abandoned_;
}

void Conn::start_connect(const SocketAddress& address, WriteOp& op, std::int64_t due_ns) {
  write_deadline_.arm(loop_, due_ns);
  asio::generic::stream_protocol::endpoint endpoint(address.get(), address.size);
  write_ = &op;
  then_ = Then::kConnected;
  ++handlers_;
  socket_.async_connect(endpoint, WriteHandler{this, write_generation_});
}

class TcpStream final : public Stream {
 public:
  explicit TcpStream(Conn* conn) : conn_(conn) {}
  ~TcpStream() override { conn_->abandon(); }
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  bool start_read(ReadOp& op) override { return conn_->start_read(op); }
  bool start_write(WriteOp& op) override { return conn_->start_write(op); }
  void withdraw_read() noexcept override { conn_->withdraw_read(); }
  void withdraw_write() noexcept override { conn_->withdraw_write(); }
  void set_read_deadline(std::int64_t due_ns) override {
    conn_->read_deadline().arm(conn_->loop(), due_ns);
  }
  void set_write_stall(std::int64_t ns) override { conn_->set_write_stall(ns); }
  void cancel() override { conn_->cancel(ErrorCode::kCancelled); }
  void shutdown_write() override {
    error_code ec;
    conn_->socket().shutdown(Socket::shutdown_send, ec);
  }
  void close() override { conn_->close(); }
  void reset() override {
    const linger discard{1, 0};
    (void)setsockopt(conn_->socket().native_handle(), SOL_SOCKET, SO_LINGER, &discard,
                     sizeof discard);
    conn_->close();
  }
  [[nodiscard]] std::string peer() const override { return name(getpeername); }
  [[nodiscard]] std::string local() const override { return name(getsockname); }

 private:
  [[nodiscard]] std::string name(int (*get)(int, sockaddr*, socklen_t*)) const {
    SocketAddress a;
    a.size = sizeof a.storage;
    if (!conn_->socket().is_open()) return {};
    auto* out = reinterpret_cast<sockaddr*>(&a.storage);
    return get(conn_->socket().native_handle(), out, &a.size) == 0 ? to_text(a) : std::string();
  }
  Conn* conn_;  // frees itself after abandon()
};

// Awaits one connection attempt.
class Connecting {
 public:
  Connecting(Conn& conn, const SocketAddress& address, std::int64_t due_ns)
      : conn_(conn), address_(address), due_ns_(due_ns) {}
  ~Connecting() {
    if (pending_) conn_.withdraw_write();
  }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    pending_ = true;
    op_.context = this;
    op_.done = [](void* self) { static_cast<Connecting*>(self)->finish(); };
    conn_.start_connect(address_, op_, due_ns_);
  }
  Status await_resume() { return std::move(op_.result); }

 private:
  void finish() {
    pending_ = false;
    handle_.resume();
  }
  Conn& conn_;
  const SocketAddress& address_;
  std::int64_t due_ns_;
  WriteOp op_;
  std::coroutine_handle<> handle_;
  bool pending_ = false;
};

}  // namespace

Error system_error(int number, std::string_view doing) {
  ErrorCode code = ErrorCode::kIo;
  switch (number) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ECONNABORTED:
      code = ErrorCode::kClosed;
      break;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      code = ErrorCode::kUnavailable;
      break;
    case ETIMEDOUT:
      code = ErrorCode::kTimeout;
      break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      code = ErrorCode::kExhausted;
      break;
    case EACCES:
    case EPERM:
      code = ErrorCode::kForbidden;
      break;
    default:
      break;
  }
  return {code, std::string(doing) + ": " +
                    error_code(number, boost::system::system_category()).message()};
}

base::Task<Result<std::unique_ptr<Stream>>> connect_address(Loop& loop, SocketAddress address,
                                                            std::int64_t due_ns) {
  Conn* conn = new Conn(loop);  // its Stream's from here on
  auto stream = std::make_unique<TcpStream>(conn);
  error_code ec;
  conn->socket().open(asio::generic::stream_protocol(address.storage.ss_family, IPPROTO_TCP), ec);
  if (ec) co_return tl::unexpected<Error>(asio_error(ec, "opening a socket"));
  set_no_delay(conn->socket().native_handle());
  const Status connected = co_await Connecting(*conn, address, due_ns);
  if (!connected) co_return fail_in(to_text(address), connected.error());
  co_return std::unique_ptr<Stream>(std::move(stream));
}

// ---- Listener

struct Listener::Core {
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;
  explicit Core(Loop& l)
      : loop(l),
        acceptor(context_of(l)),
        pause([](void* c) { static_cast<Core*>(c)->accept_more(); }, this) {}

  Loop& loop;
  Acceptor acceptor;
  Deadline pause;
  Accept* waiter = nullptr;
  bool waiting = false;  // an Asio handler is under way
  bool abandoned = false;
  std::uint64_t starved = 0;

  bool accept_now(Accept& accept);  // true: accept.result_ is set
  void accept_more();
  void wait();
  void finish();
};

bool Listener::Core::accept_now(Accept& accept) {
  for (;;) {
    if (!acceptor.is_open()) {
      accept.result_ = fail(ErrorCode::kCancelled, "the listener is closed");
      return true;
    }
    const int fd =
        accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      set_no_delay(fd);
      Conn* conn = new Conn(loop);
      accept.result_ = std::make_unique<TcpStream>(conn);
      error_code ec;
      conn->socket().assign(asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), fd, ec);
      if (!ec) return true;
      ::close(fd);  // the reactor would not take it: out of memory or epoll watches
      errno = ENOMEM;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      ++starved;
      pause.arm(loop, loop.after(100 * kMillisecond));
      return false;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait();
      return false;
    }
    // Anything else is a connection that failed before it was accepted: take the next one.
  }
}

void Listener::Core::wait() {
  if (waiting) return;
  waiting = true;
  acceptor.async_wait(Acceptor::wait_read, [this](const error_code&) {
    waiting = false;
    if (abandoned) {
      delete this;
    } else {
      accept_more();
    }
  });
}

void Listener::Core::accept_more() {
  if (waiter != nullptr && accept_now(*waiter)) finish();
}

void Listener::Core::finish() { std::exchange(waiter, nullptr)->handle_.resume(); }

Result<std::unique_ptr<Listener>> Listener::listen(Loop& loop, const ListenOptions& options) {
  error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec) return fail(ErrorCode::kInvalidArgument, options.address + " is not a numeric address");
  const asio::ip::tcp::endpoint endpoint(address, options.port);
  std::unique_ptr<Listener> listener(new Listener(new Core(loop)));
  auto& acceptor = listener->core_->acceptor;
  acceptor.open(asio::generic::stream_protocol(endpoint.protocol().family(), IPPROTO_TCP), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec && options.share_port) {
    const int on = 1;
    (void)setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (!ec) acceptor.native_non_blocking(true, ec);
  if (!ec) acceptor.bind(asio::generic::stream_protocol::endpoint(endpoint), ec);
  if (!ec) acceptor.listen(options.backlog, ec);
  if (ec) {
    return tl::unexpected<Error>(
        asio_error(ec, "listening on " + options.address + ":" + std::to_string(options.port)));
  }
  return listener;
}

Listener::~Listener() {
  close();
  core_->waiter = nullptr;
  core_->abandoned = true;
  if (!core_->waiting) delete core_;
}

void Listener::close() {
  error_code ec;
  core_->acceptor.close(ec);  // a waiting accept() hears of it through its handler
  if (core_->pause.due_ns() != kNever) core_->pause.arm(core_->loop, core_->loop.now_ns());
}

std::uint16_t Listener::port() const {
  error_code ec;
  const auto endpoint = core_->acceptor.local_endpoint(ec);
  if (ec) return 0;
  const auto* a = reinterpret_cast<const sockaddr_in*>(endpoint.data());
  return ntohs(a->sin_port);  // the port is at the same place in sockaddr_in6
}

std::uint64_t Listener::starved() const { return core_->starved; }

Listener::Accept Listener::accept() { return Accept(*core_); }

bool Listener::Accept::await_suspend(std::coroutine_handle<> h) {
  SWY_ASSERT(core_.waiter == nullptr);
  handle_ = h;
  if (core_.accept_now(*this)) return false;
  core_.waiter = this;
  return true;
}

Listener::Accept::~Accept() {
  if (core_.waiter == this) core_.waiter = nullptr;
}

}  // namespace swy::net
