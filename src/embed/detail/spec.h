// What a checkpoint's folder says about its network, checked. Private to src/embed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "embed/encoder.h"
#include "math/kernels.h"

namespace swy::embed::detail {

enum class Family : std::uint8_t { kBert, kRoberta, kDistilbert, kMpnet, kModernbert };

struct Spec {
  Family family = Family::kBert;
  std::string folder;  // where config.json and model.safetensors lie
  std::string architecture;
  std::size_t hidden = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t intermediate = 0;
  std::size_t vocabulary = 0;
  std::size_t positions = 0;        // most tokens a sequence may have
  std::size_t position_offset = 0;  // RoBERTa and MPNet count from pad_token_id + 1
  std::size_t types = 0;            // rows of the token type table
  float eps = 1e-12F;
  math::Activation activation = math::Activation::kGelu;
  // ModernBERT
  std::size_t global_every = 1;  // every n-th layer sees everything
  std::size_t reach = SIZE_MAX;  // how far the others see to each side
  double theta_global = 160'000;
  double theta_local = 10'000;
  math::Activation head_activation = math::Activation::kGelu;
  bool head_pools_mean = false;
  // MPNet
  std::size_t buckets = 32;
  // The sentence encoder around it
  Pooling pooling = Pooling::kMean;
  bool normalize = true;
  std::size_t max_tokens = 0;
  Head head = Head::kNone;
  std::vector<std::string> labels;  // as config.json names them; may be empty
};

Result<Spec> read_spec(const std::string& folder);
Result<std::string> read_text_file(const std::string& path);

}  // namespace swy::embed::detail
