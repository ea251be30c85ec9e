// TCP on the loop's epoll.
//
// Reads: the edge-triggered event says that there are bytes; a read then is one recv, and one that
// did not fill its buffer has emptied the socket, so no recv is spent on hearing EAGAIN. (What
// comes later is a new edge. Two things make a recv short without emptying the socket: the peer's
// end behind the bytes, which the event told, and urgent data, after which every read goes on to
// EAGAIN.) A read that is posted while more is known to wait is served in the next turn, so one
// fast peer cannot keep the loop.
//
// Writes: one gathered sendmsg at the end of the turn; the rest waits for room. Tests: net_test.cc.
#include "net/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "net/private/loop_impl.h"
#include "net/private/tcp_impl.h"

namespace swy::net {
namespace {

constexpr std::uint32_t kOver = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

void set_no_delay(int fd) {
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a failure costs latency only
}

Error stopped(ErrorCode why) {
  return {why, why == ErrorCode::kTimeout ? "the deadline passed" : "the operation was cancelled"};
}

class TcpStream final : public Stream {
 public:
  explicit TcpStream(Loop& loop)
      : watch_(
            loop, [](void* c, std::uint32_t e) { static_cast<TcpStream*>(c)->ready(e); }, this),
        read_job_([](void* c) { static_cast<TcpStream*>(c)->go_on_reading(); }, this),
        write_job_([](void* c) { static_cast<TcpStream*>(c)->go_on_writing(); }, this),
        read_deadline_([](void* c) { static_cast<TcpStream*>(c)->expire_read(); }, this),
        write_deadline_([](void* c) { static_cast<TcpStream*>(c)->expire_write(); }, this) {}
  ~TcpStream() override = default;
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  int open(int fd) { return watch_.open(fd); }
  // Connecting uses the write direction. The descriptor is this stream's from here on.
  void start_connect(int fd, const SocketAddress& address, WriteOp& op, std::int64_t due_ns);

  bool start_read(ReadOp& op) override;
  bool start_write(WriteOp& op) override;
  void withdraw_read() noexcept override;
  void withdraw_write() noexcept override;
  void set_read_deadline(std::int64_t due_ns) override { read_deadline_.arm(loop(), due_ns); }
  void set_write_stall(std::int64_t ns) override { write_stall_ns_ = ns; }
  void cancel() override;
  void shutdown_write() override {
    say_what_is_queued();
    (void)shutdown(watch_.fd(), SHUT_WR);
  }
  void close() override;
  void reset() override {
    const linger discard{1, 0};
    (void)setsockopt(watch_.fd(), SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
    close();
  }
  [[nodiscard]] std::string peer() const override { return name(getpeername); }
  [[nodiscard]] std::string local() const override { return name(getsockname); }

 private:
  Loop& loop() { return watch_.loop(); }
  void ready(std::uint32_t events);
  bool receive_now(ReadOp& op);  // true: op is finished, well or badly
  bool send_now(WriteOp& op);    // the same
  void go_on_reading();
  void go_on_writing();
  void say_what_is_queued();
  void end_read(Error why);
  void end_write(Error why);
  void finish_read() {
    ReadOp& op = *std::exchange(read_, nullptr);
    op.done(op.context);  // may destroy this
  }
  void finish_write() {
    write_deadline_.disarm();
    full_ = false;
    WriteOp& op = *std::exchange(write_, nullptr);
    op.done(op.context);  // may destroy this
  }
  void expire_read() {
    if (read_ == nullptr) return;
    read_job_.withdraw();
    read_->result = tl::unexpected<Error>(stopped(ErrorCode::kTimeout));
    finish_read();
  }
  void expire_write() {
    if (write_ == nullptr) return;
    write_job_.withdraw();
    connecting_ = false;
    write_->result = tl::unexpected<Error>(stopped(ErrorCode::kTimeout));
    finish_write();
  }
  [[nodiscard]] std::string name(int (*get)(int, sockaddr*, socklen_t*)) const {
    SocketAddress a;
    a.size = sizeof a.storage;
    if (!watch_.is_open()) return {};
    auto* out = reinterpret_cast<sockaddr*>(&a.storage);
    return get(watch_.fd(), out, &a.size) == 0 ? to_text(a) : std::string();
  }

  Watch watch_;
  Job read_job_;
  Job write_job_;
  Deadline read_deadline_;
  Deadline write_deadline_;
  ReadOp* read_ = nullptr;
  WriteOp* write_ = nullptr;
  std::int64_t write_stall_ns_ = 0;
  bool readable_ = false;    // a recv may find something
  bool over_ = false;        // the peer's end or an error has come; it may lie behind bytes
  bool urgent_ = false;      // urgent data has come
  bool read_ended_ = false;  // cancelled or closed: the operation's result is set, done() is due
  bool write_ended_ = false;
  bool full_ = false;  // the kernel took less than all; an event tells when to go on
  bool connecting_ = false;
};

bool TcpStream::start_read(ReadOp& op) {
  SWY_ASSERT(read_ == nullptr && !op.buffer.empty());
  if (!watch_.is_open()) {
    op.result = fail(ErrorCode::kClosed, "the connection is closed");
    return true;
  }
  read_ = &op;
  read_ended_ = false;
  if (readable_) run_soon(loop(), read_job_);
  return false;
}

void TcpStream::ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLPRI | kOver)) != 0) readable_ = true;
  if ((events & kOver) != 0) over_ = true;
  if ((events & EPOLLPRI) != 0) urgent_ = true;
  if (full_ && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) run_last(loop(), write_job_);
  if (read_ != nullptr) go_on_reading();  // the last, as it may destroy this
}

