// connect_tcp: numeric addresses go straight to connect; names go through the system's resolver on
// a helper thread and are remembered per loop for 30 s. Addresses are tried in the resolver's
// order. Tests: net_test.cc.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "net/private/tcp_impl.h"
#include "net/tcp.h"

namespace swy::net {
namespace {

constexpr std::int64_t kNameTtlNs = 30'000 * kMillisecond;
constexpr std::size_t kNamesMax = 256;  // a bound, not a policy: upstreams are few

class Resolve;

// One lookup. Shared between the awaiter and the helper thread: whoever is last frees it.
struct Lookup {
  const std::string host;
  const std::uint16_t port;
  std::atomic<bool> wanted = true;
  Resolve* waiter;  // the loop's; null: not interested any more
  // The helper's until it has posted the answer, then the loop's.
  Result<std::vector<SocketAddress>> found = {};

  void look_up();
  void answer();
};

void Lookup::look_up() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error != 0) {
    found = fail(ErrorCode::kUnavailable, gai_strerror(error));
    return;
  }
  found.emplace();
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    SocketAddress address;
    if (a->ai_addrlen > sizeof address.storage) continue;
    address.size = a->ai_addrlen;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    found->push_back(address);
  }
  freeaddrinfo(list);
}

}  // namespace

class Resolver {
 public:
  explicit Resolver(Loop& loop) : loop_(loop), thread_([this] { work(); }) {}
  ~Resolver() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    news_.notify_one();
    thread_.join();
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  void add(std::shared_ptr<Lookup> lookup) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(lookup));
    }
    news_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      news_.wait(lock, [this] { return over_ || !queue_.empty(); });
      if (over_) return;
      auto lookup = std::move(queue_.front());
      queue_.pop_front();
      if (!lookup->wanted) continue;
      lock.unlock();
      lookup->look_up();
      loop_.post([lookup] { lookup->answer(); });
      lookup.reset();
      lock.lock();
    }
  }
  Loop& loop_;
  std::mutex mutex_;  // guards queue_ and over_
  std::condition_variable news_;
  std::deque<std::shared_ptr<Lookup>> queue_;
  bool over_ = false;
  std::thread thread_;  // last: it uses everything above
};

NameCache::NameCache() = default;
NameCache::~NameCache() = default;
void NameCache::end() { resolver.reset(); }

bool numeric_address(const std::string& host, std::uint16_t port, SocketAddress& out) {
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

namespace {

// Awaits one lookup.
class Resolve {
 public:
  Resolve(Loop& loop, const std::string& host, std::uint16_t port, std::int64_t due_ns)
      : loop_(loop),
        due_ns_(due_ns),
        deadline_([](void* self) { static_cast<Resolve*>(self)->expire(); }, this),
        lookup_(new Lookup{.host = host, .port = port, .waiter = this}) {}
  ~Resolve() { leave(); }
  Resolve(const Resolve&) = delete;
  Resolve& operator=(const Resolve&) = delete;
  [[nodiscard]] bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    deadline_.arm(loop_, due_ns_);
    NameCache& names = names_of(loop_);
    if (!names.resolver) names.resolver = std::make_unique<Resolver>(loop_);
    names.resolver->add(lookup_);
  }
  Result<std::vector<SocketAddress>> await_resume() { return std::move(result_); }

 private:
  friend struct Lookup;
  void leave() {
    lookup_->wanted = false;
    lookup_->waiter = nullptr;
  }
  void expire() { finish(fail(ErrorCode::kTimeout, "the name was not resolved in time")); }
  void finish(Result<std::vector<SocketAddress>> result) {
    leave();
    deadline_.disarm();
    result_ = std::move(result);
    handle_.resume();
  }
  Loop& loop_;
  std::int64_t due_ns_;
  Deadline deadline_;
  std::shared_ptr<Lookup> lookup_;
  std::coroutine_handle<> handle_;
  Result<std::vector<SocketAddress>> result_;
};

void Lookup::answer() {
  if (waiter != nullptr) waiter->finish(std::move(found));
}

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
  if (numeric_address(host, port, address))
    co_return co_await connect_address(loop, address, due_ns);
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
