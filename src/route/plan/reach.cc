// Which rules can never fire, and which requests match none. Each operand gets a handful of
// representative states (unknown, false, true, every literal it is compared with and the gaps
// between), all combinations are evaluated with the same code that serves, and rules that are never
// the first to be true are reported.
//
// Sound: operands are treated as independent, so more combinations are tried than can occur; a rule
// reported as dead is dead. Not complete: two signals that exclude each other are not known to.
// Cost: product of the state counts times the size of all conditions; above kMaxCombinations or
// kMaxSteps only what needs no enumeration is reported. Tested by reach_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "route/plan/compile.h"

namespace swy::route {
namespace {

constexpr std::size_t kMaxCombinations = 200'000;
constexpr std::size_t kMaxSteps = 20'000'000;  // nodes of conditions evaluated, all together

// One thing an operand can be. For a list operand: which of the asked-for names it holds.
struct State {
  bool known = false;
  Truth truth = Truth::kUnknown;
  std::optional<double> number;
  std::optional<std::string> text;
  double confidence = 1;
  std::vector<std::string_view> list;
  bool is_list = false;
};

struct Axis {
  Operand operand;
  std::set<double> numbers, confidences;
  std::set<std::string> texts, members;
  bool as_bool = false;
  std::vector<State> states;
};

// Values below, at and above each literal: enough to make every comparison come out every way it
// can.
std::vector<double> representatives(const std::set<double>& literals) {
  std::vector<double> out;
  double last = 0;
  for (const double x : literals) {
    out.push_back(out.empty() ? x - 1 : (last + x) / 2);
    out.push_back(x);
    last = x;
  }
  if (!out.empty()) out.push_back(last + 1);
  return out;
}

class Analysis {
 public:
  explicit Analysis(const RuleSet& rules) : rules_(rules) {
    std::size_t nodes = rules.rules.size();
    for (const Rule& r : rules.rules) {
      collect(r.when);
      nodes += r.when.nodes().size();
    }
    std::size_t combinations = 1;
    for (Axis& a : axes_) {
      combinations *= most_states(a);
      if (combinations > kMaxCombinations || combinations * nodes > kMaxSteps) return;
      fill(a);
    }
    small_ = true;
  }

  void run(base::Diagnostics& diag) {
    if (!small_) return run_large(diag);
    const std::size_t n = rules_.rules.size();
    std::vector<bool> first(n, false), ever(n, false);
    std::vector<std::set<std::size_t>> hidden_by(n);
    std::optional<std::string> missed;
    chosen_.assign(axes_.size(), 0);
    do {
      std::optional<std::size_t> winner;
      for (std::size_t i = 0; i < n; ++i) {
        if (rules_.rules[i].when.evaluate(*this) != Answer::kTrue) continue;
        ever[i] = true;
        if (!winner) {
          winner = i;
          first[i] = true;
        } else if (!first[i]) {
          hidden_by[i].insert(*winner);
        }
      }
      if (!winner && !missed) missed = describe();
    } while (advance());
    report(first, ever, hidden_by, missed, diag);
  }

  // Expr source.
  Answer truth(const Operand& o) {
    const State& s = state(o);
    if (s.truth == Truth::kUnknown) return Answer::kUnknown;
    return s.truth == Truth::kTrue ? Answer::kTrue : Answer::kFalse;
  }
  Answer has(const Operand& o) { return state(o).known ? Answer::kTrue : Answer::kFalse; }
  Value load(const Operand& o, ValueType wanted, bool& /*pending*/) {
    const State& s = state(o);
    if (!s.known) return {};
    if (s.is_list) return {ValueType::kList, 0, {}, s.list};
    if (wanted == ValueType::kNumber && s.number) return {ValueType::kNumber, *s.number, {}, {}};
    if (wanted == ValueType::kString && s.text) return {ValueType::kString, 0, *s.text, {}};
    if (wanted == ValueType::kBool && s.truth != Truth::kUnknown) {
      return {ValueType::kBool, s.truth == Truth::kTrue ? 1.0 : 0.0, {}, {}};
    }
    return {};
  }
  Value confidence(const Operand& o, bool& /*pending*/) {
    const State& s = state(o);
    return s.known ? Value{ValueType::kNumber, s.confidence, {}, {}} : Value{};
  }

