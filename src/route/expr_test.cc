#include "route/expr.h"

#include <gtest/gtest.h>

#include <map>

#include "route/testing/fakes.h"

namespace swy::route {
namespace {

// a, b, c: facts; every truth value by hand.
struct Table {
  std::map<std::string, Answer> truths;
  std::map<std::string, Value> values;
  Answer truth(const Operand& o) {
    return truths.count(o.text) != 0 ? truths[o.text] : Answer::kUnknown;
  }
  Answer has(const Operand& o) {
    const Answer a = truth(o);
    if (a == Answer::kPending) return a;
    return a == Answer::kUnknown && values.count(o.text) == 0 ? Answer::kFalse : Answer::kTrue;
  }
  Value load(const Operand& o, ValueType, bool& pending) {
    pending = truth(o) == Answer::kPending;
    return values.count(o.text) != 0 ? values[o.text] : Value{};
  }
  Value confidence(const Operand&, bool&) { return {ValueType::kNumber, 0.6, {}, {}}; }
};

std::optional<FactId> resolve(std::string_view n) {
  if (n == "a") return FactId{0};
  if (n == "b") return FactId{1};
  if (n == "c") return FactId{2};
  if (n == "lang") return FactId{3};
  return std::nullopt;
}

Answer ask(std::string_view text, Table table) {
  auto e = compile_expr(text, resolve, {"a", "b", "c", "lang"});
  EXPECT_TRUE(e) << text << ": " << (e ? "" : e.error().message);
  return e ? e->evaluate(table) : Answer::kUnknown;
}

std::string error_of(std::string_view text) {
  auto e = compile_expr(text, resolve, {"a", "b", "c", "lang"});
  return e ? "" : std::to_string(e.error().offset) + ": " + e.error().message;
}

constexpr Answer kF = Answer::kFalse, kT = Answer::kTrue, kU = Answer::kUnknown,
                 kP = Answer::kPending;

TEST(Expr, FollowsKleenesTables) {
  const Answer all[] = {kF, kT, kU};
  const Answer kAnd[3][3] = {{kF, kF, kF}, {kF, kT, kU}, {kF, kU, kU}};
  const Answer kOr[3][3] = {{kF, kT, kU}, {kT, kT, kT}, {kU, kT, kU}};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const Table t{{{"a", all[i]}, {"b", all[j]}}, {}};
      EXPECT_EQ(ask("a && b", t), kAnd[i][j]);
      EXPECT_EQ(ask("a || b", t), kOr[i][j]);
      EXPECT_EQ(ask("!(a && b)", t), ask("!a || !b", t)) << "De Morgan";
    }
  }
}

TEST(Expr, AnUnknownFactSatisfiesNeitherAConditionNorItsNegation) {
  EXPECT_EQ(ask("a", {}), kU);
  EXPECT_EQ(ask("!a", {}), kU);
  EXPECT_EQ(ask("lang == 'en'", {}), kU);
  EXPECT_EQ(ask("lang != 'en'", {}), kU);
  EXPECT_EQ(ask("!(lang in ['en'])", {}), kU);
}

TEST(Expr, PendingStaysPendingUnlessTheRestFixesTheAnswer) {
  EXPECT_EQ(ask("a && b", {{{"a", kF}, {"b", kP}}, {}}), kF);
  EXPECT_EQ(ask("b && a", {{{"a", kF}, {"b", kP}}, {}}), kF);
  EXPECT_EQ(ask("a || b", {{{"a", kT}, {"b", kP}}, {}}), kT);
  EXPECT_EQ(ask("a && b", {{{"a", kT}, {"b", kP}}, {}}), kP);
  EXPECT_EQ(ask("a && b", {{{"a", kU}, {"b", kP}}, {}}), kP);
  EXPECT_EQ(ask("!b", {{{"b", kP}}, {}}), kP);
  EXPECT_EQ(ask("has(b)", {{{"b", kP}}, {}}), kP);
}

TEST(Expr, ComparesLabelsNumbersAndConfidence) {
  const Table de{{{"lang", kT}}, {{"lang", {ValueType::kString, 0, "de", {}}}}};
  EXPECT_EQ(ask("lang == \"de\"", de), kT);
  EXPECT_EQ(ask("lang in ['en', 'de']", de), kT);
  EXPECT_EQ(ask("lang in []", de), kF);
  EXPECT_EQ(ask("'de' != lang", de), kF);
  const Table five{{}, {{"a", {ValueType::kNumber, 5, {}, {}}}}};
  EXPECT_EQ(ask("a >= 5", five), kT);
  EXPECT_EQ(ask("5 < a", five), kF);
  EXPECT_EQ(ask("-1.5 < a", five), kT);
  EXPECT_EQ(ask("confidence(a) > 0.5 && confidence(a) <= 0.6", five), kT);
}

TEST(Expr, BindsNotTighterThanAndTighterThanOr) {
  EXPECT_EQ(ask("!a && b || c", {{{"a", kF}, {"b", kT}, {"c", kF}}, {}}), kT);
  EXPECT_EQ(ask("a || b && c", {{{"a", kT}, {"b", kF}, {"c", kF}}, {}}), kT);
  EXPECT_EQ(ask("!!a", {{{"a", kT}}, {}}), kT);
  EXPECT_EQ(ask("true && !false", {}), kT);
}

TEST(Expr, ErrorsNameThePlaceAndTheNextStep) {
  EXPECT_EQ(error_of("a && lng"), "5: unknown signal 'lng', did you mean lang?");
  EXPECT_EQ(error_of("a &&"), "4: expected a condition, found the end");
  EXPECT_EQ(error_of("request.tokns > 3"),
            "8: unknown request field 'tokns', did you mean tokens, turns, tools?");
  EXPECT_EQ(error_of("request.tokens == 'x'"), "0: request.tokens is a number, not text");
  EXPECT_EQ(error_of("request.tokens"), "0: request.tokens is a number: compare it with something");
  EXPECT_EQ(error_of("a b"), "2: expected an operator or the end here");
  EXPECT_EQ(error_of("'x"), "0: text without its closing quote");
  EXPECT_EQ(error_of("size(a)"), "0: unknown function size: has(x) and confidence(x) exist");
  EXPECT_EQ(error_of("(a"), "2: expected )");
  EXPECT_EQ(error_of("3"), "0: a literal is not a condition");
  EXPECT_EQ(error_of("a == b"), "5: one side of a comparison must be a literal");
}

TEST(Expr, StopsAtDepthAndSize) {
  EXPECT_NE(error_of(std::string(200, '(') + "a" + std::string(200, ')')), "");
  EXPECT_NE(error_of(std::string(200, '!') + "a"), "");
  EXPECT_NE(error_of(std::string(9000, ' ') + "a"), "");
}

TEST(LoadField, ReadsTheRequestAndTheCaller) {
  testing::Prompt p("hello there");
  p.request.max_tokens = 12;
  p.work.role = "admin";
  Reading r;
  r.reset(p.work);
  EXPECT_GT(load_field(RequestField::kTokens, r).number, 2);
  EXPECT_EQ(load_field(RequestField::kMaxTokens, r).number, 12);
  EXPECT_EQ(load_field(RequestField::kRole, r).string, "admin");
  EXPECT_EQ(load_field(RequestField::kUser, r).type, ValueType::kUnknown);
  EXPECT_EQ(load_field(RequestField::kTemperature, r).type, ValueType::kUnknown);
}

}  // namespace
}  // namespace swy::route
