#include "gateway/sessions.h"

#include <algorithm>

#include "base/hash.h"

namespace swy::gateway {

Sessions::Sessions(std::size_t capacity, std::int64_t ttl_us)
    : per_shard_(std::max<std::size_t>(1, capacity / kShards)), ttl_us_(ttl_us) {}

Sessions::Shard& Sessions::shard(std::string_view session) {
  return shards_[base::hash64(session) % kShards];
}

std::optional<SessionMemory> Sessions::recall(std::string_view session, std::int64_t now_us) {
  Shard& s = shard(session);
  const std::lock_guard lock(s.mutex);
  const auto it = s.index.find(session);
  if (it == s.index.end() || now_us - it->second->at_us > ttl_us_) return std::nullopt;
  SessionMemory memory = it->second->memory;
  memory.idle_s = static_cast<double>(std::max<std::int64_t>(0, now_us - it->second->at_us)) * 1e-6;
  return memory;
}

// The session's own, or a new one in place of the one that was served least recently.
Sessions::Entry& Sessions::entry(Shard& s, std::string_view session) {
  if (const auto it = s.index.find(session); it != s.index.end()) {
    s.order.splice(s.order.begin(), s.order, it->second);
    return *it->second;
  }
  if (s.order.size() >= per_shard_) {
    s.index.erase(s.order.back().session);
    s.order.pop_back();
  }
  s.order.push_front({std::string(session), {}, 0});
  s.index.emplace(s.order.front().session, s.order.begin());
  return s.order.front();
}

void Sessions::served(std::string_view session, std::string_view model, std::string_view rule,
                      double warmth, std::int64_t now_us) {
  Shard& s = shard(session);
  const std::lock_guard lock(s.mutex);
  Entry& e = entry(s, session);
  if (now_us - e.at_us > ttl_us_) e.memory = {};  // what was forgotten is not counted on
  SessionMemory& m = e.memory;
  m.switches += m.turns > 0 && m.model != model ? 1 : 0;
  m.rule_turns = m.rule == rule ? m.rule_turns + 1 : 1;
  ++m.turns;
  m.model = model;
  m.rule = rule;
  m.warmth = warmth;
  e.at_us = now_us;
}

}  // namespace swy::gateway
