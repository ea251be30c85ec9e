// swy_understand PART FOLDER [...]: what it costs to understand a text, on one core. Called by
// bench/understand.py, which runs the baselines beside it; docs/guide/benchmarks.md says what is
// measured.
//   encoder FOLDER int8|f32 REPEATS   times of texts of three lengths, and the core's peaks
//   memory  FOLDER int8|f32           resident memory of a loaded encoder, by workers
//   cheap   FOLDER PROMPTS            tokeniser, static embedding, signals
//   cascade FOLDER PROMPTS            the domain head: cheap stage, and the encoder where it is
//   unsure
// FOLDER is a sentence encoder's, PROMPTS a file of texts that end with a zero byte.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>

#include "bench/understand/parts.h"

namespace swy::bench {

std::vector<std::uint32_t> ids_of(std::size_t tokens) {
  std::vector<std::uint32_t> ids(tokens);
  for (std::size_t i = 0; i < tokens; ++i) ids[i] = static_cast<std::uint32_t>(999 + i);
  ids.front() = 101;
  ids.back() = 102;
  return ids;
}

std::vector<std::string> texts_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> texts;
  for (std::size_t at = 0, end = 0; (end = all.find('\0', at)) != std::string::npos; at = end + 1) {
    texts.push_back(all.substr(at, end - at));
  }
  return texts;
}

namespace {

int run(std::span<const std::string> args) {
  const auto precision = [&] {
    return args[2] == "f32" ? embed::Precision::kF32 : embed::Precision::kInt8;
  };
  if (args.size() == 4 && args[0] == "encoder") {
    return measure_encoder(args[1], precision(), std::max(1, std::atoi(args[3].c_str())));
  }
  if (args.size() == 3 && args[0] == "memory") return measure_memory(args[1], precision());
  if (args.size() == 3 && args[0] == "cheap") return measure_cheap(args[1], args[2]);
  if (args.size() == 3 && args[0] == "cascade") return measure_cascade(args[1], args[2]);
  fmt::print(stderr,
             "usage: swy_understand encoder FOLDER int8|f32 REPEATS | memory FOLDER int8|f32 |\n"
             "                      cheap FOLDER PROMPTS | cascade FOLDER PROMPTS\n");
  return 2;
}

}  // namespace
}  // namespace swy::bench

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  return swy::bench::run(args);
}
