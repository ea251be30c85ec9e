// Makes Streams from descriptors and addresses, for the .cc files of net. Threading: the loop's
// thread.
#pragma once

#include <sys/socket.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/loop.h"
#include "net/stream.h"

namespace swy::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Resolved names of one loop; entries are forgotten at their time. The system's resolver blocks, so
// it has a thread of its own, which begins with the first name.
class Resolver;
struct NameCache {
  NameCache();
  ~NameCache();
  NameCache(const NameCache&) = delete;
  NameCache& operator=(const NameCache&) = delete;
  void end();  // waits for the lookup that is under way
  struct Entry {
    std::vector<SocketAddress> addresses;
    std::int64_t until_ns = 0;
  };
  std::map<std::string, Entry> entries;
  std::unique_ptr<Resolver> resolver;
};
NameCache& names_of(Loop& loop);

bool numeric_address(const std::string& host, std::uint16_t port, SocketAddress& out);
std::string to_text(const SocketAddress& address);
Error system_error(int number, std::string_view doing);  // maps errno to our closed list

// Connects to one address.
base::Task<Result<std::unique_ptr<Stream>>> connect_address(Loop& loop, SocketAddress address,
                                                            std::int64_t due_ns);

}  // namespace swy::net
