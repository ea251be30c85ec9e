// Rule conditions: any text compiles or is refused with a place inside it; what compiles evaluates
// without trouble, and twice alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "route/expr.h"

namespace {

using swy::route::Answer;
using swy::route::Operand;
using swy::route::Value;
using swy::route::ValueType;

// Answers from the operand's own text, so that all kinds of values occur.
struct Source {
  static Answer truth(const Operand& o) { return static_cast<Answer>(o.text.size() % 4); }
  static Answer has(const Operand& o) { return o.key.empty() ? Answer::kFalse : Answer::kTrue; }
  static Value load(const Operand& o, ValueType wanted, bool& pending) {
    pending = o.text.size() % 7 == 0;
    if (wanted == ValueType::kString) return {ValueType::kString, 0, o.key, {}};
    return {wanted, static_cast<double>(o.text.size()), {}, {}};
  }
  static Value confidence(const Operand&, bool&) { return {ValueType::kNumber, 0.5, {}, {}}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto resolve = [](std::string_view n) -> std::optional<swy::route::FactId> {
    if (n.size() > 3) return std::nullopt;
    return static_cast<swy::route::FactId>(n.size());
  };
  const auto e = swy::route::compile_expr(text, resolve, {"code", "long"});
  if (!e) {
    if (e.error().offset > size || e.error().message.empty()) std::abort();
    return 0;
  }
  Source s;
  if (e->evaluate(s) != e->evaluate(s)) std::abort();
  return 0;
}
