// Which model served a session before, and how the session went. Bounded, forgetful memory: 16
// shards, one mutex each, the least recently used entry of a full shard goes first. Thread-safe;
// locks are leaves.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace swy::gateway {

// What the last answer of a session leaves behind. Its count fields are of the whole session.
struct SessionMemory {
  std::string model;
  std::string rule;  // "set/rule" that chose it; "" when asked for by name
  std::uint32_t turns = 0, switches = 0, rule_turns = 0;
  double warmth = std::numeric_limits<double>::quiet_NaN();  // NaN: the upstream did not say
  double idle_s = 0;
};

class Sessions {
 public:
  static constexpr std::size_t kShards = 16;
  explicit Sessions(std::size_t capacity = 100'000, std::int64_t ttl_us = 3'600'000'000);
  // When the session was seen within the time to live.
  [[nodiscard]] std::optional<SessionMemory> recall(std::string_view session, std::int64_t now_us);
  // One more answer: by this model, chosen by this rule; warmth as in SessionMemory.
  void served(std::string_view session, std::string_view model, std::string_view rule,
              double warmth, std::int64_t now_us);

 private:
  struct Entry {
    std::string session;
    SessionMemory memory;
    std::int64_t at_us = 0;
  };
  struct Shard {
    std::mutex mutex;        // guards order and index
    std::list<Entry> order;  // most recent first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index;  // keys view into order
  };
  Shard& shard(std::string_view session);
  Entry& entry(Shard& s, std::string_view session);
  std::size_t per_shard_;
  std::int64_t ttl_us_;
  std::array<Shard, kShards> shards_;
};

}  // namespace swy::gateway
