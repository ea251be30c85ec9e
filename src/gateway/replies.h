// Replies of models to prompts that ask the same thing again: which route, which grade. Bounded and
// forgetful: the least recently used goes first.
//
// When to use: worker_flow.cc, for calls that allow it (FlowCall::reuse_s). Threading: one worker.
// Ownership: owns its texts. Prompts are kept as 128-bit hashes, so that none is stored.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace swy::gateway {

class Replies {
 public:
  static constexpr std::size_t kMostBytes = 4'096;  // of a reply; longer ones are not kept
  explicit Replies(std::size_t capacity = 4'096) : capacity_(capacity) {}
  // nullopt: none that is at most `reuse_s` seconds old.
  [[nodiscard]] std::optional<std::string> find(std::string_view model, std::string_view prompt,
                                                double reuse_s, std::int64_t now_ns);
  void keep(std::string_view model, std::string_view prompt, std::string_view reply,
            std::int64_t now_ns);
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  struct Key {
    std::uint64_t a = 0, b = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const { return k.a; }
  };
  struct Entry {
    Key key;
    std::string reply;
    std::int64_t at_ns = 0;
  };
  static Key key_of(std::string_view model, std::string_view prompt);

  std::size_t capacity_;
  std::list<Entry> order_;  // most recent first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index_;
};

}  // namespace swy::gateway
