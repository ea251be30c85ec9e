// The routing of known models and papers, as read in the code named beside each.
//
// "code": the convention was read in that repository; "from memory": it was not, check before
// claiming parity. Test: golden_test.cc (conventions A), preset_test in assign_test.cc.
#include <array>

#include "switchyard/moe.h"

namespace swy::moe {
namespace {

constexpr Spec make(Transform t, Weigh w, std::uint16_t k) {
  Spec s;
  s.transform = t;
  s.weigh = w;
  s.k = k;
  return s;
}

constexpr Spec pair_of(bool random_second) {
  Spec s = make(Transform::kSoftmax, Weigh::kRenorm, 2);
  s.eps_kind = EpsKind::kClamp;
  s.eps = 1.1920929e-07F;  // fp32 epsilon
  s.renorm_single = false;
  s.random_second = random_second;
  return s;
}

constexpr Spec deepseek_v2(bool zero) {
  Spec s = make(Transform::kSoftmax, Weigh::kRaw, 6);
  s.groups = 8;
  s.groups_kept = 3;
  s.group_top = 1;
  s.mask_with_zero = zero;
  s.scale = 16;  // from memory
  return s;
}

constexpr Spec deepseek_v3(bool zero) {
  Spec s = make(Transform::kSigmoid, Weigh::kRenorm, 8);
  s.groups = 8;
  s.groups_kept = 4;
  s.group_top = 2;
  s.mask_with_zero = zero;
  s.eps_kind = EpsKind::kAdd;
  s.eps = 1e-20F;
  s.scale = 2.5F;
  return s;
}

constexpr Spec kimi_k2() {
  Spec s = deepseek_v3(false);
  s.groups = 1;
  s.groups_kept = 1;
  s.scale = 2.827F;
  return s;
}

constexpr Spec shazeer() {
  Spec s = make(Transform::kIdentity, Weigh::kSoftmaxSelected, 4);
  s.noise = 1;
  return s;
}

constexpr Spec blockffn() {
  Spec s = make(Transform::kReluRms, Weigh::kRaw, 1);
  s.select = Select::kThreshold;
  return s;
}

constexpr Spec unipool() {
  Spec s = make(Transform::kL2Relu, Weigh::kRaw, 8);
  s.norm_eps = 1e-12F;
  return s;
}

constexpr Spec expert_choice() {
  Spec s = make(Transform::kSoftmax, Weigh::kRaw, 2);
  s.select = Select::kExpertChoice;
  return s;
}

constexpr Spec dynamic_moe() {
  Spec s = make(Transform::kSoftmax, Weigh::kRaw, 2);
  s.select = Select::kTopp;
  s.top_p = 0.4F;
  return s;
}

constexpr Spec hash() {
  Spec s = make(Transform::kIdentity, Weigh::kOne, 1);
  s.select = Select::kHash;
  return s;
}

constexpr std::array kPresets{
    Preset{"shazeer", shazeer(), "arXiv 1701.06538, from memory; k 4"},
    Preset{"switch", make(Transform::kSoftmax, Weigh::kRaw, 1), "transformers switch_transformers"},
    Preset{"gshard", pair_of(true), "arXiv 2006.16668, from memory; weights as Tutel's code"},
    Preset{"tutel", pair_of(false), "Tutel fast_dispatch"},
    Preset{"mixtral", make(Transform::kSoftmax, Weigh::kRenorm, 2), "transformers modular_mixtral"},
    Preset{"qwen2-moe", make(Transform::kSoftmax, Weigh::kRaw, 4),
           "transformers configuration_qwen2_moe (norm_topk_prob false)"},
    Preset{"qwen3-moe", make(Transform::kSoftmax, Weigh::kRenorm, 8),
           "transformers modular_mixtral; norm_topk_prob true of the checkpoints is from memory"},
    Preset{"olmoe", make(Transform::kSoftmax, Weigh::kRaw, 8),
           "transformers configuration_olmoe (norm_topk_prob false)"},
    Preset{"gpt-oss", make(Transform::kIdentity, Weigh::kSoftmaxSelected, 4),
           "transformers modular_gpt_oss"},
    Preset{"megatron-pre", make(Transform::kSoftmax, Weigh::kRaw, 2), "Megatron-core moe_utils"},
    Preset{"megatron-post", make(Transform::kIdentity, Weigh::kSoftmaxSelected, 2),
           "Megatron-core moe_utils; needs k > 1 for a gradient"},
    Preset{"deepseek-v2", deepseek_v2(false),
           "transformers modular_deepseek_v2, groups masked -inf"},
    Preset{"deepseek-v2-hf", deepseek_v2(true), "transformers modular_deepseek_v2"},
    Preset{"deepseek-v3", deepseek_v3(false),
           "transformers modular_deepseek_v3, groups masked -inf"},
    Preset{"deepseek-v3-hf", deepseek_v3(true), "transformers modular_deepseek_v3"},
    Preset{"kimi-k2", kimi_k2(), "as deepseek-v3 with one group; scale from memory"},
    Preset{"llama-4", make(Transform::kIdentity, Weigh::kSigmoid, 1),
           "llama.cpp build_moe_ffn; the weight multiplies the expert's input"},
    Preset{"blockffn", blockffn(), "thunlp/BlockFFN"},
    Preset{"unipool", unipool(), "UniPool router.py; the learned scale is the caller's"},
    Preset{"expert-choice", expert_choice(), "Megatron-core, EC-DLM; arXiv 2202.09368 from memory"},
    Preset{"dynamic-moe", dynamic_moe(), "ZhenweiAn/Dynamic_MoE"},
    Preset{"hash", hash(), "arXiv 2106.04426, from memory; UniPool's formula without a table"},
};

}  // namespace

std::span<const Preset> presets() noexcept { return kPresets; }

Status preset(std::string_view name, Spec& out) noexcept {
  for (const Preset& p : kPresets) {
    if (p.name != name) continue;
    out = p.spec;
    return {};
  }
  return {Code::kUnsupported, "preset"};
}

}  // namespace swy::moe
