// Tokenizers: any bytes as a tokenizer.json are an error or a tokenizer; any text encodes, with
// offsets in range and in no token reversed, the same twice, and never more than max_tokens. The
// input is the file, a zero byte, the text; without a zero byte the text goes through fixed
// tokenizers of every model.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"

namespace {

using swy::text::EncodeOptions;
using swy::text::Encoding;
using swy::text::Tokenizer;

constexpr std::size_t kMaxText = 2048;  // patterns of the file may take quadratic time

void check(const Tokenizer& tokenizer, std::string_view text) {
  static Encoding all;
  static Encoding few;
  EncodeOptions options;
  options.offsets = true;
  tokenizer.encode(text, options, all);
  SWY_ASSERT(all.ids.size() == all.type_ids.size() && all.ids.size() == all.special.size());
  SWY_ASSERT(all.ids.size() == all.offsets.size() && all.first.end <= all.ids.size());
  for (const auto& span : all.offsets)
    SWY_ASSERT(span.begin <= span.end && span.end <= text.size());
  options.max_tokens = 5;
  options.offsets = false;
  tokenizer.encode(text, options, few);
  SWY_ASSERT(few.ids.size() <= 5 && few.offsets.empty());
  const std::size_t same =
      std::min(few.first.end - few.first.begin, all.first.end - all.first.begin);
  for (std::size_t i = 0; i < same; ++i)
    SWY_ASSERT(few.ids[few.first.begin + i] == all.ids[all.first.begin + i]);
  tokenizer.encode_pair(text, text.substr(text.size() / 2), options, few);
  SWY_ASSERT(few.ids.size() <= 5);
}

constexpr std::string_view kTail =
    R"("added_tokens":[{"content":"<s>","special":true},{"content":"ab c","lstrip":true,"rstrip":true,"normalized":true}])";

const auto& fixed() {
  static const auto tokenizers = [] {
    const std::string tail(kTail);
    const std::array<std::string, 4> files{
        R"({"model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0,"a":1,"##a":2,"##b":3,"ab":4,"'":5}},)"
        R"("normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},)" +
            tail + "}",
        R"({"model":{"type":"BPE","unk_token":"u","byte_fallback":true,"fuse_unk":true,"vocab":{"u":0,"a":1,"b":2,"ab":3,"aba":4,"<0x41>":5},"merges":["a b","ab a"]},)"
        R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Prepend","prepend":"▁"}]},)" +
            tail + "}",
        R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["u",0],["a",-1.5],["b",-2],["ab",-2.5],["▁",-1]]},)"
        R"("pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},"normalizer":{"type":"NFD"},)" +
            tail + "}",
        R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,"Ġa":3},"merges":[["Ġ","a"]]},"pre_tokenizer":{"type":"ByteLevel"},)"
        R"("post_processor":{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1]},)" +
            tail + "}"};
    std::array<std::shared_ptr<const Tokenizer>, 4> out;
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto t = Tokenizer::parse(files[i], "fixed");
      SWY_ASSERT(t.has_value());
      out[i] = std::move(*t);
    }
    return out;
  }();
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  if (zero == std::string_view::npos) {
    for (const auto& t : fixed()) check(*t, input);
    return 0;
  }
  const auto tokenizer = Tokenizer::parse(input.substr(0, zero), "fuzz");
  if (!tokenizer) {
    SWY_ASSERT(!tokenizer.error().message.empty());
    return 0;
  }
  check(**tokenizer, input.substr(zero + 1, kMaxText));
  return 0;
}
