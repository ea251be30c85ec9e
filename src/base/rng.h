// Counter-based random numbers keyed by (seed, work id, stage): the same key gives the same stream
// on every thread, in the gateway, the simulator and a replay. Value type, no allocation.
//
// Generator: SplitMix64 (Steele, Lea, Flood 2014) over a key mixed from the three words; passes
// BigCrush, 2^64 period per key, and skipping ahead is a multiplication. Not for secrets.
#pragma once

#include <cstdint>

namespace swy::base {

class Rng {
 public:
  Rng(std::uint64_t seed, std::uint64_t work_id, std::uint64_t stage)
      : state_(mix(mix(mix(seed) ^ work_id) ^ (stage * 0x9E3779B97F4A7C15ULL))) {}

  std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }
  // Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // Uniform in [0, n). REQUIRES: n > 0. Multiply-shift; bias below n / 2^64.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{next()} * n) >> 64U);
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  std::uint64_t state_;
};

}  // namespace swy::base
