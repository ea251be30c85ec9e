// HTTP/1.1 server: Server accepts on a loop and calls a Handler for every request; ServerConnection
// is one client.
//
// Threading: the loop's thread. Ownership: the Server owns its listeners and connections:
// destroying it ends them, and the loop and the Handler must outlive it. ServerOptions are copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "http/private/inbox.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "switchyard/result.h"
#include "wire/http.h"

namespace swy::http {

struct ServerOptions {
  wire::Limits limits{.head_bytes = 64 * 1024, .fields = 128, .body_bytes = 32 * 1024 * 1024};
  std::int64_t head_timeout_ns =
      15'000 * net::kMillisecond;  // from the first byte of a request to its head
  std::int64_t body_timeout_ns =
      120'000 * net::kMillisecond;  // from the head to the end of the body
  std::int64_t idle_timeout_ns =
      75'000 * net::kMillisecond;  // between requests, and before the first
  std::int64_t write_stall_ns = 30'000 * net::kMillisecond;  // the client takes nothing for so long
  std::size_t max_connections = 100'000;                     // more are closed at once, and counted
};

struct Request {
  wire::RequestHead head;
  std::string body;
};

class ServerConnection {
 public:
  ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                   const ServerOptions& options);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // The next request. kClosed: the client is done, or it or we ended keep-alive. kTimeout with
  // nothing received: an idle connection. Everything else deserves an answer (error_status())
  // before closing. REQUIRES: the response to the request before is complete.
  base::Task<Result<Request>> read_request();

  // One whole response in one gathered write; co_await the Status. `headers`: without
  // Content-Length, Transfer-Encoding and Connection. `body` must live until it is written.
  net::Stream::Write respond(int status, const wire::Headers& headers, std::string_view body);

  // A response of unknown length: begin(), write() any number of times, finish(). The head leaves
  // with the first write. Awaiting a write is the back-pressure: it ends when the kernel has taken
  // everything.
  void begin(int status, const wire::Headers& headers);
  net::Stream::Write write(std::string_view piece);
  net::Stream::Write finish(std::string_view last_piece = {});
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool complete() const { return complete_; }  // respond() or finish() was called
  // The stream cannot be ended honestly: closes the connection in the middle, so that the client
  // sees a broken response.
  void abort();
  void reset();  // the same, with a TCP reset: for scripted faults

  // fn is called once, from the loop, when the client goes away before the response is complete; at
  // once if it already has. Pass {} to forget it. It must not destroy the connection.
  void on_gone(std::function<void()> fn);
  [[nodiscard]] bool gone() const { return inbox_.ended(); }

  void close_after_response() { keep_alive_ = false; }
  // After a last response to a client that may still be sending: takes its bytes for a moment, so
  // that it can read.
  base::Task<void> linger();
  // Ends a connection that waits for a request; lets one that works finish and then ends it.
  void drain();
  [[nodiscard]] std::string peer() const { return stream_->peer(); }
  [[nodiscard]] net::Loop& loop() const { return loop_; }

 private:
  base::Task<Status> read_body(Request& request);
  base::Task<Status> await_head();
  void start_head(int status, const wire::Headers& headers);
  net::Stream::Write send(std::string_view piece, bool last);
  void end_message();
  void heard();

  net::Loop& loop_;
  const ServerOptions& options_;
  std::unique_ptr<net::Stream> stream_;
  Inbox inbox_;
  wire::RequestParser parser_;
  std::string out_;  // a head that has not left yet
  std::optional<wire::ChunkLine> chunk_line_;
  std::function<void()> on_gone_;
  int minor_ = 1;
  bool head_request_ = false;
  bool keep_alive_ = true;
  bool waiting_ = false;  // in read_request(), nothing of the request seen
  bool begun_ = false;
  bool complete_ = true;
  bool chunked_ = false;
  bool head_left_ = false;
};

// 400, 408, 413, 431, 501 ... for an error of read_request(); 0: close without a word.
int error_status(const Error& error);

class Handler {
 public:
  virtual ~Handler() = default;
  // Answers one request. A response that is not complete when this returns closes the connection.
  virtual base::Task<void> handle(Request request, ServerConnection& connection) = 0;
  // The body (JSON) of an answer to a request that could not be read.
  virtual std::string error_body(int status, const Error& error) = 0;
};

struct ServerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // over max_connections
  std::uint64_t requests = 0;
  std::uint64_t bad = 0;      // requests that could not be read and were answered with an error
  std::uint64_t starved = 0;  // pauses of accepting for want of descriptors
  std::size_t open = 0;
  std::size_t busy = 0;  // with a request in its handler
};

class Server {
 public:
  Server(net::Loop& loop, Handler& handler, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Any number of times. With a context (borrowed for the Server's life) every connection there
  // speaks TLS.
  Status listen(const net::ListenOptions& options, net::TlsContext* tls = nullptr);
  void serve(std::unique_ptr<net::Stream> stream);  // a connection from elsewhere (TLS, tests)
  // Stops accepting, ends idle connections, lets busy ones finish their response. Then
  // Loop::drain().
  void drain();
  [[nodiscard]] std::uint16_t port() const;  // of the first listener
  [[nodiscard]] ServerCounts counts() const;

 private:
  base::Task<void> accept_all(net::Listener& listener, net::TlsContext* tls);
  base::Task<void> shake(std::unique_ptr<net::Stream> stream, net::TlsContext& tls);
  base::Task<void> run(std::unique_ptr<net::Stream> stream);
  base::Task<void> refuse(ServerConnection& connection, const Error& error);

  net::Loop& loop_;
  Handler& handler_;
  ServerOptions options_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  class Membership;
  std::vector<Membership*> members_;
  ServerCounts counts_;
  bool draining_ = false;
  net::TaskSet tasks_;  // last: its tasks use everything above
};

}  // namespace swy::http
