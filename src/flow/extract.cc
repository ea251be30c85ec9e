// Extraction by markers, last one wins (a model that corrects itself means its last word), then one
// normal form. Numbers are compared by value: thousands separators, "$", "%", a trailing full stop
// and zeros after the point go. Cost: a few passes over the text, no regular expression. Loses
// where equality of texts says nothing: code and free prose never match textually (ACAR measured 96
// % of LiveCodeBench escalating for that reason, request-routing.md 4.10 g4), which costs money and
// not quality: what does not agree goes on. Tests: extract_test.cc.
#include "flow/extract.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace swy::flow {
namespace {

constexpr std::size_t kMaxTail = 4096;  // an answer stands at the end of what was written
constexpr std::size_t kMaxAnswer = 400;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool word(char c) { return digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; }

std::string_view trim(std::string_view s, std::string_view also = "") {
  const auto drop = [&](char c) { return blank(c) || also.find(c) != std::string_view::npos; };
  while (!s.empty() && drop(s.front())) s.remove_prefix(1);
  while (!s.empty() && drop(s.back())) s.remove_suffix(1);
  return s;
}

// Position behind the last occurrence of `mark` (lower case) in text, in any case.
std::size_t after_last(std::string_view text, std::string_view mark) {
  for (std::size_t i = text.size() >= mark.size() ? text.size() - mark.size() + 1 : 0; i-- > 0;) {
    std::size_t k = 0;
    while (k < mark.size() && lower(text[i + k]) == mark[k]) ++k;
    if (k == mark.size()) return i + k;
  }
  return std::string_view::npos;
}

// A JSON value that begins in rest: the inside of a string, or what stands before a comma or brace.
std::string_view json_value(std::string_view rest) {
  rest = trim(rest);
  if (!rest.empty() && rest[0] == '"') {
    std::size_t i = 1;
    while (i < rest.size() && rest[i] != '"') i += rest[i] == '\\' ? 2U : 1U;
    return rest.substr(1, std::min(i, rest.size()) - 1);
  }
  int depth = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '[' || c == '{' || c == '(') ++depth;
    if (depth == 0 && (c == ',' || c == '}' || c == '\n')) return rest.substr(0, i);
    if (c == ']' || c == '}' || c == ')') --depth;
  }
  return rest;
}

std::string_view braced(std::string_view rest) {
  int depth = 1;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    depth += rest[i] == '{' ? 1 : rest[i] == '}' ? -1 : 0;
    if (depth == 0) return rest.substr(0, i);
  }
  return rest;
}

// To the end of the line or sentence.
std::string_view clause(std::string_view rest) {
  rest = trim(rest, ":*=");
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool stop = rest[i] == '.' && (i + 1 == rest.size() || blank(rest[i + 1]));
    if (stop || rest[i] == '\n') return rest.substr(0, i);
  }
  return rest;
}

std::optional<std::string_view> marked(std::string_view text) {
  if (const auto at = after_last(text, "\"answer\""); at != std::string_view::npos) {
    const std::size_t colon = text.find(':', at);
    if (colon != std::string_view::npos) return json_value(text.substr(colon + 1));
  }
  if (const auto at = after_last(text, "\\boxed{"); at != std::string_view::npos)
    return braced(text.substr(at));
  std::size_t best = 0;
  constexpr std::array<std::string_view, 5> kMarks = {"####", "answer is",
                                                      "answer:", "answer**:", "answer is:"};
  for (const std::string_view mark : kMarks) {
    const std::size_t at = after_last(text, mark);
    if (at != std::string_view::npos && at > best) best = at;
  }
  if (best == 0) return std::nullopt;
  return clause(text.substr(best));
}

std::string folded(std::string_view s) {
  s = trim(s, ".,;:!?\"'`*$()[]");
  std::string out;
  out.reserve(std::min(s.size(), kMaxAnswer));
  for (const char c : s) {
    if (out.size() == kMaxAnswer) break;
    if (blank(c)) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += lower(c);
    }
  }
  return out;
}

