// Patterns of personal data, found in one pass over the text's space-separated chunks.
//
// What: a chunk's bytes say which patterns can begin there (an @, a digit, "://", a long mix of
// letters and digits); only those are tried. Each pattern has a check that a random text of its
// shape seldom passes: Luhn for cards (1 in 10), ISO 7064 for IBAN (1 in 97), issued ranges for
// SSN, prefix and entropy for keys, word before it for passports, licences and passwords.
// Cost: linear; a candidate looks at most kLookBack bytes back and kMaxToken forward. When it
// loses: numbers written in words, spaced-out letters, formats of countries without a + or
// separators (those are left to the tagger as hints). Source: none; ISO/IEC 7812, ISO 13616, RFC
// 4291, vendors' key prefixes. Test: pii_test.cc.
#include "text/pii/patterns.h"

#include <algorithm>
#include <array>
#include <string>

#include "text/pii/checks.h"

namespace swy::text::pii {
namespace {

constexpr std::size_t kLookBack = 48;
constexpr std::size_t kMaxToken = 512;  // longest key, address or URL that is looked at
constexpr std::size_t kMaxDigits = 24;

enum : std::uint8_t { kDigit = 1, kAlpha = 2, kAt = 4, kColon = 8, kDot = 16, kDash = 32 };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> t{};
  for (unsigned c = '0'; c <= '9'; ++c) t[c] = kDigit;
  for (unsigned c = 'a'; c <= 'z'; ++c) t[c] = t[c - 32] = kAlpha;
  t['@'] = kAt;
  t[':'] = kColon;
  t['.'] = kDot;
  t['-'] = t['_'] = kDash;
  return t;
}
constexpr auto kClass = make_classes();

std::uint8_t cls(char c) { return kClass[static_cast<unsigned char>(c)]; }
bool digit(char c) { return (cls(c) & kDigit) != 0; }
bool alnum(char c) { return (cls(c) & (kDigit | kAlpha)) != 0; }
bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool hex(char c) { return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

constexpr std::array<std::string_view, 6> kPlainDomains = {"com", "org", "net",
                                                           "edu", "gov", "info"};

// Beginnings of keys whose makers give them one, with the least length of the whole.
struct KeyPrefix {
  std::string_view text;
  std::size_t least;
};
constexpr std::array<KeyPrefix, 34> kKeyPrefixes = {{
    {"sk-", 20},      {"sk_live_", 20}, {"sk_test_", 20},    {"rk_live_", 20},
    {"pk_live_", 20}, {"whsec_", 20},   {"ghp_", 30},        {"gho_", 30},
    {"ghu_", 30},     {"ghs_", 30},     {"github_pat_", 30}, {"glpat-", 20},
    {"xoxb-", 20},    {"xoxp-", 20},    {"xoxa-", 20},       {"xapp-", 20},
    {"AKIA", 20},     {"ASIA", 20},     {"AIza", 35},        {"ya29.", 20},
    {"hf_", 20},      {"npm_", 30},     {"pypi-", 30},       {"SG.", 30},
    {"dop_v1_", 30},  {"shpat_", 30},   {"gsk_", 30},        {"eyJ", 40},
    {"r8_", 30},      {"lin_api_", 30}, {"dckr_pat_", 20},   {"AGE-SECRET-KEY-", 40},
    {"key-", 30},     {"tok_", 20},
}};

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t max_spans, Found& out)
      : s_(text), max_(max_spans), out_(out) {}

  void run() {
    std::size_t i = 0;
    while (i < s_.size() && out_.sure.size() < max_) {
      while (i < s_.size() && space(s_[i])) ++i;
      const std::size_t b = i;
      std::uint8_t flags = 0;
      while (i < s_.size() && !space(s_[i])) flags |= cls(s_[i++]);
      if (i == b || (flags & (kDigit | kAt | kColon | kDot)) == 0) continue;
      chunk(b, i, flags);
    }
    std::stable_sort(out_.sure.begin(), out_.sure.end(),
                     [](const PiiSpan& a, const PiiSpan& b) { return a.begin < b.begin; });
  }

 private:
  void add(PiiType type, std::size_t b, std::size_t e, float confidence) {
    out_.sure.push_back(
        {type, static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(e), confidence});
  }

