// swy_distil ENCODER_FOLDER OUT_FOLDER [DIMS] < TEXTS: makes the static embedding that ships
// (models/static-en). TEXTS: one text per line, only counted, for the tokens' frequencies; may be
// empty.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "embed/encoder.h"
#include "embed/static_embedding.h"
#include "text/tokenizer.h"

namespace {

int failed(const swy::Error& e) {
  std::fprintf(stderr, "swy_distil: %s\n", e.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace swy;
  if (argc < 3) return 2;
  embed::EncoderOptions full;
  full.precision = embed::Precision::kF32;
  const auto encoder = embed::Encoder::load(argv[1], full);
  if (!encoder) return failed(encoder.error());
  const auto tokenizer = text::Tokenizer::load(argv[1]);
  if (!tokenizer) return failed(tokenizer.error());
  std::vector<std::uint64_t> counts((*tokenizer)->size());
  text::EncodeOptions options;
  options.add_special = false;
  text::Encoding encoding;
  bool any = false;
  for (std::string line; std::getline(std::cin, line); any = true) {
    (*tokenizer)->encode(line, options, encoding);
    for (const auto id : encoding.ids) ++counts[id];
  }
  embed::DistilOptions how;
  if (argc > 3) how.dims = static_cast<std::size_t>(std::atoi(argv[3]));
  if (any) how.counts = counts;
  const auto made = embed::distil(**encoder, how);
  if (!made) return failed(made.error());
  const Status saved = made->save(argv[2]);
  return saved ? 0 : failed(saved.error());
}
