// HTTP/1.1 client: ClientPool keeps connections per origin; a Call is one request and its response.
//
//   Call call(pool);
//   auto head = co_await call.start(origin, {.method = "POST", .target = "/v1/x", .headers = &h,
//   .body = b}); for (;;) { auto piece = co_await call.read_body(); if (!piece || piece->empty())
//   break; ... }
//
// Threading: the loop's thread. Ownership: the pool owns idle connections and outlives its Calls; a
// Call owns the connection it uses. A connection goes back to the pool only after a complete, clean
// response.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "switchyard/result.h"
#include "wire/http.h"

namespace swy::http {

struct Origin {
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;
  auto operator<=>(const Origin&) const = default;
};

struct ClientOptions {
  wire::Limits limits{.head_bytes = 64 * 1024, .fields = 256};
  std::int64_t connect_timeout_ns = 10'000 * net::kMillisecond;
  std::int64_t first_byte_timeout_ns =
      300'000 * net::kMillisecond;  // from the request sent to the response head
  std::int64_t body_timeout_ns = 120'000 * net::kMillisecond;  // between two pieces of body
  std::int64_t write_stall_ns = 30'000 * net::kMillisecond;
  std::int64_t pool_idle_ns =
      50'000 * net::kMillisecond;  // below the 60 to 75 s after which servers close
  net::TlsClientOptions tls = {};
};

struct ClientCounts {
  std::uint64_t opened = 0;  // connections made
  std::uint64_t reused = 0;  // requests on a pooled connection
  std::uint64_t retried =
      0;  // requests sent again because a pooled connection turned out to be dead
  std::size_t idle = 0;
};

// Views that must live until start() returns; the headers are read before it first waits. Host is
// added; Content-Length too when there is a body or the method has one.
struct OutRequest {
  std::string_view method = "GET";
  std::string_view target = "/";
  const wire::Headers* headers = nullptr;  // may be null
  std::string_view body = {};
};

// Keeps every connection that ended its response cleanly until it was idle for pool_idle_ns: as
// many as there were requests at once. A bound on their number would make a burst above it open and
// close a connection per request, which costs more than the request, so that the burst would not
// end.
class ClientPool {
 public:
  ClientPool(net::Loop& loop, const ClientOptions& options);
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;
  [[nodiscard]] ClientCounts counts() const { return counts_; }
  void close_idle();

  class Link;  // private

 private:
  friend class Call;
  std::unique_ptr<Link> take_idle(const Origin& origin);
  base::Task<Result<std::unique_ptr<Link>>> open(const Origin& origin);
  Result<net::TlsContext*> tls();  // made when first needed
  void give_back(std::unique_ptr<Link> link);
  void forget(Link& link);  // an idle connection died

  net::Loop& loop_;
  ClientOptions options_;
  std::unique_ptr<net::TlsContext> tls_;
  std::map<Origin, std::vector<std::unique_ptr<Link>>> idle_;
  ClientCounts counts_;
};

class Call {
 public:
  explicit Call(ClientPool& pool);
  ~Call();  // closes the connection unless the response was read to its end
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Sends the request and waits for the head of the final response. The head lives as long as the
  // Call. Once per Call. kUnavailable, kTimeout, kClosed (before a head came), kProtocol (not
  // HTTP), kCancelled.
  base::Task<Result<const wire::ResponseHead*>> start(const Origin& origin, OutRequest request);
  // The next piece of the body: all that has arrived of it, joined across the chunks of its
  // framing; empty: the end. The view lives until the next read_body(). kClosed: cut short.
  // kTimeout, kProtocol, kCancelled.
  base::Task<Result<std::string_view>> read_body();
  // Closes the connection at once; what is waiting in start() or read_body() ends with kCancelled.
  // A connection that is still being made is dropped as soon as that ends. From anywhere on the
  // loop, any number of times.
  void cancel();

 private:
  base::Task<Status> exchange(const OutRequest& request);
  void write_head(const Origin& origin, const OutRequest& request);
  void release();
  tl::unexpected<Error> broken(Error why);  // drops the connection
  std::string_view join_arrived(std::string_view first);

  ClientPool& pool_;
  std::unique_ptr<ClientPool::Link> link_;
  wire::ResponseHead head_;
  std::string out_;
  std::optional<Error> broken_framing_;  // found behind a piece that was still good
  bool end_seen_ = false;                // behind the last piece
  bool cancelled_ = false;
};

}  // namespace swy::http
