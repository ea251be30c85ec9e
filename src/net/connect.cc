// connect_tcp: numeric addresses go straight to connect; names go through the system's resolver
// (Asio runs it on a helper thread) and are remembered per loop for 30 s. Addresses are tried in
// the resolver's order. Tests: net_test.cc.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <utility>

#include "net/private/loop_impl.h"
#include "net/private/tcp_impl.h"
#include "net/tcp.h"

namespace swy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, asio::io_context::executor_type>;

constexpr std::int64_t kNameTtlNs = 30'000 * kMillisecond;
constexpr std::size_t kNamesMax = 256;  // a bound, not a policy: upstreams are few

bool numeric(const std::string& host, std::uint16_t port, SocketAddress& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof *v4;
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.size = sizeof *v6;
    return true;
  }
  return false;
}

// One lookup. Shared between the awaiter and the resolver's handler: whoever is last frees it.
struct Lookup {
  explicit Lookup(Loop& loop)
      : resolver(context_of(loop)),
        deadline([](void* self) { static_cast<Lookup*>(self)->expire(); }, this) {}
  Resolver resolver;
  Deadline deadline;
  std::coroutine_handle<> waiter;  // null: not interested any more
  bool answered = false;
  Result<std::vector<SocketAddress>> result;

  void expire() {
    result = fail(ErrorCode::kTimeout, "the name was not resolved in time");
    resolver.cancel();
    std::exchange(waiter, {}).resume();
  }
  void answer(const error_code& ec, const Resolver::results_type& found) {
    if (!waiter) return;
    deadline.disarm();
    if (ec) {
      result = fail(ErrorCode::kUnavailable, ec.message());
    } else {
      result.emplace();
      for (const auto& entry : found) {
        SocketAddress a;
        const auto endpoint = entry.endpoint();
        a.size = static_cast<socklen_t>(endpoint.size());
        std::memcpy(&a.storage, endpoint.data(), endpoint.size());
        result->push_back(a);
      }
    }
    std::exchange(waiter, {}).resume();
  }
};

class Resolve {
 public:
  Resolve(Loop& loop, const std::string& host, std::uint16_t port, std::int64_t due_ns)
      : loop_(loop),
        host_(host),
        port_(port),
        due_ns_(due_ns),
        lookup_(std::make_shared<Lookup>(loop)) {}
  ~Resolve() {
    lookup_->deadline.disarm();
    if (std::exchange(lookup_->waiter, {})) lookup_->resolver.cancel();
  }
  Resolve(const Resolve&) = delete;
  Resolve& operator=(const Resolve&) = delete;
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    lookup_->waiter = h;
    lookup_->deadline.arm(loop_, due_ns_);
    lookup_->resolver.async_resolve(
        host_, std::to_string(port_),
        [lookup = lookup_](const error_code& ec, const Resolver::results_type& found) {
          lookup->answer(ec, found);
        });
  }
  Result<std::vector<SocketAddress>> await_resume() { return std::move(lookup_->result); }

 private:
  Loop& loop_;
  const std::string& host_;
  std::uint16_t port_;
  std::int64_t due_ns_;
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace

std::string to_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET6) {
    const auto* a = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &a->sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(a->sin6_port));
  }
  const auto* a = reinterpret_cast<const sockaddr_in*>(&address.storage);
  inet_ntop(AF_INET, &a->sin_addr, text.data(), text.size());
  return std::string(text.data()) + ":" + std::to_string(ntohs(a->sin_port));
}

base::Task<Result<std::unique_ptr<Stream>>> connect_tcp(Loop& loop, std::string host,
                                                        std::uint16_t port, std::int64_t due_ns) {
  SocketAddress address;
  if (numeric(host, port, address)) co_return co_await connect_address(loop, address, due_ns);
  auto& names = names_of(loop).entries;
  const std::string key = host + ":" + std::to_string(port);
  auto known = names.find(key);
  if (known == names.end() || known->second.until_ns < loop.now_ns()) {
    auto found = co_await Resolve(loop, host, port, due_ns);
    if (!found) co_return fail_in(host, found.error());
    if (names.size() >= kNamesMax) names.clear();
    known =
        names.insert_or_assign(key, NameCache::Entry{std::move(*found), loop.now_ns() + kNameTtlNs})
            .first;
  }
  const std::vector<SocketAddress> addresses = known->second.addresses;
  Result<std::unique_ptr<Stream>> last = fail(ErrorCode::kUnavailable, host + " has no address");
  for (const SocketAddress& a : addresses) {
    last = co_await connect_address(loop, a, due_ns);
    if (last || last.error().code == ErrorCode::kTimeout) break;
  }
  if (!last) co_return fail_in(host, last.error());
  co_return std::move(last);
}

}  // namespace swy::net
