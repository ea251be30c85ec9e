// Our side of tests/parity/encoders/run.py: texts in, embeddings out.
//   swy_encode FOLDER f32|int8|static [KERNELS]
// Input: for each text its length in bytes, a line feed, the bytes. Output: rows of floats, native
// byte order, as many as there are texts.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "embed/encoder.h"
#include "embed/static_embedding.h"

namespace {

using namespace swy;

int fail(const Error& e) {
  std::fprintf(stderr, "swy_encode: %s\n", e.message.c_str());
  return 1;
}

int write(const embed::Matrix& m) {
  return std::fwrite(m.all().data(), sizeof(float), m.all().size(), stdout) == m.all().size() ? 0
                                                                                              : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string all{std::istreambuf_iterator<char>(std::cin), {}};
  std::vector<std::string_view> texts;
  for (std::size_t at = 0; at < all.size();) {
    char* end = nullptr;
    const std::size_t size = std::strtoul(all.c_str() + at, &end, 10);
    at = static_cast<std::size_t>(end - all.c_str()) + 1;
    texts.push_back(std::string_view(all).substr(at, size));
    at += size;
  }
  const std::string how = argv[2];
  embed::Matrix out;
  if (how == "static") {
    const auto e = embed::StaticEmbedding::load(argv[1]);
    if (!e) return fail(e.error());
    embed::StaticScratch scratch;
    e->embed(texts, scratch, out);
    return write(out);
  }
  embed::EncoderOptions options;
  options.precision = how == "f32" ? embed::Precision::kF32 : embed::Precision::kInt8;
  if (argc > 3) options.kernels = argv[3];
  const auto e = embed::Encoder::load(argv[1], options);
  if (!e) return fail(e.error());
  embed::Workspace ws;
  (*e)->embed(texts, ws, out);
  return write(out);
}