  void chunk(std::size_t b, std::size_t e, std::uint8_t flags) {
    if (e - b > 6 && (flags & kAt) != 0) emails(b, e);
    if (e - b > 6 && (flags & kDot) != 0) domains(b, e);
    if ((flags & kDigit) == 0) return;
    if (e - b >= 7 && (flags & (kColon | kDot | kDash)) != 0) machine_addresses(b, e);
    if (e - b >= 6 && (flags & kAlpha) != 0) keys(b, e);
    if (e - b >= 4 && (flags & kAlpha) != 0) ibans(b, e);
    if (e - b >= 5) documents(b, e);
    numbers(b, e);
  }

  void emails(std::size_t b, std::size_t e) {
    for (std::size_t at = s_.find('@', b); at < e; at = s_.find('@', at + 1)) {
      std::size_t l = at;
      while (l > b && at - l < 64 && (alnum(s_[l - 1]) || is_one_of(s_[l - 1], "._%+-"))) --l;
      std::size_t r = at + 1;
      while (r < e && r - at < 255 && (alnum(s_[r]) || s_[r] == '.' || s_[r] == '-')) ++r;
      while (r > at && (s_[r - 1] == '.' || s_[r - 1] == '-')) --r;
      const std::string_view host = s_.substr(at + 1, r - at - 1);
      const std::size_t dot = host.rfind('.');
      if (l == at || dot == std::string_view::npos || dot == 0 || host.size() - dot < 3) continue;
      if (!all_alpha(host.substr(dot + 1))) continue;
      add(PiiType::kEmailAddress, l, r, 0.99F);
    }
  }

  void domains(std::size_t b, std::size_t e) {
    const std::string_view c = s_.substr(b, std::min(e - b, kMaxToken));
    std::size_t at = c.find("://");
    std::size_t l = 0;
    if (at != std::string_view::npos) {
      l = at;
      while (l > 0 && (cls(c[l - 1]) & kAlpha) != 0) --l;
      if (l == at) return;
      at += 3;
    } else {
      at = c.find("www.");
      if (at == std::string_view::npos) return plain_domain(b, e);
      l = at;
    }
    std::size_t r = at;
    while (r < c.size() && !is_one_of(c[r], "<>\"'`|\\^{}")) ++r;
    while (r > at && is_one_of(c[r - 1], ".,;:!?)]*")) --r;
    const std::string_view rest = c.substr(at, r - at);
    if (rest.find('.') == std::string_view::npos || digit(rest.front())) return;
    add(PiiType::kDomainName, b + l, b + r, 0.97F);
  }

  // "example.com": only under names that are no file endings.
  void plain_domain(std::size_t b, std::size_t e) {
    while (e > b && !alnum(s_[e - 1])) --e;
    while (b < e && !alnum(s_[b])) ++b;
    const std::string_view c = s_.substr(b, e - b);
    const std::size_t dot = c.rfind('.');
    if (c.size() > 253 || dot == std::string_view::npos || dot < 2) return;
    for (const char ch : c) {
      if (!alnum(ch) && ch != '.' && ch != '-') return;
    }
    if (std::find(kPlainDomains.begin(), kPlainDomains.end(), c.substr(dot + 1)) ==
        kPlainDomains.end())
      return;
    add(PiiType::kDomainName, b, e, 0.8F);
  }

  void machine_addresses(std::size_t b, std::size_t e) {
    std::size_t i = b;
    while (i < e) {
      if (!hex(s_[i]) && s_[i] != ':') {
        ++i;
        continue;
      }
      const std::size_t l = i;
      bool colon = false;
      bool dash = false;
      while (i < e && i - l < 64 && (hex(s_[i]) || is_one_of(s_[i], ":.-"))) {
        colon = colon || s_[i] == ':';
        dash = dash || s_[i] == '-';
        ++i;
      }
      std::size_t r = i;
      while (r > l && (s_[r - 1] == '.' || s_[r - 1] == '-')) --r;
      if (r > l + 2 && s_[r - 1] == ':' && s_[r - 2] != ':') --r;
      const bool edge = (l == 0 || !alnum(s_[l - 1])) && (r >= s_.size() || !alnum(s_[r]));
      if (!edge) {
        while (i < e && alnum(s_[i])) ++i;
        continue;
      }
      const std::string_view c = s_.substr(l, r - l);
      if ((colon || dash) && mac(c)) {
        add(PiiType::kMacAddress, l, r, 0.97F);
      } else if (c.size() >= 7 && !dash && ip_address(c)) {
        add(PiiType::kIpAddress, l, r, colon ? 0.95F : 0.9F);
      }
      i = std::max(i, l + 1);
    }
  }