 private:
  Axis& axis(const Operand& o) {
    for (Axis& a : axes_) {
      if (a.operand == o) return a;
    }
    axes_.push_back({o, {}, {}, {}, {}, false, {}});
    return axes_.back();
  }
  const State& state(const Operand& o) const {
    const std::size_t i = axis_of_.at(&o);
    return axes_[i].states[chosen_[i]];
  }

  static void note_literal(Axis& a, const Literal& l) {
    if (l.type == ValueType::kNumber) a.numbers.insert(l.number);
    if (l.type == ValueType::kString) a.texts.insert(l.string);
    if (l.type == ValueType::kBool) a.as_bool = true;
  }

  void collect(const Expr& e) {
    for (const Operand& o : e.operands())
      axis_of_[&o] = static_cast<std::size_t>(&axis(o) - axes_.data());
    for (const auto& n : e.nodes()) {
      switch (n.op) {
        case Expr::Op::kTruth:
          axis(e.operands()[n.operand]).as_bool = true;
          break;
        case Expr::Op::kConfidence:
          axis(e.operands()[n.operand]).confidences.insert(e.literals()[n.literal].number);
          break;
        case Expr::Op::kCompare:
          note_literal(axis(e.operands()[n.operand]), e.literals()[n.literal]);
          break;
        case Expr::Op::kContains:
          axis(e.operands()[n.operand]).members.insert(e.literals()[n.literal].string);
          break;
        case Expr::Op::kIn:
          for (std::uint32_t i = 0; i < n.count; ++i)
            note_literal(axis(e.operands()[n.operand]), e.literals()[n.literal + i]);
          break;
        case Expr::Op::kHas:
        case Expr::Op::kConst:
        case Expr::Op::kAnd:
        case Expr::Op::kOr:
        case Expr::Op::kNot:
          break;
      }
    }
  }

  // No fewer than fill() makes.
  static std::size_t most_states(const Axis& a) {
    if (!a.members.empty()) return std::size_t{1} << std::min<std::size_t>(a.members.size(), 6);
    const std::size_t numbers = a.numbers.empty() ? 0 : 2 * a.numbers.size() + 1;
    const std::size_t texts = a.texts.empty() ? 0 : a.texts.size() + 1;
    if (a.operand.kind != Operand::Kind::kFact) return numbers + texts + 3;
    const std::size_t confidences = a.confidences.empty() ? 1 : 2 * a.confidences.size() + 3;
    return 2 * (numbers + 1) * (texts + 1) * confidences + 1;
  }

  static void fill_list(Axis& a) {
    if (a.members.size() > 6) a.members.erase(std::next(a.members.begin(), 6), a.members.end());
    for (std::size_t bits = 0; bits < (std::size_t{1} << a.members.size()); ++bits) {
      State s;
      s.known = s.is_list = true;
      std::size_t k = 0;
      for (const std::string& m : a.members) {
        if (((bits >> k++) & 1U) != 0) s.list.emplace_back(m);
      }
      a.states.push_back(std::move(s));
    }
  }

  // A fact: unknown, or (true or false) with every kind of value, label and confidence that is
  // asked about.
  static void fill_fact(Axis& a) {
    std::vector<std::optional<double>> numbers{std::nullopt};
    for (const double x : representatives(a.numbers)) numbers.emplace_back(x);
    std::vector<std::optional<std::string>> texts{std::nullopt};
    for (const std::string& t : a.texts) texts.emplace_back(t);
    if (!a.texts.empty()) texts.emplace_back("(other)");
    std::set<double> ends =
        a.confidences;  // a confidence is 0 to 1: both ends, and what lies between
    if (!ends.empty()) ends.insert({0, 1});
    std::vector<double> confidences = representatives(ends);
    if (confidences.empty()) confidences.push_back(1);
    for (const Truth t : {Truth::kFalse, Truth::kTrue}) {
      for (const auto& x : numbers) {
        for (const auto& s : texts) {
          for (const double c : confidences) {
            if (c < 0 || c > 1) continue;
            a.states.push_back({true, t, x, s, c, {}, false});
          }
        }
      }
    }
    a.states.push_back({});
  }

