// The split expressions of byte-level models, by hand.
//
// GPT-2:    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// Llama 3:  the contractions in any case, [^\r\n\p{L}\p{N}]?\p{L}+, \p{N}{1,3},
//           ?[^\s\p{L}\p{N}]+[\r\n]*, \s*[\r\n]+, \s+(?!\S), \s+;   Qwen 2: \p{N} instead of {1,3}
// At every place exactly one alternative wins, so the matches cover the text. White space before a
// word: \s+(?!\S) takes all but the last space. Cost: each character is looked at a bounded number
// of times (a run of white space at most three times). Test: pattern_test.cc (against Oniguruma),
// tests/parity.
//
// Oniguruma's limit counts retries, which do not include forward scans, so an expression such as
// a*+b still takes quadratic time; see pattern.h on who writes these.
#include "text/tokenizer/pattern.h"

#include <oniguruma.h>

#include <array>
#include <mutex>

#include "base/check.h"
#include "text/tokenizer/unicode.h"

namespace swy::text::tok {
namespace {

constexpr std::string_view kGpt2Text =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr unsigned kRetriesPerSearch = 1'000'000;

// One left-to-right pass over a text by character class.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  [[nodiscard]] std::size_t gpt2(std::size_t at) const {
    if (text_[at] == '\'') {
      if (const std::size_t n = contraction(at, false); n > 0) return at + n;
    }
    std::size_t size = 0;
    const unsigned first = classes(at, size);
    if ((first & kSpace) == 0) return run(at, first & (kLetter | kNumber));
    if (text_[at] == ' ' && at + 1 < text_.size()) {
      const unsigned next = classes(at + 1, size);
      if ((next & kSpace) == 0) return run(at + 1, next & (kLetter | kNumber));
    }
    return spaces(at);
  }

  [[nodiscard]] std::size_t llama3(std::size_t at, int digits) const {
    if (text_[at] == '\'') {
      if (const std::size_t n = contraction(at, true); n > 0) return at + n;
    }
    std::size_t size = 0;
    const unsigned first = classes(at, size);
    if ((first & kLetter) != 0) return run(at, kLetter);
    if ((first & kNumber) != 0) return numbers(at, digits);
    const bool newline = text_[at] == '\r' || text_[at] == '\n';
    std::size_t next_size = 0;
    const unsigned next =
        at + size < text_.size() ? classes(at + size, next_size) : unsigned{kSpace};
    if (!newline && (next & kLetter) != 0) return run(at + size, kLetter);
    if ((first & kSpace) == 0) return newlines(run(at, 0));
    if (text_[at] == ' ' && (next & (kSpace | kLetter | kNumber)) == 0)
      return newlines(run(at + 1, 0));
    return spaces_or_lines(at);
  }

 private:
  [[nodiscard]] unsigned classes(std::size_t at, std::size_t& size) const {
    return table_[decode(text_, at, size)] & (kSpace | kLetter | kNumber);
  }

  // The end of the run of characters of this class, or of none of the classes if `wanted` is 0.
  [[nodiscard]] std::size_t run(std::size_t at, unsigned wanted) const {
    std::size_t size = 0;
    while (at < text_.size() && classes(at, size) == wanted) at += size;
    return at;
  }

  [[nodiscard]] std::size_t numbers(std::size_t at, int most) const {
    std::size_t size = 0;
    for (int n = 0; n < most && at < text_.size() && classes(at, size) == kNumber; ++n) at += size;
    return at;
  }

  [[nodiscard]] std::size_t newlines(std::size_t at) const {
    while (at < text_.size() && (text_[at] == '\r' || text_[at] == '\n')) ++at;
    return at;
  }

