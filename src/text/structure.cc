// Structure of a prompt.
//
// What: one walk over the code points (letters, words, sentences: detail/characters.cc) and one
// over the lines (fences, code, formulas, tables, lists). Each kind collects evidence e >= 0 and
// its confidence is e / (e + 1): one decisive sign (e = 4) gives 0.8, half a sign 0.33. Code: a
// closed fence, or lines that look like program text by their keywords ("def f(", "#include",
// "SELECT ... FROM"), line ends
// ("{", ");", "):") and operators. Mathematics: LaTeX commands, $...$, relations between numbers
// and variables, and the words of mathematics problems. Tables: Markdown rows, or three lines with
// the same number of commas, tabs or semicolons. Measured: see structure.h. Cost: O(bytes), no
// allocation. When it loses: code in languages without punctuation, one-line snippets inside prose,
// word problems without numbers. Test: structure_test.cc.
#include "text/structure.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "text/detail/characters.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

bool is_alnum(char c) {
  return is_ascii_alpha(static_cast<unsigned char>(c)) || (c >= '0' && c <= '9');
}
bool is_name(char c) { return is_alnum(c) || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view s) {
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

std::size_t count_of(std::string_view s, char c) {
  return static_cast<std::size_t>(std::count(s.begin(), s.end(), c));
}

// The first characters of a list of words.
template <std::size_t N>
constexpr std::array<bool, 256> firsts(const std::array<std::string_view, N>& list) {
  std::array<bool, 256> t{};
  for (const std::string_view w : list) t[static_cast<unsigned char>(w.front())] = true;
  return t;
}

template <std::size_t N>
bool starts_with_any(std::string_view s, const std::array<std::string_view, N>& list) {
  return std::any_of(list.begin(), list.end(),
                     [s](std::string_view p) { return s.starts_with(p); });
}

// Which characters of interest a line has: most lines have few, and each search below is for some
// of them.
enum Has : std::uint32_t {
  kSpan = 1,      // ` $ \ :
  kRelation = 2,  // = + * / ^ < >
  kPipe = 4,
  kTab = 8,
  kComma = 16,
  kSemicolon = 32,
  kOperator = 64,  // what operators() looks at: neither letter, digit nor space
};
constexpr std::array<std::uint8_t, 256> kHas = [] {
  std::array<std::uint8_t, 256> t{};
  for (std::size_t c = 0; c < 256; ++c) {
    const char k = static_cast<char>(c);
    const auto in = [k](std::string_view set) { return set.find(k) != std::string_view::npos; };
    std::uint32_t bits = 0;
    if (in("`$\\:")) bits |= kSpan;
    if (in("=+*/^<>")) bits |= kRelation;
    if (k == '|') bits |= kPipe;
    if (k == '\t') bits |= kTab;
    if (k == ',') bits |= kComma;
    if (k == ';') bits |= kSemicolon;
    if (in("=!-:&|+</(_[")) bits |= kOperator;  // first characters of its pairs, and ( [ _
    t[c] = static_cast<std::uint8_t>(bits);
  }
  return t;
}();

class Analysis {
 public:
  explicit Analysis(std::string_view text) : text_(text) {}

  Structure run() {
    out_.bytes = static_cast<std::uint32_t>(text_.size());
    characters();
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', at), text_.size());
      line(text_.substr(at, end - at));
      at = end + 1;
    }
    end_table();
    if (in_fence_ && out_.fenced_lines > 0) ++out_.code_fences;
    judge();
    return out_;
  }

 private:
  void characters() {
    const Characters c = read_characters(text_, marks_);
    out_.code_points = c.code_points;
    out_.words = c.words;
    out_.sentences = c.sentences;
    out_.questions = c.questions;
    out_.letters = c.letters;
    out_.digits = c.digits;
    out_.upper_case = c.upper_case;
    out_.symbols = c.symbols;
    numbers_ = c.numbers;
    math_words_ = c.math_words;
    asks_quantity_ = c.asks_quantity;
  }

  // The first mark of `s`, a part of the text, at or after `from`; its size if there is none.
  [[nodiscard]] std::size_t mark_in(std::string_view s, std::size_t from) const {
    const auto at = static_cast<std::size_t>(s.data() - text_.data());
    return marks_.next(at + from, at + s.size()) - at;
  }
  // REQUIRES: c is neither letter, digit nor line end.
  [[nodiscard]] std::size_t count_marks(std::string_view s, char c) const {
    std::size_t n = 0;
    for (std::size_t i = mark_in(s, 0); i < s.size(); i = mark_in(s, i + 1)) n += s[i] == c ? 1 : 0;
    return n;
  }

  void line(std::string_view raw) {
    const std::string_view s = trim(raw);
    if (s.empty()) return end_table();
    ++out_.lines;
    if (s.starts_with("```") || s.starts_with("~~~")) return fence(s);
    if (in_fence_) {
      ++out_.fenced_lines;
      return;
    }
    const std::size_t indent = static_cast<std::size_t>(s.data() - raw.data());
    std::uint32_t has = 0;
    for (std::size_t i = mark_in(s, 0); i < s.size(); i = mark_in(s, i + 1))
      has |= kHas[static_cast<unsigned char>(s[i])];
    if ((has & kSpan) != 0) spans(s);
    const float code = code_evidence(s, indent, has);
    if (code >= 0.5F) {
      ++out_.code_lines;
      code_ += code;
    } else {
      if ((has & kRelation) != 0) equations(s);
      list_or_heading(s);
    }
    table_row(s, code >= 1, has);
  }

  void fence(std::string_view s) {
    end_table();
    if (s.size() > 3 && s.find("```", 3) != std::string_view::npos) {  // all on one line
      ++out_.code_fences;
      return;
    }
    if (in_fence_) ++out_.code_fences;
    in_fence_ = !in_fence_;
  }

  // `code`, $formula$, \command, URLs.
  void spans(std::string_view s) {
    for (std::size_t i = mark_in(s, 0); i < s.size(); i = mark_in(s, i + 1)) {
      switch (s[i]) {
        case '`':
          i = inline_code(s, i);
          break;
        case '$':
          i = dollars(s, i);
          break;
        case '\\':
          latex(s, i);
          break;
        case ':':
          if (s.substr(i).starts_with("://") && i > 0 && is_alnum(s[i - 1])) ++out_.urls;
          break;
        default:
          break;
      }
    }
  }

  std::size_t inline_code(std::string_view s, std::size_t i) {
    const std::size_t end = s.find('`', i + 1);
    if (end == std::string_view::npos || end == i + 1) return i;
    ++out_.inline_code;
    return end;
  }

  std::size_t dollars(std::string_view s, std::size_t i) {
    const std::size_t open = i + 1 < s.size() && s[i + 1] == '$' ? 2 : 1;
    const std::size_t end = s.find('$', i + open);
    if (end == std::string_view::npos || end == i + open) return i + open - 1;
    const std::string_view in = s.substr(i + open, end - i - open);
    // "$5 and $10" is money: a formula neither begins nor ends with a space, and has an operator or
    // is one short name.
    const bool tight = open == 2 || (in.front() != ' ' && in.back() != ' ');
    const bool formula =
        in.find_first_of("=+^_\\<>*/(") != std::string_view::npos || in.size() <= 3;
    if (!tight || !formula || (end + 1 < s.size() && is_digit(s[end + 1]))) return i;
    ++out_.dollar_math;
    for (std::size_t k = i; k < end; ++k) {
      if (s[k] == '\\') latex(s, k);
    }
    return end + open - 1;
  }

  void latex(std::string_view s, std::size_t i) {
    const std::string_view rest = s.substr(i + 1);
    if (rest.starts_with('[') || rest.starts_with('(')) {
      ++out_.latex_commands;
      return;
    }
    std::size_t n = 0;
    while (n < rest.size() && is_ascii_alpha(static_cast<unsigned char>(rest[n]))) ++n;
    // \n, \t and \d are escapes of programs; C:\path has a letter before.
    if (n >= 2 && (i == 0 || !is_alnum(s[i - 1]) || n >= 3) && !(i > 0 && s[i - 1] == '\\'))
      ++out_.latex_commands;
  }

  // 0 for prose, 0.5 or more for program text.
  [[nodiscard]] float code_evidence(std::string_view s, std::size_t indent,
                                    std::uint32_t has) const {
    static constexpr std::array<std::string_view, 30> kStarts = {
        "#include",       "#define",       "#!/",       "using namespace ",
        "public static ", "public class ", "private ",  "<?php",
        "<html",          "<div",          "<!DOCTYPE", "package ",
        "func ",          "fn ",           "elif ",     "except",
        "try:",           "else:",         "} else",    "console.log",
        "System.out",     "print(",        "printf(",   "std::",
        "@app.",          "async def ",    "export ",   "pub fn ",
        "CREATE TABLE",   "INSERT INTO"};
    static constexpr std::array<bool, 256> kFirsts = firsts(kStarts);
    const bool ends_open = s.ends_with('{') || s.ends_with("};") || s.ends_with(");") || s == "}" ||
                           s == "});" || s.ends_with("):") || s.ends_with("] = {");
    float e = 0;
    if (kFirsts[static_cast<unsigned char>(s.front())] && starts_with_any(s, kStarts) &&
        s.find_first_of("({<;:.\"#/") != std::string_view::npos)
      e += 1;
    if (std::string_view("dfcslvairSw").find(s.front()) != std::string_view::npos && definition(s))
      e += 2;
    if (ends_open) e += 0.6F;
    if (s.ends_with(';') && s.find_first_of("=(") != std::string_view::npos) e += 0.6F;
    if ((has & kOperator) != 0) e += operators(s);
    if (indent >= 2 && e > 0) e += 0.2F;
    return e;
  }

  // def name(, class Name:, function name(, import a.b, from a import b, const x =, return x,
  // SELECT a FROM b
  static bool definition(std::string_view s) {
    const auto name_then = [](std::string_view rest, std::string_view closers) {
      std::size_t n = 0;
      while (n < rest.size() && is_name(rest[n])) ++n;
      if (n == 0) return false;
      while (n < rest.size() && rest[n] == ' ') ++n;
      return n < rest.size() && closers.find(rest[n]) != std::string_view::npos;
    };
    const auto after = [&](std::string_view key, std::string_view closers) {
      return s.starts_with(key) && name_then(s.substr(key.size()), closers);
    };
    if (after("def ", "(") || after("function ", "(") || after("class ", ":({") ||
        after("struct ", "{"))
      return true;
    if (after("const ", "=:") || after("let ", "=:") || after("var ", "=:") ||
        after("assert ", "(=."))
      return true;
    if (s.starts_with("from ") && s.find(" import ") != std::string_view::npos) return true;
    if (s.starts_with("import ") && count_of(s, ' ') <= 3 &&
        s.find_first_of(",!?") == std::string_view::npos) {
      return true;
    }
    if (s.starts_with("SELECT ") && s.find(" FROM ") != std::string_view::npos) return true;
    if ((s.starts_with("if (") || s.starts_with("for (") || s.starts_with("while (")) &&
        s.ends_with('{'))
      return true;
    return s.starts_with("return ") &&
           (s.ends_with(';') || s.find_first_of("([+=*") != std::string_view::npos);
  }

  static bool is_operator(char a, char b) {
    switch (a) {
      case '=':
        return b == '=' || b == '>';
      case '-':
        return b == '>' || b == '=';
      case '!':
      case '+':
        return b == '=';
      case ':':
      case '&':
      case '|':
        return b == a;
      case '<':
        return b == '/';
      case '/':
        return b == '>';
      default:
        return false;
    }
  }

  [[nodiscard]] float operators(std::string_view s) const {
    float e = 0;
    for (std::size_t i = mark_in(s, 0); i + 1 < s.size(); i = mark_in(s, i + 1)) {
      const char c = s[i];
      if ((kHas[static_cast<unsigned char>(c)] & kOperator) == 0) continue;
      if (is_operator(c, s[i + 1])) e += 0.35F;
      // a call or an index: name( or name[ without a space, with a name of two letters at least
      // (f(x) is mathematics)
      if ((c == '(' || c == '[') && i >= 2 && is_name(s[i - 1]) && is_name(s[i - 2]) &&
          s[i - 1] > '9')
        e += 0.2F;
      if (c == '_' && i > 0 && is_alnum(s[i - 1]) && is_alnum(s[i + 1]) && i >= 2 &&
          is_alnum(s[i - 2]))
        e += 0.15F;
    }
    return std::min(e, 1.2F);
  }

  // Operators and relations with a number or a one-letter variable on both sides.
  void equations(std::string_view s) {
    for (std::size_t i = mark_in(s, 1); i + 1 < s.size(); i = mark_in(s, i + 1)) {
      const char c = s[i];
      if (c != '=' && c != '+' && c != '*' && c != '/' && c != '^' && c != '<' && c != '>')
        continue;
      std::size_t l = i;
      while (l > 0 && s[l - 1] == ' ') --l;
      std::size_t r = i + 1;
      if (r < s.size() && s[r] == '=') ++r;
      while (r < s.size() && s[r] == ' ') ++r;
      if (l == 0 || r >= s.size() || !operand_left(s, l - 1) || !operand_right(s, r)) continue;
      ++out_.equations;
      i = r;
    }
  }
  static bool operand_left(std::string_view s, std::size_t i) {
    if (is_digit(s[i]) || s[i] == ')' || s[i] == '}') return true;
    return is_ascii_alpha(static_cast<unsigned char>(s[i])) &&
           (i == 0 || !is_ascii_alpha(static_cast<unsigned char>(s[i - 1])));
  }
  static bool operand_right(std::string_view s, std::size_t i) {
    if (is_digit(s[i]) || s[i] == '(' || s[i] == '-' || s[i] == '\\' || s[i] == '{') return true;
    return is_ascii_alpha(static_cast<unsigned char>(s[i])) &&
           (i + 1 >= s.size() || !is_ascii_alpha(static_cast<unsigned char>(s[i + 1])));
  }

  void list_or_heading(std::string_view s) {
    if ((s[0] == '-' || s[0] == '*' || s[0] == '+') && s.size() > 1 && s[1] == ' ') {
      ++out_.list_items;
      return;
    }
    if (s.starts_with("\xE2\x80\xA2")) {  // bullet
      ++out_.list_items;
      return;
    }
    std::size_t n = 0;
    while (n < s.size() && n < 4 && is_digit(s[n])) ++n;
    if (n > 0 && n + 1 < s.size() && (s[n] == '.' || s[n] == ')') && s[n + 1] == ' ')
      ++out_.list_items;
    n = std::min(s.find_first_not_of('#'), s.size());
    if (n >= 1 && n <= 6 && n < s.size() && s[n] == ' ') ++out_.headings;
  }

  void table_row(std::string_view s, bool code, std::uint32_t has) {
    const std::size_t pipes = (has & kPipe) != 0 ? count_marks(s, '|') : 0;
    if (pipes >= 2 && (s.front() == '|' || s.find(" | ") != std::string_view::npos) && !code) {
      ++out_.table_rows;
      const bool rule = s.find_first_not_of("|-: ") == std::string_view::npos &&
                        s.find("--") != std::string_view::npos;
      if (rule) ruled_ = true;
      return end_run();
    }
    separated(s, code, has);
  }

  // Lines with the same number of separators, one after the other.
  void separated(std::string_view s, bool code, std::uint32_t has) {
    const std::size_t tabs = (has & kTab) != 0 ? count_marks(s, '\t') : 0;
    const std::size_t commas = std::max((has & kComma) != 0 ? count_marks(s, ',') : 0,
                                        (has & kSemicolon) != 0 ? count_marks(s, ';') : 0);
    const std::size_t n = tabs > 0 ? tabs + 1000 : commas;
    const bool row =
        !code && n >= 2 && !s.ends_with('.') && !s.ends_with('?') && !s.ends_with(',') &&
        (tabs > 0 || (s.size() / (n + 1) <= 24 && s.find(". ") == std::string_view::npos &&
                      s.find(", ") == std::string_view::npos));
    if (row && n == run_width_) {
      ++run_rows_;
      return;
    }
    end_run();
    run_width_ = row ? n : 0;
    run_rows_ = row ? 1 : 0;
  }
  void end_run() {
    if (run_rows_ >= 3) out_.table_rows += run_rows_;
    run_rows_ = 0;
    run_width_ = 0;
  }
  void end_table() { end_run(); }

  static Likely likely(float evidence) { return {evidence / (evidence + 1)}; }

  void judge() {
    const auto f = [](std::uint32_t v) { return static_cast<float>(v); };
    const float plain = std::max(1.0F, f(out_.lines - out_.fenced_lines));
    // A long text may have a stray line that looks like code: evidence per line counts as well as
    // evidence.
    const float lines = code_ * std::min(1.0F, 0.35F + 3.0F * f(out_.code_lines) / plain);
    out_.has_code = likely(6.0F * f(out_.code_fences) + lines * 0.9F + 0.35F * f(out_.inline_code));
    const float words = std::min(f(math_words_) * 0.3F, 1.2F);
    const bool word_problem = numbers_ >= 2 && out_.questions > 0 && out_.sentences >= 2 &&
                              out_.digits * 3 < out_.letters;
    out_.has_math = likely(1.2F * std::min(f(out_.latex_commands), 5.0F) +
                           1.2F * std::min(f(out_.dollar_math), 3.0F) +
                           0.45F * std::min(f(out_.equations), 6.0F) + words +
                           (!word_problem    ? 0.0F
                            : asks_quantity_ ? 1.0F
                                             : 0.4F));
    const float rows = f(out_.table_rows);
    out_.has_table = likely(rows < 2 ? rows * 0.3F : rows * (ruled_ ? 1.5F : 0.6F));
    json();
  }

  void json() {
    std::string_view s = text_;
    while (!s.empty() && is_space(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
    while (!s.empty() && is_space(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
    const bool object = s.size() >= 2 && s.front() == '{' && s.back() == '}';
    const bool array = s.size() >= 2 && s.front() == '[' && s.back() == ']';
    if (!object && !array) return;
    const std::size_t quotes = count_of(s, '"');
    const std::size_t colons = count_of(s, ':');
    float e = 0.3F;
    if (quotes % 2 == 0 && count_of(s, s.front()) == count_of(s, s.back())) e += 0.5F;
    if (object && quotes >= 2 && colons >= 1) e += 3;
    if (s.substr(1, s.size() - 2).find_first_not_of(" \t\r\n") == std::string_view::npos) e += 2;
    if (array && (s[1] == '{' || s[1] == '"' || s[1] == '[' || is_digit(s[1]))) e += 2;
    out_.is_json = likely(e);
  }

  std::string_view text_;
  MarkMap marks_;
  Structure out_;
  bool in_fence_ = false;
  bool ruled_ = false;
  float code_ = 0;
  std::uint32_t numbers_ = 0;
  std::uint32_t math_words_ = 0;
  bool asks_quantity_ = false;
  std::size_t run_width_ = 0;
  std::uint32_t run_rows_ = 0;
};

}  // namespace

Structure analyse(std::string_view text) { return Analysis(clip(text, kMaxStructureBytes)).run(); }

}  // namespace swy::text