void TcpStream::go_on_reading() {
  if (read_ == nullptr) return;
  read_job_.withdraw();
  if (read_ended_ || receive_now(*read_)) finish_read();
}

bool TcpStream::receive_now(ReadOp& op) {
  if (!readable_) return false;
  for (;;) {
    const ssize_t n = recv(watch_.fd(), op.buffer.data(), op.buffer.size(), MSG_DONTWAIT);
    if (n >= 0) {
      const bool emptied = static_cast<std::size_t>(n) < op.buffer.size() && !over_ && !urgent_;
      readable_ = !emptied;
      op.result = static_cast<std::size_t>(n);
      return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
      return false;
    }
    if (errno != EINTR) {
      op.result = tl::unexpected<Error>(system_error(errno, "reading"));
      return true;
    }
  }
}

void TcpStream::withdraw_read() noexcept {
  read_ = nullptr;
  read_job_.withdraw();
}

bool TcpStream::start_write(WriteOp& op) {
  SWY_ASSERT(write_ == nullptr);
  if (!watch_.is_open()) {
    op.result = fail(ErrorCode::kClosed, "the connection is closed");
    return true;
  }
  if (op.empty()) return true;
  write_ = &op;
  write_ended_ = full_ = false;
  run_last(loop(), write_job_);
  return false;
}

void TcpStream::go_on_writing() {
  if (write_ == nullptr) return;
  if (write_ended_ || send_now(*write_)) return finish_write();
  full_ = true;
  write_deadline_.arm(loop(), loop().after(write_stall_ns_));
}

