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
using Digest = std::array<unsigned char, 32>;

// SHA256() looks the algorithm up by name every time, which takes longer than hashing a key.
void sha256(std::string_view bytes, unsigned char* digest) {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  SWY_ASSERT(EVP_DigestInit_ex2(state.get(), algorithm, nullptr) == 1);
  SWY_ASSERT(EVP_DigestUpdate(state.get(), bytes.data(), bytes.size()) == 1);
  SWY_ASSERT(EVP_DigestFinal_ex(state.get(), digest, nullptr) == 1);
}

std::string hex(const Digest& digest) {
  std::string out(digest.size() * 2, '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    out[2 * i] = kHex[digest[i] >> 4U];
    out[2 * i + 1] = kHex[digest[i] & 15U];
  }
  return out;
}

}  // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string sha256_hex(std::string_view bytes) {
  Digest digest{};
  sha256(bytes, digest.data());
  return hex(digest);
}

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  SWY_ASSERT(EVP_DigestInit_ex2(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  SWY_ASSERT(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  Digest digest{};
  SWY_ASSERT(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) == 1);
  return base::hex(digest);
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
