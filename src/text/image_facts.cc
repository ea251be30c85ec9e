// Formats: PNG (W3C): IHDR is the first chunk; GIF89a: the logical screen; JPEG (ITU T.81): the
// first start-of-frame segment, found by walking the segments of the first 48 KiB; WebP (RFC 9649):
// VP8, VP8L or VP8X. Cost: 64 characters of base64, of a JPEG at most 64 KiB. Test:
// image_facts_test.cc.
#include "text/image_facts.h"

#include <string>

namespace swy::text {
namespace {

// Characters of base64 that are decoded; multiples of 4.
constexpr std::size_t kMostHead = 64 * 1024, kShortHead = 64;

int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// The bytes up to the first character that is none of base64.
std::string lenient_base64(std::string_view s) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : s) {
    const int d = digit(c);
    if (d < 0) break;
    bits = (bits << 6U | static_cast<std::uint32_t>(d)) & 0xFFFFFFU;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> static_cast<unsigned>(have) & 0xFFU);
  }
  return out;
}

// Big-endian or little-endian number of n bytes. REQUIRES: they are there.
std::uint32_t number(std::string_view s, std::size_t at, std::size_t n, bool big) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < n; ++i)
    v = v << 8U | static_cast<unsigned char>(s[big ? at + i : at + n - 1 - i]);
  return v;
}

ImageFacts png(std::string_view s) {
  if (s.size() < 24 || s.substr(12, 4) != "IHDR") return {};
  return {number(s, 16, 4, true), number(s, 20, 4, true), 0};
}

ImageFacts gif(std::string_view s) {
  if (s.size() < 10) return {};
  return {number(s, 6, 2, false), number(s, 8, 2, false), 0};
}

ImageFacts webp(std::string_view s) {
  const std::string_view kind = s.size() < 30 ? std::string_view() : s.substr(12, 4);
  if (kind == "VP8 ")
    return {number(s, 26, 2, false) & 0x3FFFU, number(s, 28, 2, false) & 0x3FFFU, 0};
  if (kind == "VP8X") return {1 + number(s, 24, 3, false), 1 + number(s, 27, 3, false), 0};
  if (kind != "VP8L") return {};
  const std::uint32_t v = number(s, 21, 4, false);
  return {1 + (v & 0x3FFFU), 1 + (v >> 14U & 0x3FFFU), 0};
}

ImageFacts jpeg(std::string_view s) {
  std::size_t at = 2;
  while (at + 9 <= s.size()) {
    if (s[at] != '\xFF') return {};
    const auto marker = static_cast<unsigned char>(s[at + 1]);
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    // C4, C8 and CC are tables among the frames.
    const bool frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) return {number(s, at + 7, 2, true), number(s, at + 5, 2, true), 0};
    const std::uint32_t length = number(s, at + 2, 2, true);
    if (length < 2 || marker == 0xDA) return {};
    at += 2 + length;
  }
  return {};
}

}  // namespace

ImageFacts image_head_facts(std::string_view s) {
  if (s.starts_with("\x89PNG\r\n\x1a\n")) return png(s);
  if (s.starts_with("GIF87a") || s.starts_with("GIF89a")) return gif(s);
  if (s.starts_with("\xFF\xD8")) return jpeg(s);
  if (s.starts_with("RIFF") && s.size() >= 12 && s.substr(8, 4) == "WEBP") return webp(s);
  return {};
}

ImageFacts image_facts(std::string_view url) {
  constexpr std::string_view kMark = ";base64,";
  if (!url.starts_with("data:")) return {};
  const std::size_t mark = url.substr(0, 256).find(kMark);
  if (mark == std::string_view::npos) return {};
  std::string_view data = url.substr(mark + kMark.size());
  // Of a JPEG the size may stand behind what a camera writes first.
  const bool jpeg = data.starts_with("/9j/");  // FF D8 FF
  ImageFacts out = image_head_facts(lenient_base64(data.substr(0, jpeg ? kMostHead : kShortHead)));
  while (!data.empty() && data.back() == '=') data.remove_suffix(1);
  out.bytes = data.size() * 3 / 4;
  return out;
}

}  // namespace swy::text
