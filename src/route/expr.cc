// Parser and the few untemplated parts of rule conditions. See expr.h for the language;
// docs/reference/expressions.md for the user's page. Recursive descent, depth and size bounded, one
// pass; tested by expr_test.cc and fuzz/expr_fuzz.cc.
#include "route/expr.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/doc.h"

namespace swy::route {
namespace {

constexpr std::size_t kMaxText = 8192;
constexpr int kMaxDepth = 64;

struct FieldInfo {
  std::string_view name;
  RequestField field;
  ValueType type;
};
constexpr std::array kFields{
    FieldInfo{"model", RequestField::kModel, ValueType::kString},
    FieldInfo{"stream", RequestField::kStream, ValueType::kBool},
    FieldInfo{"tokens", RequestField::kTokens, ValueType::kNumber},
    FieldInfo{"max_tokens", RequestField::kMaxTokens, ValueType::kNumber},
    FieldInfo{"n", RequestField::kN, ValueType::kNumber},
    FieldInfo{"temperature", RequestField::kTemperature, ValueType::kNumber},
    FieldInfo{"turns", RequestField::kTurns, ValueType::kNumber},
    FieldInfo{"tools", RequestField::kTools, ValueType::kList},
    FieldInfo{"user", RequestField::kUser, ValueType::kString},
    FieldInfo{"tool_choice", RequestField::kToolChoice, ValueType::kString},
    FieldInfo{"response_format", RequestField::kResponseFormat, ValueType::kString},
    FieldInfo{"reasoning_effort", RequestField::kReasoningEffort, ValueType::kString},
    FieldInfo{"images", RequestField::kImages, ValueType::kNumber},
    FieldInfo{"audios", RequestField::kAudios, ValueType::kNumber},
    FieldInfo{"files", RequestField::kFiles, ValueType::kNumber},
    FieldInfo{"key", RequestField::kKey, ValueType::kString},
    FieldInfo{"role", RequestField::kRole, ValueType::kString},
    FieldInfo{"session", RequestField::kSession, ValueType::kString},
};

ValueType type_of(RequestField field) {
  for (const auto& f : kFields) {
    if (f.field == field) return f.type;
  }
  return ValueType::kUnknown;
}

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Value number(double v) { return v == v ? Value{ValueType::kNumber, v, {}, {}} : Value{}; }
Value text(std::string_view s) { return s.empty() ? Value{} : Value{ValueType::kString, 0, s, {}}; }

template <typename T>
bool ordered(Expr::Cmp cmp, const T& a, const T& b) {
  switch (cmp) {
    case Expr::Cmp::kEq:
      return a == b;
    case Expr::Cmp::kNe:
      return a != b;
    case Expr::Cmp::kLt:
      return a < b;
    case Expr::Cmp::kLe:
      return a <= b;
    case Expr::Cmp::kGt:
      return a > b;
    case Expr::Cmp::kGe:
      return a >= b;
  }
  return false;
}

Expr::Cmp flip(Expr::Cmp cmp) {
  switch (cmp) {
    case Expr::Cmp::kLt:
      return Expr::Cmp::kGt;
    case Expr::Cmp::kLe:
      return Expr::Cmp::kGe;
    case Expr::Cmp::kGt:
      return Expr::Cmp::kLt;
    case Expr::Cmp::kGe:
      return Expr::Cmp::kLe;
    case Expr::Cmp::kEq:
    case Expr::Cmp::kNe:
      return cmp;
  }
  return cmp;
}

}  // namespace

std::string_view to_string(ValueType type) {
  constexpr std::array<std::string_view, 5> kNames{"unknown", "true or false", "a number", "text",
                                                   "a list"};
  return kNames[static_cast<std::size_t>(type)];
}

std::vector<std::pair<std::string, ValueType>> request_fields() {
  std::vector<std::pair<std::string, ValueType>> out;
  for (const auto& f : kFields) out.emplace_back(f.name, f.type);
  return out;
}

Value load_field(RequestField field, Reading& reading) {
  const chat::Request& r = reading.request();
  const Work& w = reading.work();
  switch (field) {
    case RequestField::kModel:
      return text(r.model);
    case RequestField::kStream:
      return {ValueType::kBool, r.stream ? 1.0 : 0.0, {}, {}};
    case RequestField::kTokens:
      return number(static_cast<double>(reading.tokens_in()));
    case RequestField::kMaxTokens:
      return r.max_tokens ? number(static_cast<double>(*r.max_tokens)) : Value{};
    case RequestField::kN:
      return number(static_cast<double>(r.n));
    case RequestField::kTemperature:
      return number(r.temperature);
    case RequestField::kTurns:
      return number(static_cast<double>(r.messages.size()));
    case RequestField::kTools:
      return {ValueType::kList, 0, {}, r.tools};
    case RequestField::kUser:
      return text(r.user);
    case RequestField::kToolChoice:
      return text(chat::to_string(r.tool_choice));
    case RequestField::kResponseFormat:
      return text(chat::to_string(r.response_format));
    case RequestField::kReasoningEffort:
      return text(r.reasoning_effort);
    case RequestField::kImages:
      return number(r.images);
    case RequestField::kAudios:
      return number(r.audios);
    case RequestField::kFiles:
      return number(r.files);
    case RequestField::kKey:
      return text(w.key_name);
    case RequestField::kRole:
      return text(w.role);
    case RequestField::kSession:
      return text(w.session);
  }
  return {};
}

Answer Expr::compare(const Value& value, Cmp cmp, const Literal& literal) {
  if (value.type != literal.type) return Answer::kUnknown;
  switch (value.type) {
    case ValueType::kBool:
    case ValueType::kNumber:
      return from_bool(ordered(cmp, value.number, literal.number));
    case ValueType::kString:
      return from_bool(ordered(cmp, value.string, std::string_view(literal.string)));
    case ValueType::kUnknown:
    case ValueType::kList:
      return Answer::kUnknown;
  }
  return Answer::kUnknown;
}

// One parse. Grammar, lowest binding first: or, and, relation, unary, primary.
class ExprParser {
 public:
  ExprParser(std::string_view text,
             const std::function<std::optional<FactId>(std::string_view)>& signal,
             const std::vector<std::string>& names)
      : text_(text), signal_(signal), names_(names) {}

