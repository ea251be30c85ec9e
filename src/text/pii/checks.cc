#include "text/pii/checks.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace swy::text::pii {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool hex(char c) { return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// Lengths by country, from the SWIFT IBAN registry.
constexpr std::array<std::pair<std::string_view, unsigned char>, 77> kIbanLengths = {
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
     {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22},
     {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27},
     {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
     {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20},
     {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27},
     {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
     {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24},
     {"SC", 31}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25}, {"SV", 28}, {"TL", 23},
     {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}}};

bool ipv4(std::string_view s) {
  std::size_t parts = 0;
  std::size_t i = 0;
  while (i < s.size()) {
    unsigned value = 0;
    std::size_t n = 0;
    while (i < s.size() && digit(s[i]) && n < 4) {
      value = value * 10 + static_cast<unsigned>(s[i] - '0');
      ++i;
      ++n;
    }
    if (n == 0 || n > 3 || value > 255) return false;
    ++parts;
    if (i == s.size()) break;
    if (s[i] != '.' || parts == 4) return false;
    if (++i == s.size()) return false;
  }
  return parts == 4;
}

bool ipv6(std::string_view s) {
  if (s.size() < 3 || s.size() > 39) return false;
  std::size_t groups = 0;
  bool gap = false;
  std::size_t i = 0;
  while (i < s.size()) {
    if (s[i] == ':') {
      if (i + 1 >= s.size() || s[i + 1] != ':' || gap) return false;
      gap = true;
      i += 2;
      continue;
    }
    std::size_t n = 0;
    while (i < s.size() && hex(s[i])) {
      ++i;
      ++n;
    }
    if (n == 0 || n > 4) return false;
    ++groups;
    if (i == s.size()) break;
    if (s[i] != ':') return false;
    if (i + 1 == s.size()) return false;
    if (s[i + 1] != ':') ++i;
  }
  return gap ? groups >= 1 && groups < 8 : groups == 8;
}

}  // namespace

bool luhn(std::string_view digits) {
  unsigned sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i-- > 0;) {
    unsigned d = static_cast<unsigned>(digits[i] - '0');
    if (twice) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
    sum += d;
    twice = !twice;
  }
  return sum % 10 == 0;
}

bool iban(std::string_view s) {
  if (s.size() < 15 || s.size() > 32 || !digit(s[2]) || !digit(s[3])) return false;
  bool known = false;
  for (const auto& [country, length] : kIbanLengths) {
    known = known || (s.substr(0, 2) == country && s.size() == length);
  }
  if (!known) return false;
  unsigned rest = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[(i + 4) % s.size()];
    if (digit(c)) {
      rest = (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
    } else if (upper(c)) {
      rest = (rest * 100 + static_cast<unsigned>(c - 'A' + 10)) % 97;
    } else {
      return false;
    }
  }
  return rest == 1;
}

bool ssn(std::string_view d) {
  const std::string_view area = d.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && d.substr(3, 2) != "00" &&
         d.substr(5, 4) != "0000";
}

bool ip_address(std::string_view s) {
  return s.find(':') == std::string_view::npos ? ipv4(s) : ipv6(s);
}

double entropy(std::string_view s) {
  std::array<unsigned, 256> count{};
  for (const char c : s) ++count[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const unsigned n : count) {
    if (n == 0) continue;
    const double p = static_cast<double>(n) / static_cast<double>(s.size());
    bits -= p * std::log2(p);
  }
  return bits;
}

}  // namespace swy::text::pii
