// CLD2, kept behind this file.
//
// What: the text without code (fences, inline code, URLs; malformed bytes become spaces) goes to
// CLD2, a naive Bayes classifier over letter quadgrams (single characters for CJK) of 83 languages.
// It returns up to three languages with the percentage of the text each covers, and a flag
// "reliable", set when the winner's score is well above the runner-up's for that length. Neither is
// a probability: percent is a share of the bytes of a mixed text, and reliable is a yes or no.
// Confidence: reliable texts get 0.99 at length, unreliable ones 0.55, each shrunk for short texts
// by letters / (letters + 4), times the share of the first language where the text is mixed. Text
// of 16 words and more that is in one of seven languages beyond doubt does not go to CLD2 at all
// (plain_language.h), at a twentieth of the price. The constants were chosen by hand and then
// checked on the texts below; language_test.cc checks order and bounds, not the constants. Cost:
// about 45 ns a byte, at most kMaxBytes. CLD2 is stateless, writes no log, and its tables are
// constants. Measured: English user queries (CLINC150, BANKING77, SNIPS) 0.97 to 0.999 right, the
// rest unknown, one of 4,500 wrong. Program messages of 30 letters and more in 42 languages, which
// quote much English: 0.94 of those given a language are right; where the confidence was 0.8 to 0.9
// (mean 0.87) 0.94, above (mean 0.92) 0.96, below 0.4 (mean 0.3) 0.9: it is too low rather than too
// high. Worst: Croatian (0.45 right, taken for Bosnian), Indonesian and Danish (0.66). When it
// loses: short texts (under five words), names, transliterated and closely related languages
// (Danish and Norwegian, Serbian and Croatian), mixed prompts whose instruction is shorter than the
// material it is about.
#include "text/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "text/detail/code_span.h"
#include "text/detail/masks.h"
#include "text/plain_language.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

constexpr std::size_t kMaxBytes = 4096;
constexpr std::size_t kBeginning = 448;  // about 70 words
constexpr int kOneLanguage = 97;         // percent; CLD2 says 97 to 100 of a text in one language
constexpr float kReliable = 0.99F;
constexpr float kUnreliable = 0.55F;
constexpr float kOneLanguageShare = 0.99F;  // what CLD2 says of a text in one language

struct Cleaned {
  std::array<char, kMaxBytes> bytes;
  std::size_t size = 0;
  int letters = 0;  // letters, CJK ones counted four times
  int code_symbols = 0;
};

// The beginning of a block up to the first character that needs a look of its own: beyond ASCII, a
// control character, the beginning of a code span or a URL. Copies it and returns its size.
std::size_t copy_plain(std::string_view text, std::size_t at, Cleaned& out) {
  const Block b = block_at(text, at);
  const std::uint64_t t = b.equal('t');
  // "htt"; what lies beyond the block may be one.
  const std::uint64_t url =
      b.equal('h') & (t >> 1U | low_bits(kBlock) << 63U) & (t >> 2U | low_bits(kBlock) << 62U);
  const std::uint64_t stop = b.high() | b.between('\0', '\x1F') | b.equal('`') | url;
  const std::size_t n = stop == 0 ? kBlock : lowest(stop);  // the end of the text reads as NUL
  if (n == kBlock) {
    std::memcpy(out.bytes.data() + out.size, text.data() + at, kBlock);
  } else {
    std::memcpy(out.bytes.data() + out.size, text.data() + at, n);
  }
  out.size += n;
  out.letters += static_cast<int>(count_bits(b.letters() & low_bits(n)));
  out.code_symbols += static_cast<int>(count_bits(code_signs_of(b) & low_bits(n)));
  return n;
}

// One character, whatever it is; returns its bytes.
std::size_t copy_character(std::string_view text, std::size_t at, Cleaned& out) {
  const Decoded d = decode_next(text, at);
  if (!d.valid || d.cp < ' ') {
    out.bytes[out.size++] = ' ';  // CLD2 wants interchange-valid text: no control characters
    return d.size;
  }
  for (std::size_t k = 0; k < d.size; ++k) out.bytes[out.size++] = text[at + k];
  if (is_cjk(d.cp)) {
    out.letters += 4;
  } else if (d.cp < 0x80 ? is_ascii_alpha(d.cp) : is_word(d.cp)) {
    ++out.letters;
  } else if (d.cp < 0x80 && is_code_sign(text[at])) {
    ++out.code_symbols;
  }
  return d.size;
}

void clean(std::string_view text, Cleaned& out) {
  for (std::size_t i = 0; i < text.size() && out.size + 4 <= kMaxBytes;) {
    if (static_cast<unsigned char>(text[i]) < 0x80 && out.size + kBlock + 4 <= kMaxBytes) {
      i += copy_plain(text, i, out);
      if (i == text.size()) break;
    }
    const std::size_t code = text[i] == '`' || text[i] == 'h' ? code_length(text, i) : 0;
    if (code > 0) out.bytes[out.size++] = ' ';
    i += code > 0 ? code : copy_character(text, i, out);
  }
}

struct Verdict {
  CLD2::Language language = CLD2::UNKNOWN_LANGUAGE;
  int percent = 0;  // of the text
  bool reliable = false;
};

Verdict ask(std::string_view text) {
  std::array<CLD2::Language, 3> languages{};
  std::array<int, 3> percents{};
  std::array<double, 3> scores{};
  int text_bytes = 0;
  int valid = 0;
  bool reliable = false;
  const CLD2::CLDHints hints{nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::ExtDetectLanguageSummaryCheckUTF8(text.data(), static_cast<int>(text.size()), true, &hints,
                                          0, languages.data(), percents.data(), scores.data(),
                                          nullptr, &text_bytes, &reliable, &valid);
  return {languages[0], percents[0], reliable};
}

}  // namespace

Language detect_language(std::string_view text) {
  if (const auto plain = plain_language(text, kMaxBytes)) {
    const auto n = static_cast<float>(plain->letters);
    return {plain->code, kReliable * n / (n + 4.0F) * kOneLanguageShare};
  }
  Cleaned cleaned;
  clean(text.substr(0, 4 * kMaxBytes), cleaned);
  // Prose has one code symbol in fifty letters or fewer, program text one in six or more.
  if (cleaned.letters < kMinLetters || cleaned.code_symbols * 8 > cleaned.letters) return {};
  // Most texts are in one language, and their beginning tells it; what it leaves open, all of the
  // text decides.
  Verdict v;
  const std::size_t begin = clip({cleaned.bytes.data(), cleaned.size}, kBeginning).size();
  if (cleaned.size > kBeginning + kBeginning / 4) v = ask({cleaned.bytes.data(), begin});
  if (!v.reliable || v.percent < kOneLanguage) v = ask({cleaned.bytes.data(), cleaned.size});
  if (v.language == CLD2::UNKNOWN_LANGUAGE) return {};
  const auto letters = static_cast<float>(cleaned.letters);
  const float share = static_cast<float>(std::clamp(v.percent, 0, 100)) / 100.0F;
  const float certain = v.reliable ? kReliable : kUnreliable;
  return {CLD2::LanguageCode(v.language), certain * letters / (letters + 4.0F) * share};
}

}  // namespace swy::text
