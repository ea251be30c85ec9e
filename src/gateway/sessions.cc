#include "gateway/sessions.h"

#include <algorithm>

#include "base/hash.h"

namespace swy::gateway {

Sessions::Sessions(std::size_t capacity, std::int64_t ttl_us)
    : per_shard_(std::max<std::size_t>(1, capacity / kShards)), ttl_us_(ttl_us) {}

Sessions::Shard& Sessions::shard(std::string_view session) {
  return shards_[base::hash64(session) % kShards];
}

std::optional<std::string> Sessions::previous(std::string_view session, std::int64_t now_us) {
  Shard& s = shard(session);
  const std::lock_guard lock(s.mutex);
  const auto it = s.index.find(session);
  if (it == s.index.end() || now_us - it->second->at_us > ttl_us_) return std::nullopt;
  return it->second->model;
}

void Sessions::served(std::string_view session, std::string_view model, std::int64_t now_us) {
  Shard& s = shard(session);
  const std::lock_guard lock(s.mutex);
  if (const auto it = s.index.find(session); it != s.index.end()) {
    it->second->model = model;
    it->second->at_us = now_us;
    s.order.splice(s.order.begin(), s.order, it->second);
    return;
  }
  if (s.order.size() >= per_shard_) {
    s.index.erase(s.order.back().session);
    s.order.pop_back();
  }
  s.order.push_front({std::string(session), std::string(model), now_us});
  s.index.emplace(s.order.front().session, s.order.begin());
}

}  // namespace swy::gateway