  static bool mac(std::string_view c) {
    if (c.size() != 17) return false;
    for (std::size_t i = 0; i < 17; ++i) {
      if (i % 3 == 2 ? c[i] != c[2] || (c[i] != ':' && c[i] != '-') : !hex(c[i])) return false;
    }
    return true;
  }

  void keys(std::size_t b, std::size_t e) {
    std::size_t l = b;
    while (l < e && !alnum(s_[l])) ++l;
    // key=value and "key":"value": the value
    if (const std::size_t eq = s_.substr(b, e - b).find_last_of("=\"'");
        eq != std::string_view::npos) {
      const std::size_t after = eq + b + 1;
      if (after + 8 < e) l = after;
      if (after >= e || !alnum(s_[after])) {
        const std::size_t open = s_.substr(b, e - b).find_first_of("=\"'");
        if (open != std::string_view::npos && open + b + 1 < e) l = open + b + 1;
        while (l < e && !alnum(s_[l])) ++l;
      }
    }
    std::size_t r = l;
    while (r < e && r - l < kMaxToken && (alnum(s_[r]) || is_one_of(s_[r], "-_./+=~"))) ++r;
    while (r > l && is_one_of(s_[r - 1], "./=-")) --r;
    const std::string_view c = s_.substr(l, r - l);
    for (const KeyPrefix& p : kKeyPrefixes) {
      if (c.size() < p.least || c.substr(0, p.text.size()) != p.text) continue;
      if (entropy(c.substr(p.text.size())) < 3) continue;
      return add(PiiType::kApiKey, l, r, 0.97F);
    }
    if (c.size() >= 8 && c.size() <= 128 && named_before(l, kSecretWords) && mixed(c)) {
      add(PiiType::kApiKey, l, r, 0.85F);
    }
  }

  static bool mixed(std::string_view c) {
    unsigned d = 0;
    unsigned a = 0;
    for (const char ch : c) {
      d += digit(ch) ? 1U : 0U;
      a += (cls(ch) & kAlpha) != 0 ? 1U : 0U;
    }
    return d > 0 && a > 1 && entropy(c) > 2.5;
  }

  void ibans(std::size_t b, std::size_t e) {
    while (b < e && !alnum(s_[b])) ++b;
    if (e - b < 4 || (cls(s_[b]) & cls(s_[b + 1]) & kAlpha) == 0 || !digit(s_[b + 2]) ||
        !digit(s_[b + 3]))
      return;
    std::array<char, 36> compact{};
    std::size_t n = 0;
    for (std::size_t i = b; i < s_.size() && n < 34; ++i) {
      if (alnum(s_[i])) {
        compact[n++] = (cls(s_[i]) & kAlpha) != 0 ? static_cast<char>(s_[i] & ~0x20) : s_[i];
        if (n < 15 || (i + 1 < s_.size() && alnum(s_[i + 1]))) continue;
        if (iban({compact.data(), n})) return add(PiiType::kIbanCode, b, i + 1, 0.99F);
      } else if (s_[i] != ' ' || s_[i - 1] == ' ') {
        return;
      }
    }
  }

  // Numbers that mean something only after a word: passports and driver licences.
  void documents(std::size_t b, std::size_t e) {
    while (b < e && !alnum(s_[b])) ++b;
    std::size_t r = b;
    std::size_t digits = 0;
    while (r < e && r - b < 20 && (alnum(s_[r]) || s_[r] == '-'))
      digits += digit(s_[r++]) ? 1U : 0U;
    if (digits < 5 || (r < e && alnum(s_[r]))) return;
    if (r > b && s_[r - 1] == '-') --r;
    if (r - b <= 10 && named_before(b, kPassportWords)) add(PiiType::kPassport, b, r, 0.85F);
    if (named_before(b, kLicenceWords)) add(PiiType::kUsDriverLicense, b, r, 0.9F);
  }

  struct Group {
    std::array<char, kMaxDigits> digits{};
    std::array<std::size_t, kMaxDigits> ends{};  // where each part ends, in the text
    std::array<std::size_t, kMaxDigits> sizes{};
    std::array<char, kMaxDigits> separators{};  // after each part
    std::size_t n = 0, parts = 0, begin = 0;
    bool plus = false, parens = false;
    [[nodiscard]] std::string_view text() const { return {digits.data(), n}; }
    [[nodiscard]] std::size_t end() const { return ends[parts - 1]; }
  };