std::string number_text(double v) {
  if (v == std::floor(v) && std::fabs(v) < 1e15) return fmt::format("{}", std::llround(v));
  return fmt::format("{:.10g}", v);
}

// The whole of s as one number.
std::optional<double> as_number(std::string_view s) {
  s = trim(s, "$%*\\()");
  if (!s.empty() && s.back() == '.') s.remove_suffix(1);
  std::string plain;
  for (const char c : s) {
    if (c != ',') plain += c;
  }
  if (plain.empty() || plain.size() > 40) return std::nullopt;
  double v = 0;
  const char* first = plain.data() + (plain[0] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(first, plain.data() + plain.size(), v);
  if (error != std::errc() || end != plain.data() + plain.size() || !std::isfinite(v))
    return std::nullopt;
  return v;
}

std::optional<double> last_number(std::string_view s) {
  for (std::size_t end = s.size(); end-- > 0;) {
    if (!digit(s[end])) continue;
    std::size_t begin = end;
    while (begin > 0 && (digit(s[begin - 1]) || s[begin - 1] == '.' || s[begin - 1] == ','))
      --begin;
    if (begin > 0 && s[begin - 1] == '-') --begin;
    return as_number(trim(s.substr(begin, end + 1 - begin), ",."));
  }
  return std::nullopt;
}

// A single letter A to P that no letter or digit touches; the first in parentheses or, failing
// that, the first upper-case one.
std::string letter_in(std::string_view s) {
  std::string plain;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = lower(s[i]);
    if (c < 'a' || c > 'p') continue;
    if ((i > 0 && word(s[i - 1])) || (i + 1 < s.size() && word(s[i + 1]))) continue;
    if (i > 0 && s[i - 1] == '(' && i + 1 < s.size() && s[i + 1] == ')') return {c};
    if (plain.empty() && s[i] != c) plain = c;
  }
  return plain;
}

std::string letter_of(std::string_view text, std::optional<std::string_view> found) {
  if (found) {
    std::string in = letter_in(*found);
    if (!in.empty()) return in;
    if (folded(*found).size() == 1) return folded(*found);
  }
  const std::string_view whole = trim(text);
  if (whole.size() <= 4) return letter_in(whole);
  const std::size_t line = whole.rfind('\n');
  return letter_in(line == std::string_view::npos ? whole : whole.substr(line + 1));
}

std::string json_text(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size() && out.size() < kMaxTail; ++i) {
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
    if (quoted || !blank(text[i])) out += text[i];
  }
  return out;
}

std::string in_auto(std::string_view text, std::optional<std::string_view> found) {
  const std::string_view raw = found ? *found : text;
  if (const auto number = as_number(raw)) return number_text(*number);
  if (found && raw.size() <= 60) {
    // "(I)", "(I) some words" and "I." are the choice I.
    const std::string_view s = trim(raw, "*$ ");
    const bool bracketed = s.size() >= 3 && s[0] == '(' && s[2] == ')';
    const bool dotted = s.size() >= 2 && !word(s[1]) && s[1] != ' ';
    if (bracketed) return {lower(s[1])};
    if (dotted && s[0] >= 'A' && s[0] <= 'P') return {lower(s[0])};
  }
  return folded(raw);
}

}  // namespace

std::string normal_answer(std::string_view text, AnswerForm form) {
  if (form == AnswerForm::kJson) return json_text(text);
  if (form == AnswerForm::kText) return folded(text);
  if (text.size() > kMaxTail) text = text.substr(text.size() - kMaxTail);
  const auto found = marked(text);
  if (form == AnswerForm::kLetter) return letter_of(text, found);
  if (form == AnswerForm::kAuto) return in_auto(text, found);
  auto number = found ? as_number(*found) : std::nullopt;
  if (!number && found) number = last_number(*found);
  if (!number) number = last_number(text);
  return number ? number_text(*number) : "";
}

}  // namespace swy::flow
