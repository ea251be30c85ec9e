// Rule conditions: a documented subset of CEL (docs/reference/expressions.md) in three-valued
// logic.
//
//   ||  &&  !  ==  !=  <  <=  >  >=  in  ( )  has(x)  confidence(x)  literals: "text" 'text' 12 0.5
//   true false [list] x: a signal's name, request.FIELD, request.metadata.KEY, request.headers.NAME
//   or ["..."] for either
//
// Unknown stays unknown: it satisfies neither a condition nor its negation (Kleene logic). && and
// || stop as soon as the answer is fixed, so a fact is asked for only when it can still matter. An
// operand may also be *pending* (its signal is not immediate): then the answer is pending unless
// the other operands fix it.
//
// Immutable after compile_expr; evaluation allocates nothing and is linear in the size of the text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/route.h"

namespace swy::route {

enum class RequestField : std::uint8_t {
  kModel,
  kStream,
  kTokens,
  kMaxTokens,
  kN,
  kTemperature,
  kTurns,
  kTools,
  kUser,
  kToolChoice,
  kResponseFormat,
  kReasoningEffort,
  kImages,
  kAudios,
  kFiles,
  kKey,
  kRole,
  kSession,
};

struct Operand {
  enum class Kind : std::uint8_t { kFact, kField, kMetadata, kHeader };
  Kind kind = Kind::kFact;
  FactId fact = 0;
  RequestField field = RequestField::kModel;
  std::string key;   // of metadata or header
  std::string text;  // as written, for messages
  bool operator==(const Operand& o) const {
    return kind == o.kind && fact == o.fact && field == o.field && key == o.key;
  }
};

enum class ValueType : std::uint8_t { kUnknown, kBool, kNumber, kString, kList };

struct Value {
  ValueType type = ValueType::kUnknown;
  double number = 0;  // also 0 or 1 for kBool
  std::string_view string;
  std::span<const std::string_view> list;
};

struct Literal {
  ValueType type = ValueType::kBool;
  double number = 0;
  std::string string;
};

enum class Answer : std::uint8_t { kFalse, kTrue, kUnknown, kPending };

class Expr {
 public:
  enum class Op : std::uint8_t {
    kConst,
    kAnd,
    kOr,
    kNot,
    kTruth,
    kCompare,
    kIn,
    kHas,
    kConfidence,
    kContains
  };
  enum class Cmp : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
  struct Node {
    Op op = Op::kConst;
    Cmp cmp = Cmp::kEq;
    bool constant = false;
    std::uint32_t first = 0;    // kAnd, kOr, kNot: into children
    std::uint32_t count = 0;    // kAnd, kOr: children; kIn: literals
    std::uint32_t operand = 0;  // into operands
    std::uint32_t literal = 0;  // into literals
  };

