// API keys: hashed at rest, looked up by the hash of what the client sent. A key has 256 random
// bits, so an unsalted SHA-256 cannot be searched. Immutable after construction; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/config.h"

namespace swy::gateway {

class KeyRing {
 public:
  explicit KeyRing(const std::vector<Key>& keys);
  [[nodiscard]] bool open() const {
    return by_hash_.empty();
  }  // no keys: everybody on loopback may call
  // The key of "Bearer TEXT"; nullptr when unknown or malformed.
  [[nodiscard]] const Key* find(std::string_view authorization) const;

 private:
  std::unordered_map<std::string, Key> by_hash_;
};

// "swk_" and 43 characters of base64url: 256 random bits from the operating system.
std::string new_key();
// "sha256:...", what a configuration holds.
std::string hash_key(std::string_view key);

}  // namespace swy::gateway
