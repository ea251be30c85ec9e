#include "gateway/keys.h"

#include <sys/random.h>

#include <array>

#include "base/check.h"
#include "base/hash.h"
#include "wire/headers.h"

namespace swy::gateway {

KeyRing::KeyRing(const std::vector<Key>& keys) {
  for (const Key& k : keys) by_hash_.emplace(k.hash, k);
}

const Key* KeyRing::find(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() ||
      !wire::equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return nullptr;
  }
  authorization.remove_prefix(kScheme.size());
  while (!authorization.empty() && authorization.back() == ' ') authorization.remove_suffix(1);
  // Looking up a hash of the secret leaks nothing useful through timing.
  const auto it = by_hash_.find(base::sha256_hex(authorization));
  return it == by_hash_.end() ? nullptr : &it->second;
}

std::string new_key() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 43> bytes{};
  SWY_ASSERT(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string out = "swk_";
  for (const unsigned char b : bytes) out += kAlphabet[b & 63U];  // 64 letters: no bias
  return out;
}

std::string hash_key(std::string_view key) { return "sha256:" + base::sha256_hex(key); }

}  // namespace swy::gateway
