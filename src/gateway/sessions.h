// Which model served a session before. Bounded, forgetful memory: 16 shards, one mutex each, the
// least recently used entry of a full shard goes first. Thread-safe; locks are leaves.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace swy::gateway {

class Sessions {
 public:
  static constexpr std::size_t kShards = 16;
  explicit Sessions(std::size_t capacity = 100'000, std::int64_t ttl_us = 3'600'000'000);
  // The model's name, when the session was seen within the time to live.
  [[nodiscard]] std::optional<std::string> previous(std::string_view session, std::int64_t now_us);
  void served(std::string_view session, std::string_view model, std::int64_t now_us);

 private:
  struct Entry {
    std::string session, model;
    std::int64_t at_us;
  };
  struct Shard {
    std::mutex mutex;        // guards order and index
    std::list<Entry> order;  // most recent first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index;  // keys view into order
  };
  Shard& shard(std::string_view session);
  std::size_t per_shard_;
  std::int64_t ttl_us_;
  std::array<Shard, kShards> shards_;
};

}  // namespace swy::gateway
