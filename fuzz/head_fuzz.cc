// Head files from outside: reading is total, and whatever loads can score any text.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "embed/head.h"
#include "embed/head_file.h"

namespace {

void use(const swy::embed::TextHead& head, std::string_view text) {
  swy::embed::Grams grams;
  swy::embed::HeadScore score;
  grams.read(text);
  const std::vector<float> fixed(head.static_dims(), 0.1F);
  const std::vector<float> encoder(head.encoder_dims(), 0.1F);
  if (head.has_cheap_stage()) {
    head.cheap({.grams = &grams, .static_embedding = fixed}, score);
    if (score.best >= head.labels().size()) std::abort();
  }
  if (head.has_encoder_stage()) head.refine(encoder, score);
  if (score.probabilities.size() != head.labels().size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  swy::embed::Grams grams;
  grams.read(bytes);
  const auto read = swy::embed::read_head(bytes);
  if (!read) return 0;
  const auto head =
      swy::embed::TextHead::parse(bytes, "fuzz", {read->static_hash, read->encoder_hash});
  if (head) use(**head, bytes);
  return 0;
}