  // Digits with single separators from `i` on; ends where something else comes.
  bool read_group(std::size_t i, Group& g) const {
    g.begin = i;
    if (s_[i] == '+') {
      g.plus = true;
      ++i;
    }
    std::size_t gap = 0;
    while (i < s_.size() && g.n < kMaxDigits) {
      const char c = s_[i];
      if (digit(c)) {
        if (g.n == 0 || gap > 0) g.sizes[g.parts++] = 0;
        g.digits[g.n++] = c;
        ++g.sizes[g.parts - 1];
        g.ends[g.parts - 1] = i + 1;
        gap = 0;
      } else if (is_one_of(c, " -./()") && gap < 2 && (g.n > 0 || c == '(')) {
        g.parens = g.parens || c == '(';
        if (g.n > 0) g.separators[g.parts - 1] = c;
        ++gap;
      } else {
        break;
      }
      ++i;
    }
    if (g.n == kMaxDigits && i < s_.size() && digit(s_[i])) return false;
    return g.n > 0 && (g.end() >= s_.size() || !alnum(s_[g.end()]) || s_[g.end()] == 'x');
  }

  void numbers(std::size_t b, std::size_t e) {
    std::size_t i = std::max(b, number_end_);
    while (i < e) {
      const bool open = s_[i] == '(' && i + 1 < s_.size() && digit(s_[i + 1]);
      const bool plus = s_[i] == '+' && i + 1 < s_.size() && (digit(s_[i + 1]) || s_[i + 1] == '(');
      if (!digit(s_[i]) && !open && !plus) {
        ++i;
        continue;
      }
      Group g;
      const bool edge = i == 0 || (!alnum(s_[i - 1]) && !is_one_of(s_[i - 1], "$_"));
      if (!edge || !read_group(i, g)) {
        while (i < e && (digit(s_[i]) || s_[i] == '+' || s_[i] == '(')) ++i;
        continue;
      }
      const std::size_t end = judge(g);
      number_end_ = end > i ? end : g.ends[0];
      i = number_end_;
    }
  }

  // Reports what the group is; where to go on, or 0 when it is nothing.
  std::size_t judge(const Group& g) {
    if (const std::size_t end = date(g)) return end;
    if (const std::size_t end = card(g)) return end;
    const std::string_view d = g.text();
    if (g.parts >= 3 && g.sizes[0] == 3 && g.sizes[1] == 2 && g.sizes[2] == 4 &&
        g.separators[0] == g.separators[1] && is_one_of(g.separators[0], "- ") &&
        ssn(d.substr(0, 9))) {
      const bool named = named_before(g.begin, kSsnWords);
      add(PiiType::kUsSsn, g.begin, g.ends[2],
          named                    ? 0.99F
          : g.separators[0] == '-' ? 0.9F
                                   : 0.55F);
      return g.ends[2];
    }
    if (g.parts == 3 && g.sizes[0] == 3 && g.sizes[1] == 2 && g.sizes[2] == 4 &&
        named_before(g.begin, kSsnWords)) {
      add(PiiType::kUsSsn, g.begin, g.ends[2], 0.8F);
      return g.ends[2];
    }
    return phone(g);
  }

  std::size_t date(const Group& g) {
    if (g.parts < 3 || g.plus || g.parens) return 0;
    const std::string_view d = g.text();
    const auto number = [&](std::size_t at, std::size_t n) {
      unsigned v = 0;
      for (std::size_t k = at; k < at + n; ++k) v = v * 10 + static_cast<unsigned>(d[k] - '0');
      return v;
    };
    if (g.separators[0] != g.separators[1] || !is_one_of(g.separators[0], "-/.")) return 0;
    const std::size_t a = g.sizes[0];
    const std::size_t b = g.sizes[1];
    const std::size_t c = g.sizes[2];
    const bool iso = a == 4 && b <= 2 && c <= 2 && number(0, 4) >= 1000 && number(0, 4) < 2200 &&
                     number(4, b) >= 1 && number(4, b) <= 12 && number(4 + b, c) <= 31;
    const bool other = a <= 2 && b <= 2 && (c == 4 || (c == 2 && g.separators[0] == '/')) &&
                       number(0, a) >= 1 && number(a, b) >= 1 && number(0, a) <= 31 &&
                       number(a, b) <= 31 && std::min(number(0, a), number(a, b)) <= 12;
    if ((!iso && !other) || (other && g.parts > 3 && g.separators[2] == '.')) return 0;
    std::size_t end = g.ends[2];
    end = time_after(end);
    add(PiiType::kDateTime, g.begin, end, 0.9F);
    return end;
  }

