// Numbers of the assignment: reading bf16 / f16 / f32, the exp that every kernel version shares,
// and sums in a fixed order.
//
// exp: x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 split in two (Cody and Waite), degree-7 polynomial
// in r by Horner with fused multiply-add, n added to the exponent. At most 2 ulp (assign_test.cc
// scans); below kExpLow the result is 0, so that no version meets denormals. Every step is one IEEE
// operation, so 1, 8 or 16 lanes give the same bits. Files of this module are compiled with
// -ffp-contract=off for the same reason. Threading: pure.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "switchyard/moe.h"

namespace swy::moe::detail {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kLowest = std::numeric_limits<float>::lowest();

inline constexpr float kExpLow = -87.0F;  // exp(-87) is 1.6e-38, the last before denormals
inline constexpr float kExpHigh = 88.0F;  // exp(88) is 1.65e38
inline constexpr float kLog2e = 1.44269504088896341F;
inline constexpr float kRounder = 0x1.8p23F;  // x + this has the nearest integer in its last bits
inline constexpr float kLn2High = 0.693359375F;  // ln 2 to 9 bits: n * this is exact
inline constexpr float kLn2Low = -2.12194440054690583e-4F;
inline constexpr float kExpC2 = 0.5F;
// Taylor to r^7: the next term is below 5e-9 at |r| = 0.3466, a tenth of an ulp of exp there.
inline constexpr float kExpC3 = 1.0F / 6, kExpC4 = 1.0F / 24, kExpC5 = 1.0F / 120,
                       kExpC6 = 1.0F / 720, kExpC7 = 1.0F / 5040;

// e^x for x in [-inf, 88]; larger counts as 88. REQUIRES: not NaN.
inline float exp_f32(float x) {
  if (x < kExpLow) return 0;
  x = x < kExpHigh ? x : kExpHigh;
  const float shifted = std::fma(x, kLog2e, kRounder);
  const float n = shifted - kRounder;
  float r = std::fma(n, -kLn2High, x);
  r = std::fma(n, -kLn2Low, r);
  float p = std::fma(kExpC7, r, kExpC6);
  p = std::fma(p, r, kExpC5);
  p = std::fma(p, r, kExpC4);
  p = std::fma(p, r, kExpC3);
  p = std::fma(p, r, kExpC2);
  p = std::fma(p * r, r, r) + 1.0F;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) +
                              (std::bit_cast<std::uint32_t>(shifted) << 23U));
}

inline float sigmoid_f32(float x) {
  const float e = exp_f32(-std::fabs(x));
  return (x >= 0 ? 1.0F : e) / (1.0F + e);
}

// Exponent of z - max, where both may be +inf.
inline float exp_below(float z, float max) { return z == max ? 1.0F : exp_f32(z - max); }

inline constexpr std::size_t kLanes = 16;

// Element i goes to lane i mod 16; lanes meet in pairs 8, 4, 2, 1 apart.
inline float sum16(const float* x, std::size_t n) {
  float lane[kLanes] = {};
  for (std::size_t i = 0; i < n; ++i) lane[i % kLanes] += x[i];
  for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) lane[i] += lane[i + step];
  }
  return lane[0];
}

inline float from_bf16(std::uint16_t v) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(v) << 16U);
}

inline float from_f16(std::uint16_t v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v & 0x8000U) << 16U;
  const std::uint32_t exponent = (v >> 10U) & 0x1FU;
  const std::uint32_t fraction = v & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13U));
  if (exponent == 0) {  // zero and denormals: fraction * 2^-24, exact in fp32
    const float magnitude = static_cast<float>(fraction) * 0x1.0p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (fraction << 13U));
}

// REQUIRES: i < s.size.
inline float score_at(const Scores& s, std::size_t i) {
  if (s.type == DType::kF32) return static_cast<const float*>(s.data)[i];
  const std::uint16_t half = static_cast<const std::uint16_t*>(s.data)[i];
  return s.type == DType::kBf16 ? from_bf16(half) : from_f16(half);
}

inline bool token_is_live(const Ctx& ctx, std::size_t t) {
  return ctx.token_live.empty() || ctx.token_live[t] != 0;
}
inline bool expert_is_live(const Ctx& ctx, std::size_t e) {
  return ctx.expert_live.empty() || ((ctx.expert_live[e / 64] >> (e % 64)) & 1U) != 0;
}

}  // namespace swy::moe::detail
