// Names are the enumerators' in snake_case, as the reference page has them. Test: spec_text_test.cc.
#include "moe/fields.h"

#include <array>

namespace swy::moe {

using Names = std::span<const std::string_view>;

Names names(Transform /*kind*/) {
  static constexpr std::array<std::string_view, 8> kNames{
      "identity", "softmax", "sigmoid", "sqrt_softplus", "relu", "relu_rms", "l2_relu", "cosine"};
  return kNames;
}
Names names(Select /*kind*/) {
  static constexpr std::array<std::string_view, 6> kNames{"topk",          "topp", "threshold",
                                                          "expert_choice", "hash", "dense"};
  return kNames;
}
Names names(Cap /*kind*/) {
  static constexpr std::array<std::string_view, 5> kNames{"none", "arrival", "choice_major",
                                                          "batch_priority", "by_weight"};
  return kNames;
}
Names names(CapacityRule /*kind*/) {
  static constexpr std::array<std::string_view, 4> kNames{"switch", "tutel", "megablocks",
                                                          "per_expert"};
  return kNames;
}
Names names(Weigh /*kind*/) {
  static constexpr std::array<std::string_view, 5> kNames{"raw", "renorm", "softmax_selected",
                                                          "sigmoid", "one"};
  return kNames;
}
Names names(EpsKind /*kind*/) {
  static constexpr std::array<std::string_view, 3> kNames{"none", "add", "clamp"};
  return kNames;
}
Names names(Update /*kind*/) {
  static constexpr std::array<std::string_view, 8> kNames{
      "none",  "bias_sign", "bias_prop",     "bias_rms",
      "price", "quantile",  "hist_quantile", "column_quantile"};
  return kNames;
}

}  // namespace swy::moe