  // " 19:49:46", "T19:49Z" after a date.
  [[nodiscard]] std::size_t time_after(std::size_t end) const {
    std::size_t i = end;
    if (i + 5 >= s_.size() || (s_[i] != ' ' && s_[i] != 'T') || !digit(s_[i + 1])) return end;
    ++i;
    std::size_t fields = 0;
    while (fields < 3 && i + 1 < s_.size() && digit(s_[i]) && digit(s_[i + 1])) {
      i += 2;
      ++fields;
      if (i < s_.size() && s_[i] == ':' && fields < 3) ++i;
    }
    if (fields < 2) return end;
    return s_[i - 1] == ':' ? i - 1 : i;
  }

  std::size_t card(const Group& g) {
    if (g.plus || g.parens) return 0;
    std::size_t n = 0;
    for (std::size_t p = 0; p < g.parts; ++p) {
      n += g.sizes[p];
      if (n > 19) return 0;
      const bool ends = g.ends[p] >= s_.size() || !alnum(s_[g.ends[p]]);
      const std::string_view d = g.text().substr(0, n);
      if (n >= 12 && ends && is_one_of(d[0], "123456") && luhn(d)) {
        const bool sure = is_one_of(d[0], "3456") || named_before(g.begin, kCardWords);
        add(PiiType::kCreditCard, g.begin, g.ends[p], sure && n >= 13 ? 0.97F : 0.85F);
        return g.ends[p];
      }
      if (p + 1 < g.parts && g.separators[p] != ' ' && g.separators[p] != '-') return 0;
    }
    return 0;
  }

  std::size_t phone(const Group& g) {
    if (g.n < 7 || g.n > 15) return 0;
    std::size_t end = g.end();
    if (end < s_.size() && s_[end] == 'x' && end + 2 < s_.size() && digit(s_[end + 1])) {
      ++end;
      while (end < s_.size() && digit(s_[end])) ++end;
    }
    const bool north_america =
        (g.parts == 3 && g.sizes[0] == 3 && g.sizes[1] == 3 && g.sizes[2] == 4) ||
        (g.parts == 4 && g.sizes[0] <= 3 && g.sizes[1] == 3 && g.sizes[2] == 3 && g.sizes[3] == 4);
    const bool named = named_before(g.begin, kPhoneWords);
    const bool joined = g.parts == 1;
    if (!(g.plus && g.n >= 8) && !(north_america && !joined) && !named) {
      if (out_.phones.size() < max_) {
        out_.phones.push_back({PiiType::kPhoneNumber, static_cast<std::uint32_t>(g.begin),
                               static_cast<std::uint32_t>(end), 0.5F});
      }
      return 0;
    }
    add(PiiType::kPhoneNumber, g.begin, end, 0.93F);
    return end;
  }

  static bool is_one_of(char c, std::string_view set) {
    return set.find(c) != std::string_view::npos;
  }
  static bool all_alpha(std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return (cls(c) & kAlpha) != 0; });
  }

  // One of the words stands within kLookBack bytes before `at`, on the same or the line before.
  template <std::size_t N>
  [[nodiscard]] bool named_before(std::size_t at,
                                  const std::array<std::string_view, N>& words) const {
    const std::size_t from = at > kLookBack ? at - kLookBack : 0;
    std::array<char, kLookBack> low{};
    for (std::size_t i = from; i < at; ++i) {
      const char c = s_[i];
      low[i - from] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
    const std::string_view window(low.data(), at - from);
    return std::any_of(words.begin(), words.end(), [&](std::string_view w) {
      return window.find(w) != std::string_view::npos;
    });
  }

  static constexpr std::array<std::string_view, 8> kSecretWords = {
      "password", "passwd", "secret", "api key", "api_key", "apikey", "access token", "auth token"};
  static constexpr std::array<std::string_view, 1> kPassportWords = {"passport"};
  static constexpr std::array<std::string_view, 3> kLicenceWords = {"license number", "licence",
                                                                    "driver's license"};
  static constexpr std::array<std::string_view, 3> kSsnWords = {"ssn", "social security",
                                                                "social sec"};
  static constexpr std::array<std::string_view, 4> kCardWords = {"card", "visa", "mastercard",
                                                                 " cc "};
  static constexpr std::array<std::string_view, 6> kPhoneWords = {
      "phone", "mobile:", "call me on", "call me at", "fax:", "whatsapp"};

  std::string_view s_;
  std::size_t max_;
  Found& out_;
  std::size_t number_end_ = 0;
};

}  // namespace

void find_patterns(std::string_view text, std::size_t max_spans, Found& out) {
  out.clear();
  Scanner(text, max_spans, out).run();
}

}  // namespace swy::text::pii