  tl::expected<Expr, ExprError> run() {
    if (text_.size() > kMaxText)
      return tl::unexpected(ExprError{0, fmt::format("longer than {} bytes", kMaxText)});
    const auto root = parse_or(0);
    skip_space();
    if (root && !error_ && pos_ < text_.size()) fail("expected an operator or the end here");
    if (error_) return tl::unexpected(*error_);
    return std::move(out_);
  }

 private:
  using Index = std::optional<std::uint32_t>;
  // What a term is before it is known how it is used.
  struct Term {
    enum class Kind { kNode, kOperand, kConfidence, kLiteral, kLiteralList } kind = Kind::kNode;
    std::uint32_t index = 0;
    std::uint32_t count = 0;
    std::size_t at = 0;
  };

  std::nullopt_t fail(std::string message) { return fail_at(pos_, std::move(message)); }
  std::nullopt_t fail_at(std::size_t at, std::string message) {
    if (!error_) error_ = ExprError{at, std::move(message)};
    return std::nullopt;
  }
  void skip_space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' ||
                                   text_[pos_] == '\n' || text_[pos_] == '\r'))
      ++pos_;
  }
  bool take(std::string_view token) {
    skip_space();
    if (text_.substr(pos_, token.size()) != token) return false;
    if (is_alpha(token[0]) && pos_ + token.size() < text_.size() &&
        (is_alpha(text_[pos_ + token.size()]) || is_digit(text_[pos_ + token.size()]))) {
      return false;  // a word must end where it ends
    }
    pos_ += token.size();
    return true;
  }
  std::uint32_t add(Expr::Node node) {
    out_.nodes_.push_back(node);
    return static_cast<std::uint32_t>(out_.nodes_.size() - 1);
  }
  std::uint32_t add_literal(Literal l) {
    out_.literals_.push_back(std::move(l));
    return static_cast<std::uint32_t>(out_.literals_.size() - 1);
  }
  std::uint32_t add_operand(Operand o) {
    const auto it = std::find(out_.operands_.begin(), out_.operands_.end(), o);
    if (it != out_.operands_.end()) return static_cast<std::uint32_t>(it - out_.operands_.begin());
    out_.operands_.push_back(std::move(o));
    return static_cast<std::uint32_t>(out_.operands_.size() - 1);
  }

  Index parse_many(int depth, Expr::Op op, std::string_view token) {
    std::vector<std::uint32_t> parts;
    do {
      const Index part =
          op == Expr::Op::kOr ? parse_many(depth, Expr::Op::kAnd, "&&") : parse_relation(depth);
      if (!part) return std::nullopt;
      parts.push_back(*part);
    } while (take(token));
    if (parts.size() == 1) return parts[0];
    Expr::Node n{.op = op};
    n.first = static_cast<std::uint32_t>(out_.children_.size());
    n.count = static_cast<std::uint32_t>(parts.size());
    out_.children_.insert(out_.children_.end(), parts.begin(), parts.end());
    return add(n);
  }
  Index parse_or(int depth) {
    if (depth > kMaxDepth) return fail("nested too deeply");
    return parse_many(depth, Expr::Op::kOr, "||");
  }

  std::optional<Expr::Cmp> take_comparison() {
    if (take("==")) return Expr::Cmp::kEq;
    if (take("!=")) return Expr::Cmp::kNe;
    if (take("<=")) return Expr::Cmp::kLe;
    if (take(">=")) return Expr::Cmp::kGe;
    if (take("<")) return Expr::Cmp::kLt;
    if (take(">")) return Expr::Cmp::kGt;
    return std::nullopt;
  }

  Index parse_relation(int depth) {
    const auto left = parse_unary(depth);
    if (!left) return std::nullopt;
    if (const auto cmp = take_comparison()) {
      const auto right = parse_unary(depth);
      if (!right) return std::nullopt;
      return relate(*left, *cmp, *right);
    }
    if (take("in")) {
      const auto right = parse_unary(depth);
      if (!right) return std::nullopt;
      return member(*left, *right);
    }
    return as_condition(*left);
  }

  Index relate(const Term& left, Expr::Cmp cmp, const Term& right) {
    const bool left_literal = left.kind == Term::Kind::kLiteral;
    const Term& what = left_literal ? right : left;
    const Term& lit = left_literal ? left : right;
    if (lit.kind != Term::Kind::kLiteral)
      return fail_at(lit.at, "one side of a comparison must be a literal");
    if (what.kind != Term::Kind::kOperand && what.kind != Term::Kind::kConfidence) {
      return fail_at(what.at, "only a signal, a request field or confidence(x) can be compared");
    }
    if (left_literal) cmp = flip(cmp);
    const ValueType type = out_.literals_[lit.index].type;
    if (type == ValueType::kBool && cmp != Expr::Cmp::kEq && cmp != Expr::Cmp::kNe) {
      return fail_at(lit.at, "true and false can only be compared with == and !=");
    }
    if (what.kind == Term::Kind::kConfidence) {
      if (type != ValueType::kNumber) return fail_at(lit.at, "confidence(x) is a number");
      return add(
          {.op = Expr::Op::kConfidence, .cmp = cmp, .operand = what.index, .literal = lit.index});
    }
    if (!check_type(what, type)) return std::nullopt;
    return add({.op = Expr::Op::kCompare, .cmp = cmp, .operand = what.index, .literal = lit.index});
  }

  bool check_type(const Term& what, ValueType type) {
    const Operand& o = out_.operands_[what.index];
    if (o.kind != Operand::Kind::kField || type_of(o.field) == type) return true;
    fail_at(what.at,
            fmt::format("{} is {}, not {}", o.text, to_string(type_of(o.field)), to_string(type)));
    return false;
  }

  Index member(const Term& left, const Term& right) {
    if (left.kind == Term::Kind::kOperand && right.kind == Term::Kind::kLiteralList) {
      for (std::uint32_t i = 0; i < right.count; ++i) {
        if (!check_type(left, out_.literals_[right.index + i].type)) return std::nullopt;
      }
      return add({.op = Expr::Op::kIn,
                  .count = right.count,
                  .operand = left.index,
                  .literal = right.index});
    }
    if (left.kind == Term::Kind::kLiteral && right.kind == Term::Kind::kOperand) {
      const Operand& o = out_.operands_[right.index];
      if (o.kind != Operand::Kind::kField || type_of(o.field) != ValueType::kList) {
        return fail_at(right.at, fmt::format("{} is not a list", o.text));
      }
      if (out_.literals_[left.index].type != ValueType::kString)
        return fail_at(left.at, "the list holds texts");
      return add({.op = Expr::Op::kContains, .operand = right.index, .literal = left.index});
    }
    return fail_at(right.at, "`in` takes `x in [a, b]` or `\"a\" in request.tools`");
  }

  Index as_condition(const Term& t) {
    switch (t.kind) {
      case Term::Kind::kNode:
        return t.index;
      case Term::Kind::kOperand: {
        const Operand& o = out_.operands_[t.index];
        if (o.kind == Operand::Kind::kField && type_of(o.field) != ValueType::kBool) {
          return fail_at(t.at, fmt::format("{} is {}: compare it with something", o.text,
                                           to_string(type_of(o.field))));
        }
        return add({.op = Expr::Op::kTruth, .operand = t.index});
      }
      case Term::Kind::kConfidence:
        return fail_at(t.at, "confidence(x) is a number: compare it with something");
      case Term::Kind::kLiteral:
        if (out_.literals_[t.index].type == ValueType::kBool) {
          return add({.op = Expr::Op::kConst, .constant = out_.literals_[t.index].number != 0});
        }
        return fail_at(t.at, "a literal is not a condition");
      case Term::Kind::kLiteralList:
        return fail_at(t.at, "a list is not a condition");
    }
    return std::nullopt;
  }

  std::optional<Term> parse_unary(int depth) {
    skip_space();
    const std::size_t at = pos_;
    if (pos_ < text_.size() && text_[pos_] == '!' && text_.substr(pos_, 2) != "!=") {
      ++pos_;
      if (depth > kMaxDepth) return fail("nested too deeply");
      const auto inner = parse_unary(depth + 1);
      if (!inner) return std::nullopt;
      const Index c = as_condition(*inner);
      if (!c) return std::nullopt;
      Expr::Node n{.op = Expr::Op::kNot};
      n.first = static_cast<std::uint32_t>(out_.children_.size());
      n.count = 1;
      out_.children_.push_back(*c);
      return Term{Term::Kind::kNode, add(n), 0, at};
    }
    return parse_primary(depth);
  }

  std::optional<Term> parse_primary(int depth) {
    skip_space();
    const std::size_t at = pos_;
    if (pos_ >= text_.size()) return fail("expected a condition, found the end");
    const char c = text_[pos_];
    if (c == '(') {
      ++pos_;
      const Index inner = parse_or(depth + 1);
      if (!inner) return std::nullopt;
      if (!take(")")) return fail("expected )");
      return Term{Term::Kind::kNode, *inner, 0, at};
    }
    if (c == '[') return parse_list();
    if (c == '"' || c == '\'' || c == '-' || is_digit(c)) {
      auto lit = parse_literal();
      if (!lit) return std::nullopt;
      return Term{Term::Kind::kLiteral, add_literal(std::move(*lit)), 0, at};
    }
    if (take("true"))
      return Term{Term::Kind::kLiteral, add_literal({ValueType::kBool, 1, ""}), 0, at};
    if (take("false"))
      return Term{Term::Kind::kLiteral, add_literal({ValueType::kBool, 0, ""}), 0, at};
    if (is_alpha(c)) return parse_name(at);
    return fail(fmt::format("unexpected '{}'", c));
  }

  std::optional<Term> parse_list() {
    const std::size_t at = pos_++;
    std::vector<Literal> all;
    if (!take("]")) {
      do {
        skip_space();
        auto lit = parse_literal();
        if (!lit) return std::nullopt;
        all.push_back(std::move(*lit));
      } while (take(","));
      if (!take("]")) return fail("expected , or ]");
    }
    Term t{Term::Kind::kLiteralList, static_cast<std::uint32_t>(out_.literals_.size()),
           static_cast<std::uint32_t>(all.size()), at};
    for (auto& l : all) add_literal(std::move(l));
    return t;
  }

  std::optional<Literal> parse_literal() {
    if (take("true")) return Literal{ValueType::kBool, 1, ""};
    if (take("false")) return Literal{ValueType::kBool, 0, ""};
    if (pos_ >= text_.size()) return fail("expected a literal, found the end");
    const char c = text_[pos_];
    if (c == '"' || c == '\'') return parse_string(c);
    double v = 0;
    const auto r = std::from_chars(text_.data() + pos_, text_.data() + text_.size(), v);
    if (r.ec != std::errc{}) return fail("expected a literal");
    pos_ = static_cast<std::size_t>(r.ptr - text_.data());
    return Literal{ValueType::kNumber, v, ""};
  }

  std::optional<Literal> parse_string(char quote) {
    const std::size_t at = pos_++;
    std::string s;
    while (pos_ < text_.size() && text_[pos_] != quote) {
      if (text_[pos_] == '\\' && pos_ + 1 < text_.size()) {
        ++pos_;
        const char e = text_[pos_];
        s += e == 'n' ? '\n' : e == 't' ? '\t' : e == 'r' ? '\r' : e;
      } else {
        s += text_[pos_];
      }
      ++pos_;
    }
    if (pos_ >= text_.size()) return fail_at(at, "text without its closing quote");
    ++pos_;
    return Literal{ValueType::kString, 0, std::move(s)};
  }

  std::string_view take_word() {
    const std::size_t start = pos_;
    while (pos_ < text_.size() && (is_alpha(text_[pos_]) || is_digit(text_[pos_]))) ++pos_;
    return text_.substr(start, pos_ - start);
  }

  std::optional<Term> parse_name(std::size_t at) {
    const std::string_view word = take_word();
    skip_space();
    const bool call = pos_ < text_.size() && text_[pos_] == '(';
    if (call && (word == "has" || word == "confidence")) return parse_call(at, word);
    if (call)
      return fail_at(at, fmt::format("unknown function {}: has(x) and confidence(x) exist", word));
    const auto o = parse_operand(at, word);
    if (!o) return std::nullopt;
    return Term{Term::Kind::kOperand, *o, 0, at};
  }

  std::optional<Term> parse_call(std::size_t at, std::string_view function) {
    ++pos_;
    skip_space();
    const std::size_t arg_at = pos_;
    const auto o = parse_operand(arg_at, take_word());
    if (!o) return std::nullopt;
    if (!take(")")) return fail("expected )");
    if (function == "has")
      return Term{Term::Kind::kNode, add({.op = Expr::Op::kHas, .operand = *o}), 0, at};
    if (out_.operands_[*o].kind != Operand::Kind::kFact)
      return fail_at(arg_at, "confidence(x) takes a signal");
    return Term{Term::Kind::kConfidence, *o, 0, at};
  }

  Index parse_operand(std::size_t at, std::string_view word) {
    if (word.empty()) return fail_at(at, "expected a name");
    if (word == "request") return parse_request(at);
    const auto id = signal_(word);
    if (!id)
      return fail_at(at,
                     fmt::format("unknown signal '{}'{}", word, base::did_you_mean(word, names_)));
    return add_operand(
        {.kind = Operand::Kind::kFact, .fact = *id, .key = "", .text = std::string(word)});
  }

  // .name or ["name"]
  std::optional<std::string> parse_member(bool dashes) {
    if (take(".")) {
      const std::size_t start = pos_;
      while (pos_ < text_.size() &&
             (is_alpha(text_[pos_]) || is_digit(text_[pos_]) || (dashes && text_[pos_] == '-')))
        ++pos_;
      if (pos_ == start) return fail("expected a name after the dot");
      return std::string(text_.substr(start, pos_ - start));
    }
    if (take("[")) {
      skip_space();
      if (pos_ >= text_.size() || (text_[pos_] != '"' && text_[pos_] != '\''))
        return fail("expected \"name\"");
      auto s = parse_string(text_[pos_]);
      if (!s) return std::nullopt;
      if (!take("]")) return fail("expected ]");
      return s->string;
    }
    return fail("expected .name or [\"name\"]");
  }

  Index parse_request(std::size_t at) {
    const std::size_t field_at = pos_ + 1;
    const auto field = parse_member(false);
    if (!field) return std::nullopt;
    const auto written = [&] { return std::string(text_.substr(at, pos_ - at)); };
    if (*field == "metadata" || *field == "headers") {
      const bool header = *field == "headers";
      auto key = parse_member(header);
      if (!key) return std::nullopt;
      if (header)
        std::transform(key->begin(), key->end(), key->begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return add_operand({.kind = header ? Operand::Kind::kHeader : Operand::Kind::kMetadata,
                          .key = *key,
                          .text = written()});
    }
    for (const auto& f : kFields) {
      if (f.name == *field)
        return add_operand(
            {.kind = Operand::Kind::kField, .field = f.field, .key = "", .text = written()});
    }
    std::vector<std::string> known{"metadata", "headers"};
    for (const auto& f : kFields) known.emplace_back(f.name);
    return fail_at(field_at, fmt::format("unknown request field '{}'{}", *field,
                                         base::did_you_mean(*field, known)));
  }

  std::string_view text_;
  const std::function<std::optional<FactId>(std::string_view)>& signal_;
  const std::vector<std::string>& names_;
  std::size_t pos_ = 0;
  std::optional<ExprError> error_;
  Expr out_;
};

tl::expected<Expr, ExprError> compile_expr(
    std::string_view text, const std::function<std::optional<FactId>(std::string_view)>& signal,
    const std::vector<std::string>& names) {
  return ExprParser(text, signal, names).run();
}

}  // namespace swy::route
