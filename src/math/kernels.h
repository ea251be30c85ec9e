// Kernels: the arithmetic of neural networks on one core, in three versions chosen at start.
//
// When to use: dense layers, attention, norms and similarities over caller-owned memory. A Kernels
// is a table of functions; best_kernels() is the fastest this CPU runs, unless the environment
// variable SWITCHYARD_KERNELS names another ("avx512", "avx2", "scalar"). "scalar" is the truth:
// the others must agree with it (kernels_test.cc says to what bound). Threading: pure functions on
// the caller's memory, no allocation. Ownership: nothing is kept; weights packed for these
// kernels: packed.h.
//
// Matrices are row-major with a leading dimension (ld*) in elements. m rows, n columns, k summed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace swy::math {

// Columns of a packed panel: 3 AVX-512 vectors, 6 AVX2 vectors. 8 rows x 3 vectors keep 24 sums,
// 3 weights and an activation in 32 registers and need 11 loads per 24 multiply-adds.
inline constexpr std::size_t kPanel = 48;

enum class Activation : std::uint8_t { kNone, kGelu, kGeluTanh, kRelu, kTanh };

// c = act(a * b + bias) + residual. b is packed (PackedF32). c may be residual. bias and residual
// may be null.
struct GemmF32 {
  const float* a = nullptr;
  std::size_t lda = 0;
  const float* b = nullptr;  // [n / 48, rounded up][k][48]
  float* c = nullptr;
  std::size_t ldc = 0;
  std::size_t m = 0, n = 0, k = 0;
  const float* bias = nullptr;      // n
  const float* residual = nullptr;  // m x n, ld is ldc
  Activation activation = Activation::kNone;
};

// The same with a ~ scale[i] * (a_u8 - zero[i]) per row and b ~ b_scale[j] * b_s8 per column; sums
// are exact in int32. A few inputs may be kept out of the bytes (their columns hold zeros there)
// and are added in full precision. REQUIRES: k <= 65,536 (255 * 127 * k stays below 2^31).
struct GemmI8 {
  const std::uint8_t* a = nullptr;
  std::size_t lda = 0;  // at least k rounded up to 4; the bytes between are zero times zero
  const float* a_scale = nullptr;        // m
  const std::int32_t* a_zero = nullptr;  // m
  const std::int8_t* b = nullptr;        // [n / 48, rounded up][k / 4, rounded up][48][4]
  const float* b_scale = nullptr;        // n, padded to 48
  const std::int32_t* b_sum = nullptr;   // n, padded to 48: sum over k of b_s8
  std::size_t kept = 0;                  // inputs kept in full precision
  const float* kept_a = nullptr;         // m x kept
  const float* kept_b = nullptr;         // kept x n, rows padded to 48
  float* c = nullptr;
  std::size_t ldc = 0;
  std::size_t m = 0, n = 0, k = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  Activation activation = Activation::kNone;
};

// One head of one sequence: out = softmax(scale * q k^T, masked) v. All with row stride ld.
struct Attention {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  std::size_t ld = 0;
  float* out = nullptr;
  std::size_t ld_out = 0;
  std::size_t tokens = 0;
  std::size_t dim = 0;
  float scale = 1;
  // Tokens further apart than this see nothing of each other. SIZE_MAX: no limit.
  std::size_t reach = SIZE_MAX;
  // tokens x tokens (ld_bias), added to the scaled scores (MPNet's relative positions); or null.
  const float* bias = nullptr;
  std::size_t ld_bias = 0;
  float* scratch = nullptr;  // attention_scratch(tokens, dim) floats, 64-byte aligned
};
std::size_t attention_scratch(std::size_t tokens, std::size_t dim);

// One feature of many rows: who has it, and its weight.
struct BitColumn {
  const std::uint64_t* bits = nullptr;  // 64 rows a word, the lowest bit first
  std::uint8_t weight = 0;
};

// out[i] = in[i] + unit * scale[i] * (sum of the weights of the columns with bit i), and the
// largest of every 64. REQUIRES: the weights sum to at most 255, so that a byte holds every sum.
struct BitSums {
  const BitColumn* columns = nullptr;
  std::size_t n = 0;  // columns
  float unit = 0;
  const float* scale = nullptr;  // 64 * words, as in and out; out may be in
  const float* in = nullptr;
  float* out = nullptr;
  float* most = nullptr;  // words
  std::size_t words = 0;
};

struct Kernels {
  std::string_view name;
  void (*gemm_f32)(const GemmF32&);
  void (*gemm_i8)(const GemmI8&);
  void (*attention)(const Attention&);
  // The same with q, k, the weights and v as 8-bit numbers: a quarter of the time, about two
  // digits.
  void (*attention_i8)(const Attention&);
  // q[i][j] = round(x[i][j] / scale[i]) + zero[i], the range [min(0, x), max(0, x)] of a row on
  // 0..255. Bytes from k to ldq are 0. A row of zeros has scale 0. REQUIRES: finite x.
  void (*quantize_rows)(const float* x, std::size_t ldx, std::size_t m, std::size_t k,
                        std::uint8_t* q, std::size_t ldq, float* scale, std::int32_t* zero);
  // y = (x - mean) / sqrt(var + eps) * gamma + beta over n numbers; beta may be null; y may be x.
  void (*layer_norm)(const float* x, const float* gamma, const float* beta, float eps,
                     std::size_t n, float* y);
  // y = x / sqrt(mean(x^2) + eps) * gamma.
  void (*rms_norm)(const float* x, const float* gamma, float eps, std::size_t n, float* y);
  void (*softmax)(float* x, std::size_t n);  // in place; largest subtracted first
  void (*activate)(Activation act, float* x, std::size_t n);
  // a[i] = act(a[i]) * b[i] (gated linear units).
  void (*gate)(Activation act, float* a, const float* b, std::size_t n);
  float (*dot)(const float* a, const float* b, std::size_t n);
  void (*axpy)(float w, const float* x, std::size_t n, float* y);           // y += w * x
  void (*axpy_i8)(float w, const std::int8_t* x, std::size_t n, float* y);  // y += w * x
  void (*max_into)(const float* x, std::size_t n, float* y);                // y = max(x, y)
  void (*bit_sums)(const BitSums&);
};

// Fastest first; "scalar" is always the last.
std::span<const Kernels* const> runnable_kernels();
// By name; null for an unknown one or one this CPU does not run.
const Kernels* find_kernels(std::string_view name);
// The environment's choice where it names one that runs here, else the first of the list. Decided
// once per process.
const Kernels& best_kernels();

// x / |x|; all zeros stay. Returns the norm.
float l2_normalize(const Kernels& kernels, std::span<float> x);
// 0 when either side is all zeros. REQUIRES: equal sizes.
float cosine(const Kernels& kernels, std::span<const float> a, std::span<const float> b);

}  // namespace swy::math