  // A request field, metadata entry or header: absent, or one value.
  static void fill_value(Axis& a) {
    if (a.as_bool || (a.numbers.empty() && a.texts.empty())) {
      a.states.push_back({true, Truth::kFalse, std::nullopt, "false", 1, {}, false});
      a.states.push_back({true, Truth::kTrue, std::nullopt, "true", 1, {}, false});
    }
    for (const double x : representatives(a.numbers))
      a.states.push_back({true, Truth::kUnknown, x, std::nullopt, 1, {}, false});
    if (!a.texts.empty())
      a.states.push_back({true, Truth::kUnknown, std::nullopt, "(other)", 1, {}, false});
    for (const std::string& t : a.texts)
      a.states.push_back({true, Truth::kUnknown, std::nullopt, t, 1, {}, false});
    a.states.push_back({});
  }

  static void fill(Axis& a) {
    if (!a.members.empty()) {
      fill_list(a);
    } else if (a.operand.kind == Operand::Kind::kFact) {
      fill_fact(a);
    } else {
      fill_value(a);
    }
  }

  // Too many combinations: report what needs none. A rule after one that always matches is dead; so
  // is a repeated condition.
  void run_large(base::Diagnostics& diag) const {
    std::set<std::string> seen;
    const Rule* always = nullptr;
    for (const Rule& r : rules_.rules) {
      if (always != nullptr) {
        diag.error(r.mark,
                   fmt::format("rule '{}' can never fire: whenever it matches, '{}' matches first",
                               r.name, always->name));
      } else if (r.when.empty()) {
        always = &r;
      } else if (!seen.insert(r.when_text).second) {
        diag.error(r.mark,
                   fmt::format("rule '{}' can never fire: an earlier rule has the same condition",
                               r.name));
      }
    }
    if (always == nullptr) {
      diag.warning(rules_.rules.back().mark,
                   fmt::format("requests may fall through '{}': its last rule has a condition; end "
                               "with a rule without `when`",
                               rules_.name));
    }
  }

  bool advance() {
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (++chosen_[i] < axes_[i].states.size()) return true;
      chosen_[i] = 0;
    }
    return false;
  }

  static std::string show(const State& s) {
    if (!s.known) return "unknown";
    if (s.is_list) return fmt::format("[{}]", fmt::join(s.list, ", "));
    if (s.number) return fmt::format("{}", *s.number);
    if (s.text) return *s.text;
    return std::string(to_string(s.truth));
  }
  std::string describe() {
    std::string out;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      out += fmt::format("{}{} is {}", i == 0 ? "" : ", ", axes_[i].operand.text,
                         show(axes_[i].states[chosen_[i]]));
    }
    return out;
  }

  void report(const std::vector<bool>& first, const std::vector<bool>& ever,
              const std::vector<std::set<std::size_t>>& hidden_by,
              const std::optional<std::string>& missed, base::Diagnostics& diag) const {
    for (std::size_t i = 0; i < first.size(); ++i) {
      const Rule& r = rules_.rules[i];
      if (first[i]) continue;
      if (!ever[i]) {
        diag.error(r.mark, fmt::format("rule '{}' can never fire: its condition contradicts itself",
                                       r.name));
        continue;
      }
      std::vector<std::string> names;
      for (const std::size_t h : hidden_by[i]) names.push_back("'" + rules_.rules[h].name + "'");
      diag.error(r.mark,
                 fmt::format("rule '{}' can never fire: whenever it matches, {} matches first",
                             r.name, fmt::join(names, " or ")));
    }
    if (missed) {
      diag.error(
          rules_.rules.back().mark,
          fmt::format(
              "requests fall through '{}': no rule matches when {}; end with a rule without `when`",
              rules_.name, *missed));
    }
  }

  const RuleSet& rules_;
  std::vector<Axis> axes_;
  std::unordered_map<const Operand*, std::size_t> axis_of_;
  std::vector<std::size_t> chosen_;
  bool small_ = false;  // all combinations can be tried
};

}  // namespace

void check_reach(const RuleSet& rules, base::Diagnostics& diag) { Analysis(rules).run(diag); }

}  // namespace swy::route
