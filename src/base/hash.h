// Hashes: XXH3 for tables and content ids (fast, not for secrets), SHA-256 for keys at rest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace swy::base {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
std::string sha256_hex(std::string_view bytes);
// The same of bytes that come in pieces. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  std::string hex();  // REQUIRES: called once, last

 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string hex64(std::uint64_t value);  // 16 lower-case digits
// Compares in time that depends on the length alone.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace swy::base
