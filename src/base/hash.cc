#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace swy::base {
namespace {
constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kSha256Bytes = 32;

// SHA256() looks the algorithm up by name every time, which takes longer than hashing a key.
void sha256(std::string_view bytes, unsigned char* digest) {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  SWY_ASSERT(EVP_DigestInit_ex2(state.get(), algorithm, nullptr) == 1);
  SWY_ASSERT(EVP_DigestUpdate(state.get(), bytes.data(), bytes.size()) == 1);
  SWY_ASSERT(EVP_DigestFinal_ex(state.get(), digest, nullptr) == 1);
}

}  // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, kSha256Bytes> digest{};
  sha256(bytes, digest.data());
  std::string out(digest.size() * 2, '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    out[2 * i] = kHex[digest[i] >> 4U];
    out[2 * i + 1] = kHex[digest[i] & 15U];
  }
  return out;
}

std::string hex64(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4U) out[i] = kHex[value & 15U];
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace swy::base
