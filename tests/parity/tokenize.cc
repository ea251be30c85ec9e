// Our side of tests/parity/run.py: reads texts, writes what the tokenizer makes of them.
//   swy_tokenize TOKENIZER [--no-special] [--max N] [--pair] [--time ROUNDS]
// Input: for each text its length in bytes, a line feed, the bytes (with --pair two of them make
// one). Output, one line for each: ids, type ids, special flags and offsets, each joined by commas,
// with tabs between. With --time nothing but one line: bytes per second of
// processor time over the whole input.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace {

using swy::text::EncodeOptions;
using swy::text::Encoding;
using swy::text::Tokenizer;

std::vector<std::string> read_texts(std::istream& in) {
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all.size();) {
    char* end = nullptr;
    const std::size_t size = std::strtoul(all.c_str() + at, &end, 10);
    at = static_cast<std::size_t>(end - all.c_str()) + 1;
    texts.push_back(all.substr(at, size));
    at += size;
  }
  return texts;
}

template <typename List, typename F>
void join(std::string& line, const List& list, F text) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) line += ',';
    line += text(list[i]);
  }
}

void print(const Encoding& e) {
  std::string line;
  const auto number = [](auto v) { return std::to_string(v); };
  join(line, e.ids, number);
  line += '\t';
  join(line, e.type_ids, number);
  line += '\t';
  join(line, e.special, number);
  line += '\t';
  join(line, e.offsets,
       [](swy::text::ByteSpan s) { return std::to_string(s.begin) + "-" + std::to_string(s.end); });
  std::puts(line.c_str());
}

void time_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
              const EncodeOptions& options, int rounds) {
  Encoding out;
  std::size_t bytes = 0;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::clock_t begin = std::clock();
    bytes = 0;
    for (const std::string& t : texts) {
      tokenizer.encode(t, options, out);
      bytes += t.size();
    }
    const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    best = std::max(best, static_cast<double>(bytes) / took);
  }
  std::printf("%.0f\n", best);
}

}  // namespace

int main(int argc, char** argv) {
  EncodeOptions options;
  options.offsets = true;
  bool pair = false;
  int rounds = 0;
  for (int i = 2; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--no-special") options.add_special = false;
    if (arg == "--pair") pair = true;
    if (arg == "--max" && i + 1 < argc) options.max_tokens = std::strtoul(argv[++i], nullptr, 10);
    if (arg == "--time" && i + 1 < argc) rounds = std::atoi(argv[++i]);
  }
  const auto tokenizer = Tokenizer::load(argc > 1 ? argv[1] : "");
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  const std::vector<std::string> texts = read_texts(std::cin);
  if (rounds > 0) {
    options.offsets = false;
    time_all(**tokenizer, texts, options, rounds);
    return 0;
  }
  Encoding out;
  for (std::size_t i = 0; i < texts.size(); i += pair ? 2 : 1) {
    if (pair) {
      (*tokenizer)->encode_pair(texts[i], texts[i + 1], options, out);
    } else {
      (*tokenizer)->encode(texts[i], options, out);
    }
    print(out);
  }
  return 0;
}