bool TcpStream::send_now(WriteOp& op) {
  if (connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    (void)getsockopt(watch_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    connecting_ = false;
    if (error != 0) op.result = tl::unexpected<Error>(system_error(error, "connecting"));
    return true;
  }
  while (!op.empty()) {
    std::array<iovec, WriteOp::kPieces> vectors;
    for (std::size_t i = 0; i < op.count; ++i) {
      // iovec has no const variant; sendmsg only reads.
      vectors[i] = {const_cast<char*>(op.pieces[i].data()), op.pieces[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = op.count;
    const ssize_t n = sendmsg(watch_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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

void TcpStream::withdraw_write() noexcept {
  write_ = nullptr;
  write_job_.withdraw();
  write_deadline_.disarm();
}

// What was handed over in this turn leaves before the connection ends: a last alert, a farewell.
void TcpStream::say_what_is_queued() {
  if (write_ == nullptr || write_ended_ || connecting_ || full_) return;
  write_ended_ = send_now(*write_);
}

void TcpStream::end_read(Error why) {
  if (read_ == nullptr || read_ended_) return;
  read_->result = tl::unexpected<Error>(std::move(why));
  read_ended_ = true;
  run_soon(loop(), read_job_);
}

void TcpStream::end_write(Error why) {
  if (write_ == nullptr || write_ended_) return;
  write_->result = tl::unexpected<Error>(std::move(why));
  write_ended_ = true;
  run_last(loop(), write_job_);
}

void TcpStream::cancel() {
  end_read(stopped(ErrorCode::kCancelled));
  end_write(stopped(ErrorCode::kCancelled));
}

void TcpStream::close() {
  if (!watch_.is_open()) return;
  say_what_is_queued();
  cancel();
  watch_.close();
}

void TcpStream::start_connect(int fd, const SocketAddress& address, WriteOp& op,
                              std::int64_t due_ns) {
  int error = connect(fd, address.get(), address.size) == 0 ? 0 : errno;
  const bool under_way = error == EINPROGRESS;
  // Watched only now: a socket that has not begun to connect counts as hung up.
  if (error == 0 || under_way) error = open(fd);
  if (!watch_.is_open()) ::close(fd);
  write_ = &op;
  write_deadline_.arm(loop(), due_ns);
  connecting_ = full_ = under_way && error == 0;
  if (full_) return;
  write_ended_ = true;
  if (error != 0) op.result = tl::unexpected<Error>(system_error(error, "connecting"));
  run_last(loop(), write_job_);
}

// Awaits one connection attempt.
class Connecting {
 public:
  Connecting(TcpStream& stream, int fd, const SocketAddress& address, std::int64_t due_ns)
      : stream_(stream), fd_(fd), address_(address), due_ns_(due_ns) {}
  ~Connecting() {
    if (pending_) stream_.withdraw_write();
  }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    pending_ = true;
    op_.context = this;
    op_.done = [](void* self) { static_cast<Connecting*>(self)->finish(); };
    stream_.start_connect(fd_, address_, op_, due_ns_);
  }
  Status await_resume() { return std::move(op_.result); }

 private:
  void finish() {
    pending_ = false;
    handle_.resume();
  }
  TcpStream& stream_;
  int fd_;
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
  return {code, std::string(doing) + ": " + std::generic_category().message(number)};
}

base::Task<Result<std::unique_ptr<Stream>>> connect_address(Loop& loop, SocketAddress address,
                                                            std::int64_t due_ns) {
  const int fd =
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) co_return tl::unexpected<Error>(system_error(errno, "opening a socket"));
  set_no_delay(fd);
  auto stream = std::make_unique<TcpStream>(loop);
  const Status connected = co_await Connecting(*stream, fd, address, due_ns);
  if (!connected) co_return fail_in(to_text(address), connected.error());
  co_return std::unique_ptr<Stream>(std::move(stream));
}

// ---- Listener

struct Listener::Core {
  explicit Core(Loop& loop)
      : watch(
            loop, [](void* c, std::uint32_t) { static_cast<Core*>(c)->accept_more(); }, this),
        job([](void* c) { static_cast<Core*>(c)->accept_more(); }, this),
        pause([](void* c) { static_cast<Core*>(c)->accept_more(); }, this) {}

  Watch watch;
  Job job;
  Deadline pause;
  Accept* waiter = nullptr;
  std::uint64_t starved = 0;

  bool accept_now(Accept& accept);  // true: accept.result_ is set
  void accept_more() {
    if (waiter != nullptr && accept_now(*waiter)) std::exchange(waiter, nullptr)->handle_.resume();
  }
};

bool Listener::Core::accept_now(Accept& accept) {
  for (;;) {
    if (!watch.is_open()) {
      accept.result_ = fail(ErrorCode::kCancelled, "the listener is closed");
      return true;
    }
    const int fd = accept4(watch.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      set_no_delay(fd);
      auto stream = std::make_unique<TcpStream>(watch.loop());
      errno = stream->open(fd);
      if (errno == 0) {
        accept.result_ = std::move(stream);
        return true;
      }
      const int error = errno;  // out of memory or epoll watches
      ::close(fd);
      errno = error == ENOSPC ? ENOMEM : error;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      ++starved;
      pause.arm(watch.loop(), watch.loop().after(100 * kMillisecond));
      return false;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;  // an event tells of the next one
    // Anything else is a connection that failed before it was accepted: take the next one.
  }
}

Result<std::unique_ptr<Listener>> Listener::listen(Loop& loop, const ListenOptions& options) {
  SocketAddress address;
  if (!numeric_address(options.address, options.port, address))
    return fail(ErrorCode::kInvalidArgument, options.address + " is not a numeric address");
  std::unique_ptr<Listener> listener(new Listener(new Core(loop)));
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = fd >= 0 ? 0 : errno;
  const int on = 1;
  if (error == 0) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (error == 0 && options.share_port)
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (error == 0 &&
      (bind(fd, address.get(), address.size) < 0 || ::listen(fd, options.backlog) < 0))
    error = errno;
  if (error == 0) error = listener->core_->watch.open(fd);
  if (error == 0) return listener;
  if (fd >= 0) ::close(fd);
  return tl::unexpected<Error>(
      system_error(error, "listening on " + options.address + ":" + std::to_string(options.port)));
}

Listener::~Listener() { delete core_; }

void Listener::close() {
  core_->watch.close();
  run_soon(core_->watch.loop(), core_->job);  // a waiting accept() hears of it
}

std::uint16_t Listener::port() const {
  SocketAddress a;
  a.size = sizeof a.storage;
  auto* out = reinterpret_cast<sockaddr*>(&a.storage);
  if (getsockname(core_->watch.fd(), out, &a.size) != 0) return 0;
  // The port is at the same place in sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in*>(out)->sin_port);
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