  [[nodiscard]] bool empty() const { return nodes_.empty(); }
  [[nodiscard]] const std::vector<Operand>& operands() const { return operands_; }
  [[nodiscard]] const std::vector<Literal>& literals() const { return literals_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

  // Source: Answer truth(const Operand&); Answer has(const Operand&); Value load(const Operand&,
  // ValueType wanted, bool& pending);
  //         Value confidence(const Operand&, bool& pending).
  template <typename Source>
  Answer evaluate(Source& source) const {
    return empty() ? Answer::kTrue : eval(nodes_.size() - 1, source);
  }
  // Brings what evaluate() reads nearer: many rules are walked once, each from memory of its own.
  void prefetch() const {
    __builtin_prefetch(nodes_.data());
    __builtin_prefetch(children_.data());
    __builtin_prefetch(operands_.data());
  }

 private:
  friend class ExprParser;
  template <typename Source>
  Answer eval(std::size_t index, Source& source) const;
  template <typename Source>
  Answer eval_many(const Node& n, Source& source) const;
  template <typename Source>
  Answer eval_in(const Node& n, Source& source) const;
  template <typename Source>
  Answer eval_contains(const Node& n, Source& source) const;
  static Answer compare(const Value& value, Cmp cmp, const Literal& literal);
  static Answer from_bool(bool b) { return b ? Answer::kTrue : Answer::kFalse; }

  std::vector<Node> nodes_;  // children before parents; the last is the root
  std::vector<std::uint32_t> children_;
  std::vector<Operand> operands_;
  std::vector<Literal> literals_;
};

struct ExprError {
  std::size_t offset = 0;  // byte in the text
  std::string message;
};

// `signal` resolves a name; `names` lists what could have been meant.
tl::expected<Expr, ExprError> compile_expr(
    std::string_view text, const std::function<std::optional<FactId>(std::string_view)>& signal,
    const std::vector<std::string>& names);

// The fields usable as request.NAME, for messages and the reference page: name and type.
std::vector<std::pair<std::string, ValueType>> request_fields();
Value load_field(RequestField field, Reading& reading);
std::string_view to_string(ValueType type);

template <typename Source>
Answer Expr::eval_many(const Node& n, Source& source) const {
  const bool is_and = n.op == Op::kAnd;
  const Answer stop = is_and ? Answer::kFalse : Answer::kTrue;
  Answer so_far = is_and ? Answer::kTrue : Answer::kFalse;
  for (std::uint32_t i = 0; i < n.count; ++i) {
    const Answer a = eval(children_[n.first + i], source);
    if (a == stop) return stop;
    // Pending outweighs unknown: it may still become the stopping value.
    if (a == Answer::kPending || (a == Answer::kUnknown && so_far != Answer::kPending)) so_far = a;
  }
  return so_far;
}

template <typename Source>
Answer Expr::eval_in(const Node& n, Source& source) const {
  bool unknown = false;
  for (std::uint32_t i = 0; i < n.count; ++i) {
    const Literal& lit = literals_[n.literal + i];
    bool pending = false;
    const Value v = source.load(operands_[n.operand], lit.type, pending);
    if (pending) return Answer::kPending;
    const Answer a = compare(v, Cmp::kEq, lit);
    if (a == Answer::kTrue) return a;
    unknown = unknown || a == Answer::kUnknown;
  }
  return unknown ? Answer::kUnknown : Answer::kFalse;
}

template <typename Source>
Answer Expr::eval_contains(const Node& n, Source& source) const {
  bool pending = false;
  const Value v = source.load(operands_[n.operand], ValueType::kList, pending);
  if (pending) return Answer::kPending;
  if (v.type != ValueType::kList) return Answer::kUnknown;
  const auto& wanted = literals_[n.literal].string;
  return from_bool(std::find(v.list.begin(), v.list.end(), wanted) != v.list.end());
}

template <typename Source>
Answer Expr::eval(std::size_t index, Source& source) const {
  const Node& n = nodes_[index];
  bool pending = false;
  switch (n.op) {
    case Op::kConst:
      return from_bool(n.constant);
    case Op::kAnd:
    case Op::kOr:
      return eval_many(n, source);
    case Op::kNot: {
      const Answer a = eval(children_[n.first], source);
      if (a == Answer::kTrue) return Answer::kFalse;
      return a == Answer::kFalse ? Answer::kTrue : a;
    }
    case Op::kTruth:
      return source.truth(operands_[n.operand]);
    case Op::kHas:
      return source.has(operands_[n.operand]);
    case Op::kCompare: {
      const Literal& lit = literals_[n.literal];
      const Value v = source.load(operands_[n.operand], lit.type, pending);
      return pending ? Answer::kPending : compare(v, n.cmp, lit);
    }
    case Op::kConfidence: {
      const Value v = source.confidence(operands_[n.operand], pending);
      return pending ? Answer::kPending : compare(v, n.cmp, literals_[n.literal]);
    }
    case Op::kIn:
      return eval_in(n, source);
    case Op::kContains:
      return eval_contains(n, source);
  }
  return Answer::kUnknown;
}

}  // namespace swy::route