  // \s+(?!\S)|\s+
  [[nodiscard]] std::size_t spaces(std::size_t at) const {
    std::size_t last = at;
    std::size_t end = at;
    for (std::size_t size = 0; end < text_.size() && classes(end, size) == kSpace; end += size)
      last = end;
    return end == text_.size() || last == at ? end : last;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+
  [[nodiscard]] std::size_t spaces_or_lines(std::size_t at) const {
    std::size_t after_line = 0;
    std::size_t end = at;
    for (std::size_t size = 0; end < text_.size() && classes(end, size) == kSpace; end += size)
      if (text_[end] == '\r' || text_[end] == '\n') after_line = end + 1;
    return after_line > 0 ? after_line : spaces(at);
  }

  // Bytes of 's 't 'm 'd 're 've 'll at `at`, or 0. In any case, s may also be U+017F (long s).
  [[nodiscard]] std::size_t contraction(std::size_t at, bool any_case) const {
    const auto letter = [&](std::size_t i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    const char a = letter(at + 1);
    const char b = letter(at + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' || a == 'v') && b == 'e') return 3;
    if (a == 'l' && b == 'l') return 3;
    return any_case && text_.substr(at + 1, 2) == "\xC5\xBF" ? 3 : 0;
  }

  std::string_view text_;
  const CharTable& table_ = CharTable::get();
};

const OnigUChar* bytes(std::string_view s, std::size_t at) {
  return reinterpret_cast<const OnigUChar*>(s.data()) + at;
}

}  // namespace

struct Pattern::Compiled {
  ~Compiled() {
    if (regex != nullptr) onig_free(regex);
  }
  regex_t* regex = nullptr;
};

Result<Pattern> Pattern::literal(std::string text) {
  Pattern p;
  p.literal_ = std::move(text);
  return p;
}

Pattern Pattern::gpt2() {
  Pattern p;
  p.kind_ = Kind::kGpt2;
  return p;
}

Result<Pattern> Pattern::regex(const std::string& expression) {
  Pattern p;
  if (expression == kGpt2Text) return p.kind_ = Kind::kGpt2, p;
  if (expression == kLlama3Text) return p.kind_ = Kind::kLlama3, p;
  if (expression == kQwen2Text) return p.kind_ = Kind::kQwen2, p;
  if (expression.size() > 4096)
    return fail(ErrorCode::kTooLarge, "a pattern is longer than 4096 bytes");
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    SWY_ASSERT(onig_initialize(encodings, 1) == ONIG_NORMAL);
  });
  auto compiled = std::make_shared<Compiled>();
  OnigErrorInfo info{};
  const int rc =
      onig_new(&compiled->regex, bytes(expression, 0), bytes(expression, expression.size()),
               ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (rc != ONIG_NORMAL) {
    compiled->regex = nullptr;
    std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> message{};
    const int n = onig_error_code_to_str(message.data(), rc, &info);
    return fail(ErrorCode::kParse, "pattern \"" + expression + "\": " +
                                       std::string(reinterpret_cast<const char*>(message.data()),
                                                   static_cast<std::size_t>(n > 0 ? n : 0)));
  }
  p.kind_ = Kind::kOniguruma;
  p.compiled_ = std::move(compiled);
  return p;
}

namespace {

bool search_all(regex_t* regex, std::string_view text, std::vector<ByteSpan>& out) {
  OnigRegion* region = onig_region_new();
  OnigMatchParam* limits = onig_new_match_param();
  onig_initialize_match_param(limits);
  onig_set_retry_limit_in_match_of_match_param(limits, kRetriesPerSearch);
  onig_set_retry_limit_in_search_of_match_param(limits, kRetriesPerSearch);
  bool complete = true;
  std::size_t at = 0;
  std::size_t last_end = std::string_view::npos;
  while (at <= text.size()) {
    const int rc =
        onig_search_with_param(regex, bytes(text, 0), bytes(text, text.size()), bytes(text, at),
                               bytes(text, text.size()), region, ONIG_OPTION_NONE, limits);
    if (rc < 0) {
      complete = rc == ONIG_MISMATCH;
      break;
    }
    const auto begin = static_cast<std::size_t>(region->beg[0]);
    const auto end = static_cast<std::size_t>(region->end[0]);
    // An empty match right behind the last one is no match, and the search goes on behind it.
    if (begin == end && end == last_end) {
      std::size_t size = 1;
      if (at < text.size()) decode(text, at, size);
      at += size;
      continue;
    }
    out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    at = end;
    last_end = end;
  }
  onig_free_match_param(limits);
  onig_region_free(region, 1);
  return complete;
}

}  // namespace

bool Pattern::find(std::string_view text, std::vector<ByteSpan>& out) const {
  if (kind_ == Kind::kOniguruma) return search_all(compiled_->regex, text, out);
  const Splitter splitter(text);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    if (kind_ == Kind::kLiteral) {
      begin = text.find(literal_, at);
      if (begin == std::string_view::npos) break;
      at = begin + literal_.size();
    } else if (kind_ == Kind::kGpt2) {
      at = splitter.gpt2(at);
    } else {
      at = splitter.llama3(at, kind_ == Kind::kLlama3 ? 3 : 1);
    }
    out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at)});
  }
  return true;
}

}  // namespace swy::text::tok
