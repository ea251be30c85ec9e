// Cost: two hashes of the prompt and a look-up. Test: replies_test.cc.
#include "gateway/replies.h"

#include "base/hash.h"

namespace swy::gateway {

Replies::Key Replies::key_of(std::string_view model, std::string_view prompt) {
  return {base::hash64(prompt, base::hash64(model)), base::hash64(prompt, base::hash64(model, 1))};
}

std::optional<std::string> Replies::find(std::string_view model, std::string_view prompt,
                                         double reuse_s, std::int64_t now_ns) {
  const auto it = index_.find(key_of(model, prompt));
  if (it == index_.end()) return std::nullopt;
  if (static_cast<double>(now_ns - it->second->at_ns) > reuse_s * 1e9) return std::nullopt;
  order_.splice(order_.begin(), order_, it->second);
  return it->second->reply;
}

void Replies::keep(std::string_view model, std::string_view prompt, std::string_view reply,
                   std::int64_t now_ns) {
  if (reply.size() > kMostBytes || capacity_ == 0) return;
  const Key key = key_of(model, prompt);
  if (const auto it = index_.find(key); it != index_.end()) {
    order_.erase(it->second);
    index_.erase(it);
  } else if (order_.size() >= capacity_) {
    index_.erase(order_.back().key);
    order_.pop_back();
  }
  order_.push_front({key, std::string(reply), now_ns});
  index_.emplace(key, order_.begin());
}

}  // namespace swy::gateway
