// A walk over JSON text that knows where it is. Cost: one pass. Test: splice_test.cc.
#include "chat/splice.h"

#include <array>

#include "base/json.h"
#include "chat/openai.h"

namespace swy::chat {
namespace {

class Walker {
 public:
  Walker(std::string_view s, TextRewriter& rewriter, std::string& out)
      : s_(s), rewriter_(rewriter), out_(out) {}

  bool run() {
    skip();
    if (!value(0)) return false;
    skip();
    if (at_ != s_.size()) return false;
    out_.append(s_.substr(copied_));
    return true;
  }

 private:
  void skip() {
    while (at_ < s_.size() &&
           (s_[at_] == ' ' || s_[at_] == '\n' || s_[at_] == '\t' || s_[at_] == '\r'))
      ++at_;
  }
  [[nodiscard]] char here() const { return at_ < s_.size() ? s_[at_] : '\0'; }

  // The raw string at at_, without quotes.
  bool raw_string(std::string_view& raw) {
    const std::size_t begin = at_ + 1;
    std::size_t i = begin;
    while (i < s_.size() && s_[i] != '"') i += s_[i] == '\\' ? 2 : 1;
    if (i >= s_.size()) return false;
    raw = s_.substr(begin, i - begin);
    at_ = i + 1;
    return true;
  }

  bool unescape(std::string_view raw, std::string& text) {
    if (raw.find('\\') == std::string_view::npos) {
      text.assign(raw);
      return true;
    }
    quoted_.assign(1, '"');
    quoted_.append(raw);
    quoted_ += '"';
    const auto json = parser_.parse(quoted_);
    const auto s = json ? json->as_string() : std::nullopt;
    if (!s) return false;
    text.assign(*s);
    return true;
  }

  bool value(std::size_t depth) {  // NOLINT(misc-no-recursion): depth is bounded
    if (depth > kMaxDepth) return false;
    switch (here()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      default:
        break;
    }
    const std::size_t begin = at_;
    while (at_ < s_.size() &&
           std::string_view(",]} \n\t\r").find(s_[at_]) == std::string_view::npos)
      ++at_;
    return at_ > begin;
  }

  bool string() {
    const std::size_t begin = at_;
    std::string_view raw;
    std::string text;
    if (!raw_string(raw) || !unescape(raw, text)) return false;
    if (!rewriter_.rewrite(place_, text)) return true;
    out_.append(s_.substr(copied_, begin - copied_));
    base::append_json_string(out_, text);
    copied_ = at_;
    return true;
  }

  bool object(std::size_t depth) {  // NOLINT(misc-no-recursion)
    ++at_;
    skip();
    if (here() == '}') return ++at_, true;
    for (;;) {
      std::string_view raw;
      if (here() != '"' || !raw_string(raw)) return false;
      place_.steps.emplace_back();
      if (!unescape(raw, place_.steps.back().key)) return false;
      skip();
      if (here() != ':') return false;
      ++at_;
      skip();
      if (!value(depth + 1)) return false;
      place_.steps.pop_back();
      skip();
      if (here() == '}') return ++at_, true;
      if (here() != ',') return false;
      ++at_;
      skip();
    }
  }

  bool array(std::size_t depth) {  // NOLINT(misc-no-recursion)
    ++at_;
    skip();
    if (here() == ']') return ++at_, true;
    for (std::size_t i = 0;; ++i) {
      place_.steps.push_back({{}, i});
      if (!value(depth + 1)) return false;
      place_.steps.pop_back();
      skip();
      if (here() == ']') return ++at_, true;
      if (here() != ',') return false;
      ++at_;
      skip();
    }
  }

  std::string_view s_;
  TextRewriter& rewriter_;
  std::string& out_;
  std::size_t at_ = 0, copied_ = 0;
  JsonPlace place_;
  base::JsonDoc parser_;
  std::string quoted_;
};

bool key_is(const JsonPlace& p, std::size_t i, std::string_view key) {
  return i < p.steps.size() && p.steps[i].key == key;
}

}  // namespace

Status splice_strings(std::string_view json, TextRewriter& rewriter, std::string& out) {
  out.clear();
  if (Walker(json, rewriter, out).run()) return {};
  return fail(ErrorCode::kParse, "not a JSON text");
}

bool is_request_text(const JsonPlace& p) {
  const std::size_t n = p.steps.size();
  if (n < 3 || !key_is(p, 0, "messages")) return false;
  if (key_is(p, 2, "content")) {
    if (n == 3) return true;
    const std::string& last = p.steps.back().key;
    return last == "text" || last == "content" || last == "output";
  }
  return (key_is(p, 2, "tool_calls") || key_is(p, 2, "function_call")) &&
         key_is(p, n - 1, "arguments");
}

std::optional<AnswerText> answer_text(const JsonPlace& p, std::string_view part) {
  const std::size_t n = p.steps.size();
  if (n < 4 || !key_is(p, 0, "choices") || !key_is(p, 2, part)) return std::nullopt;
  AnswerText t;
  t.choice = p.steps[1].index;
  if (key_is(p, 3, "content") && (n == 4 || key_is(p, n - 1, "text"))) return t;
  if (key_is(p, 3, "tool_calls") && n == 7 && key_is(p, 6, "arguments")) {
    t.call = p.steps[4].index;
    t.arguments = true;
    return t;
  }
  return std::nullopt;
}

}  // namespace swy::chat
