// Every kernel version of this machine against the scalar truth, bit for bit. A program of its own:
// it is also compiled for 64-bit ARM and run on an emulated one (neon_test.py), where there is no
// GoogleTest. Prints the versions; status 1 on the first difference.
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "switchyard/moe.h"

namespace {

using namespace swy::moe;

float strange(swy::base::Rng& rng) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  switch (rng.below(8)) {
    case 0:
      return kInf;
    case 1:
      return -kInf;
    case 2:
      return std::numeric_limits<float>::quiet_NaN();
    case 3:
      return 1e-45F;
    default:
      return static_cast<float>(rng.below(3));
  }
}

Spec spec_of(swy::base::Rng& rng, std::size_t cols) {
  Spec s;
  s.transform = static_cast<Transform>(rng.below(7));
  s.weigh = static_cast<Weigh>(rng.below(5));
  constexpr Select kSelects[] = {Select::kTopk, Select::kTopp, Select::kThreshold, Select::kDense};
  s.select = kSelects[rng.below(4)];
  s.k = static_cast<std::uint16_t>(1 + rng.below(rng.below(4) == 0 ? 40 : 12));
  s.threshold = 0.1F;
  s.update = rng.below(2) == 0 ? Update::kPrice : Update::kQuantile;
  s.midpoint = rng.below(2) == 0;
  if (cols % 4 == 0 && s.select == Select::kTopk && rng.below(3) == 0) {
    s.groups = 4;
    s.groups_kept = static_cast<std::uint16_t>(1 + rng.below(4));
  }
  return s;
}

struct Result {
  std::vector<std::int32_t> expert;
  std::vector<float> weight;
  std::vector<float> bias;  // after update()
};

bool run(const Spec& spec, const Scores& scores, std::span<const float> bias,
         const Kernels* kernels, Result& out) {
  const std::uint32_t width = spec.select == Select::kTopk ? spec.k : scores.cols;
  const std::size_t n = std::size_t{scores.rows} * width;
  out.expert.assign(n, -7);
  out.weight.assign(n, -7);
  std::vector<std::uint32_t> demand(scores.cols);
  std::vector<std::byte> memory(workspace_bytes(spec, {scores.rows, scores.cols, width}));
  Ctx ctx;
  ctx.kernels = kernels;
  State state;
  std::vector<float> before(bias.begin(), bias.end());
  state.bias = before;
  Assignment a{width, out.expert, out.weight, {}, demand, {}, 0};
  Status status = assign(spec, scores, ctx, state, a, memory);
  out.bias.assign(bias.begin(), bias.end());
  state.bias = out.bias;
  if (status.ok() && !bias.empty()) status = update(spec, scores, ctx, a, state, memory);
  if (!status.ok()) std::printf("refused: %s\n", status.what);
  return status.ok();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool same(const Result& a, const Result& b) {
  return a.expert == b.expert && same_bits(a.weight, b.weight) && same_bits(a.bias, b.bias);
}

bool check(const Kernels& kernels, std::uint64_t c) {
  swy::base::Rng rng(77, c, 0);
  const auto cols = static_cast<std::uint32_t>(1 + rng.below(rng.below(5) == 0 ? 300 : 70));
  const auto rows = static_cast<std::uint32_t>(rng.below(9) == 0 ? 100 : 3);
  std::vector<float> z(std::size_t{rows} * cols);
  const auto kind = rng.below(3);
  for (float& v : z)
    v = kind == 0   ? static_cast<float>(8 * rng.uniform() - 4)
        : kind == 1 ? static_cast<float>(rng.below(4))
                    : strange(rng);
  std::vector<std::uint16_t> half(z.size());
  for (std::uint16_t& h : half) h = static_cast<std::uint16_t>(rng.next());
  Spec spec = spec_of(rng, cols);
  std::vector<float> bias(rng.below(2) == 0 ? 0 : cols);
  for (float& b : bias) b = static_cast<float>(rng.uniform());
  const auto form = rng.below(3);
  const Scores scores = form == 0   ? Scores::bf16(half, rows, cols)
                        : form == 1 ? Scores::f16(half, rows, cols)
                                    : Scores::f32(z, rows, cols);
  Result truth;
  Result mine;
  if (!run(spec, scores, bias, find_kernels("scalar"), truth)) return false;
  return run(spec, scores, bias, &kernels, mine) && same(truth, mine);
}

}  // namespace

int main() {
  constexpr std::uint64_t kCases = 4'000;
  for (const Kernels* kernels : runnable_kernels()) {
    for (std::uint64_t c = 0; c < kCases; ++c)
      if (!check(*kernels, c)) {
        std::printf("%s: case %llu differs\n", name_of(*kernels).data(),
                    static_cast<unsigned long long>(c));
        return 1;
      }
    std::printf("%s: the bits of scalar in %llu cases\n", name_of(*kernels).data(),
                static_cast<unsigned long long>(kCases));
  }
  return 0;
}
