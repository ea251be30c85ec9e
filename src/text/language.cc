// CLD2, kept behind this file.
//
// What: the text without code (fences, inline code, URLs; malformed bytes become spaces) goes to
// CLD2, a naive Bayes classifier over letter quadgrams (single characters for CJK) of 83 languages.
// It returns up to three languages with the percentage of the text each covers, and a flag
// "reliable", set when the winner's score is well above the runner-up's for that length. Neither is
// a probability: percent is a share of the bytes of a mixed text, and reliable is a yes or no.
// Confidence: reliable texts get 0.99 at length, unreliable ones 0.55, each shrunk for short texts
// by letters / (letters + 4), times the share of the first language where the text is mixed. Text
// of 16 words and more that is English beyond doubt does not go to CLD2 at all (plainly_english.h),
// at a twentieth of the price. The constants were chosen by hand and then checked on the texts
// below; language_test.cc checks order and bounds, not the constants. Cost: about 45 ns a byte, at
// most kMaxBytes. CLD2 is stateless, writes no log, and its tables are constants. Measured: English
// user queries (CLINC150, BANKING77, SNIPS) 0.97 to 0.999 right, the rest unknown, one of 4,500
// wrong. Program messages of 30 letters and more in 42 languages, which quote much English: 0.94 of
// those given a language are right; where the confidence was 0.8 to 0.9 (mean 0.87) 0.94, above
// (mean 0.92) 0.96, below 0.4 (mean 0.3) 0.9: it is too low rather than too high. Worst: Croatian
// (0.45 right, taken for Bosnian), Indonesian and Danish (0.66). When it loses: short texts (under
// five words), names, transliterated and closely related languages (Danish and Norwegian, Serbian
// and Croatian), mixed prompts whose instruction is shorter than the material it is about.
#include "text/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "text/plainly_english.h"
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

bool is_code_symbol(char c) {
  constexpr std::string_view kSymbols = "{}()[];=<>_\\|&^%$#@~+*/";
  return kSymbols.find(c) != std::string_view::npos;
}

// How many bytes at `pos` are code or a URL; 0 if none.
std::size_t code_length(std::string_view s, std::size_t pos) {
  const std::string_view rest = s.substr(pos);
  if (rest.starts_with("```")) {
    const std::size_t end = rest.find("```", 3);
    return end == std::string_view::npos ? rest.size() : end + 3;
  }
  if (rest.starts_with('`')) {
    const std::size_t end = rest.find_first_of("`\n", 1);
    return end == std::string_view::npos || rest[end] == '\n' ? 0 : end + 1;
  }
  if (rest.starts_with("http://") || rest.starts_with("https://")) {
    return std::min(rest.find_first_of(" \t\r\n"), rest.size());
  }
  return 0;
}

void clean(std::string_view text, Cleaned& out) {
  const auto put = [&out](char c) { out.bytes[out.size++] = c; };
  for (std::size_t i = 0; i < text.size() && out.size + 4 <= kMaxBytes;) {
    if (text[i] == '`' || text[i] == 'h') {
      if (const std::size_t n = code_length(text, i); n > 0) {
        put(' ');
        i += n;
        continue;
      }
    }
    const Decoded d = decode_next(text, i);
    if (!d.valid || d.cp < ' ') {
      put(' ');  // CLD2 wants interchange-valid text: no control characters
    } else {
      for (std::size_t k = 0; k < d.size; ++k) put(text[i + k]);
      if (is_cjk(d.cp)) {
        out.letters += 4;
      } else if (d.cp < 0x80 ? is_ascii_alpha(d.cp) : is_word(d.cp)) {
        ++out.letters;
      } else if (d.cp < 0x80 && is_code_symbol(text[i])) {
        ++out.code_symbols;
      }
    }
    i += d.size;
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
  if (const auto letters = plainly_english(text.substr(0, kMaxBytes))) {
    const auto n = static_cast<float>(*letters);
    return {"en", kReliable * n / (n + 4.0F) * kOneLanguageShare};
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
