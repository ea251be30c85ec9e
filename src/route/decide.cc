// decide(): facts, candidates, forbidden, believed, chosen. One pass over the rules in their order;
// the first rule whose condition is true decides. Cost: one expression evaluation per rule asked
// (tens of nanoseconds) plus the facts, guards, estimator and policy of the rule that fires. No
// allocation after warm-up (decide_test.cc counts).
//
// Why the recorded propensity is exact: the policy states a distribution over the unmasked
// candidates and the core draws from it with the work's own random stream, so P(choice) is the
// number that is written down, not an estimate of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "route/plan.h"

namespace swy::route {
namespace {

constexpr std::size_t kAhead = 2;  // rules whose conditions are on their way from memory

// Encodes one scope of the work on this thread.
void encode_here(const Plan& plan, EncodingKey key, Reading& reading) {
  const Encoder& encoder = *plan.encoders[key.encoder].encoder;
  thread_local std::vector<float> values;
  values.resize(encoder.dims());
  const std::string_view text = reading.text(key.scope);
  const bool ok = encoder.encode(std::span(&text, 1), values).has_value();
  reading.provide(key, ok ? Encoding::State::kReady : Encoding::State::kFailed,
                  ok ? std::span<const float>(values) : std::span<const float>());
}

// Encodes with immediate encoders what the reading was asked for. False: nothing of it could be.
bool encode_immediate(const Plan& plan, Reading& reading) {
  bool encoded = false;
  for (const EncodingKey key : reading.wanted()) {
    if (!plan.encoders[key.encoder].encoder->immediate()) continue;
    encode_here(plan, key, reading);
    encoded = true;
  }
  return encoded;
}

// Makes a fact known, encoding with immediate encoders as it goes. False: other encodings are
// wanted first; they stand in `need`, as does the fact.
bool compute_fact(const Plan& plan, FactId id, Scratch& s, Need& need) {
  Reading* reading = &s.reading;
  for (;;) {
    const std::size_t missing = reading->missed();
    Fact fact;
    plan.signals[id].signal->compute(std::span(&reading, 1), std::span(&fact, 1));
    if (reading->missed() == missing) {
      s.set_fact(id, fact);
      return true;
    }
    if (encode_immediate(plan, *reading)) continue;
    need.encodings = reading->wanted();
    if (std::find(need.facts.begin(), need.facts.end(), id) == need.facts.end())
      need.facts.push_back(id);
    return false;
  }
}

// What an expression reads during a decision: memoised facts, computed here unless an
// encoding is missing.
class FactSource {
 public:
  FactSource(const Plan& plan, Scratch& scratch, Need& need)
      : plan_(plan), scratch_(scratch), need_(need) {}

  Answer truth(const Operand& o) {
    if (o.kind != Operand::Kind::kFact) return truth_of(load_plain(o, ValueType::kBool));
    const Fact* f = fact(o.fact);
    if (f == nullptr) return Answer::kPending;
    return f->truth == Truth::kUnknown ? Answer::kUnknown
           : f->truth == Truth::kTrue  ? Answer::kTrue
                                       : Answer::kFalse;
  }

  Answer has(const Operand& o) {
    if (o.kind != Operand::Kind::kFact) {
      return load_plain(o, ValueType::kString).type == ValueType::kUnknown ? Answer::kFalse
                                                                           : Answer::kTrue;
    }
    const Fact* f = fact(o.fact);
    if (f == nullptr) return Answer::kPending;
    return f->truth == Truth::kUnknown ? Answer::kFalse : Answer::kTrue;
  }

  Value load(const Operand& o, ValueType wanted, bool& pending) {
    if (o.kind != Operand::Kind::kFact) return load_plain(o, wanted);
    const Fact* f = fact(o.fact);
    pending = f == nullptr;
    if (pending || f->truth == Truth::kUnknown) return {};
    switch (wanted) {
      case ValueType::kBool:
        return {ValueType::kBool, f->truth == Truth::kTrue ? 1.0 : 0.0, {}, {}};
      case ValueType::kNumber:
        return std::isnan(f->value) ? Value{} : Value{ValueType::kNumber, f->value, {}, {}};
      case ValueType::kString:
        return f->label.empty() ? Value{} : Value{ValueType::kString, 0, f->label.view(), {}};
      case ValueType::kUnknown:
      case ValueType::kList:
        return {};
    }
    return {};
  }

  Value confidence(const Operand& o, bool& pending) {
    const Fact* f = fact(o.fact);
    pending = f == nullptr;
    if (pending || f->truth == Truth::kUnknown) return {};
    return {ValueType::kNumber, static_cast<double>(f->confidence), {}, {}};
  }

 private:
  const Fact* fact(FactId id) {
    if (const Fact* known = scratch_.ask(id)) return known;
    if (std::find(need_.facts.begin(), need_.facts.end(), id) != need_.facts.end()) return nullptr;
    return compute_fact(plan_, id, scratch_, need_) ? &scratch_.facts[id] : nullptr;
  }

  static Answer truth_of(const Value& v) {
    if (v.type != ValueType::kBool) return Answer::kUnknown;
    return v.number != 0 ? Answer::kTrue : Answer::kFalse;
  }

  // Text that a client sent, read as the type that the condition wants; what does not read as that
  // type is unknown.
  static Value convert(std::string_view s, ValueType wanted) {
    if (wanted == ValueType::kString) return {ValueType::kString, 0, s, {}};
    if (wanted == ValueType::kBool && (s == "true" || s == "false"))
      return {ValueType::kBool, s == "true" ? 1.0 : 0.0, {}, {}};
    if (wanted == ValueType::kNumber) {
      const auto number = base::Doc::scalar(std::string(s)).as_number();
      if (number) return {ValueType::kNumber, *number, {}, {}};
    }
    return {};
  }

  Value load_plain(const Operand& o, ValueType wanted) {
    const Work& w = scratch_.reading.work();
    if (o.kind == Operand::Kind::kField) return load_field(o.field, scratch_.reading);
    if (o.kind == Operand::Kind::kMetadata) {
      for (const auto& [k, v] : w.request->metadata) {
        if (k == o.key) return convert(v, wanted);
      }
      return {};
    }
    for (const Header& h : w.headers) {
      if (h.name == o.key) return convert(h.value, wanted);
    }
    return {};
  }

  const Plan& plan_;
  Scratch& scratch_;
  Need& need_;
};

// Facts that the rule's plug-ins read. False when an encoding is missing for some.
bool gather(const Plan& plan, const Rule& rule, Scratch& s, Need& need) {
  for (const FactId id : rule.needs) {
    if (s.ask(id) == nullptr) (void)compute_fact(plan, id, s, need);
  }
  return need.facts.empty();
}

// Masks candidates; returns how many are left.
std::size_t apply_guards(const Plan& plan, const Rule& rule, const Question& q, Scratch& s) {
  const std::size_t n = rule.candidates.size();
  s.masked_by.assign(n, -1);
  s.verdicts.resize(n);
  std::size_t left = n;
  for (std::size_t c = 0; c < n; ++c) {
    for (const std::uint16_t g : rule.guards) {
      s.verdicts[c] = plan.guards[g].guard->check(q, c);
      if (s.verdicts[c].allow) continue;
      s.masked_by[c] = static_cast<std::int16_t>(g);
      --left;
      break;
    }
  }
  return left;
}

Refuse refuse_all_masked(const Plan& plan, const Rule& rule, std::uint32_t index,
                         const Scratch& s) {
  std::string message = fmt::format("no candidate of rule '{}' is allowed:", rule.name);
  for (std::size_t c = 0; c < rule.candidates.size(); ++c) {
    message += fmt::format(
        "{} {} ({}: {})", c == 0 ? "" : ";", plan.catalogue[rule.candidates[c]].name,
        plan.guards[static_cast<std::size_t>(s.masked_by[c])].name, s.verdicts[c].why.view());
  }
  const bool content = std::any_of(s.verdicts.begin(), s.verdicts.end(),
                                   [](const Verdict& v) { return !v.allow && v.content; });
  return Refuse{content ? ErrorCode::kForbidden : ErrorCode::kNoCandidate, std::move(message),
                index};
}

// Draws from the stated distribution. Rounding can leave the last draw just above the sum: then the
// last with weight wins.
std::uint32_t draw(std::span<const double> probability, base::Rng& rng) {
  const double u = rng.uniform();
  double sum = 0;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < probability.size(); ++i) {
    if (probability[i] <= 0) continue;
    last = i;
    sum += probability[i];
    if (u < sum) return i;
  }
  return last;
}

// A distribution that does not hold what a policy promises is a doubtful invariant: count it, fall
// back to the first unmasked candidate, and say so.
void repair(const Question& q, Distribution& d) {
  double sum = 0;
  bool sound = true;
  for (std::size_t i = 0; i < d.probability.size(); ++i) {
    const double p = d.probability[i];
    sound = sound && p >= 0 && (p == 0 || !q.masked(i));
    sum += p;
  }
  if (SWY_EXPECT(sound && std::fabs(sum - 1) < 1e-9)) return;
  std::fill(d.probability.begin(), d.probability.end(), 0.0);
  std::size_t i = 0;
  while (q.masked(i)) ++i;
  d.probability[i] = 1;
  d.why = ReasonText("policy gave no sound distribution: first admissible");
}

// What the estimator believes, encoding with immediate encoders as it asks. False: it wants other
// encodings first.
bool believe(const Plan& plan, const Rule& rule, const Question& q, Scratch& s) {
  for (;;) {
    const std::size_t missing = s.reading.missed();
    s.beliefs.assign(rule.candidates.size(), Belief{});
    rule.estimator->estimate(q, s.beliefs);
    if (s.reading.missed() == missing) return true;
    if (!encode_immediate(plan, s.reading)) return false;
  }
}

std::span<const double> account_of(const Rule& rule, std::span<const double> accounts) {
  if (accounts.size() < rule.account_at + rule.account_size) return {};
  return accounts.subspan(rule.account_at, rule.account_size);
}

Decision decide_rule(const Plan& plan, const Rule& rule, std::uint32_t index, fleet::LiveView live,
                     base::Rng& rng, Scratch& s) {
  Need need;
  need.deadline_ms = rule.deadline_ms;
  if (!gather(plan, rule, s, need)) return need;
  const Question q{plan.catalogue, s.reading, rule.candidates,
                   live,           s,         account_of(rule, live.accounts),
                   rule.path};
  const std::size_t n = rule.candidates.size();
  const std::size_t left = apply_guards(plan, rule, q, s);
  s.beliefs.assign(n, Belief{});
  s.probability.assign(n, 0.0);
  s.score.assign(n, kUnknownNumber);
  if (left == 0) return refuse_all_masked(plan, rule, index, s);
  if (!believe(plan, rule, q, s)) {
    need.encodings = s.reading.wanted();
    return need;
  }
  Distribution d{s.probability, s.score, {}};
  rule.policy->weigh(q, s.beliefs, d);
  repair(q, d);
  Choice choice;
  choice.rule = index;
  choice.candidate = draw(d.probability, rng);
  choice.expert = rule.candidates[choice.candidate];
  choice.propensity = d.probability[choice.candidate];
  choice.why = d.why;
  return choice;
}

}  // namespace

std::string_view to_string(Truth truth) {
  switch (truth) {
    case Truth::kFalse:
      return "false";
    case Truth::kTrue:
      return "true";
    case Truth::kUnknown:
      return "unknown";
  }
  return "unknown";
}

const Fact& Question::fact(FactId id) const {
  static const Fact unknown{};
  return SWY_EXPECT(id < scratch.have.size() && scratch.have[id] == Scratch::Have::kYes)
             ? scratch.facts[id]
             : unknown;
}

bool Question::masked(std::size_t candidate) const { return scratch.masked_by[candidate] >= 0; }

void Scratch::begin(const Work& work, std::size_t facts_in_plan) {
  reading.reset(work);
  facts.resize(facts_in_plan);
  have.assign(facts_in_plan, Have::kNo);
  order.clear();
  masked_by.clear();
  beliefs.clear();
  probability.clear();
  score.clear();
}

void Scratch::set_fact(FactId id, const Fact& fact) {
  facts[id] = fact;
  if (have[id] != Have::kYes) order.push_back(id);
  have[id] = Have::kYes;
}

void Scratch::preset_fact(FactId id, const Fact& fact) {
  facts[id] = fact;
  have[id] = Have::kPreset;
}

const Fact* Scratch::ask(FactId id) {
  if (have[id] == Have::kNo) return nullptr;
  if (have[id] == Have::kPreset) {
    order.push_back(id);
    have[id] = Have::kYes;
  }
  return &facts[id];
}

void compute_facts(const Plan& plan, std::span<const FactId> ids, Scratch& s) {
  for (const FactId id : ids) {
    Need need;
    while (!compute_fact(plan, id, s, need)) {
      for (const EncodingKey key : need.encodings) encode_here(plan, key, s.reading);
    }
  }
}

void believe_now(const Plan& plan, const Estimator& estimator, const Question& q,
                 std::span<Belief> out) {
  for (;;) {
    const std::size_t missing = q.reading.missed();
    std::fill(out.begin(), out.end(), Belief{});
    estimator.estimate(q, out);
    if (q.reading.missed() == missing) return;
    for (const EncodingKey key : q.reading.wanted()) encode_here(plan, key, q.reading);
  }
}

Decision decide(const Plan& plan, const RuleSet& rules, fleet::LiveView live, base::Rng rng,
                Scratch& s) {
  Need need;
  FactSource source(plan, s, need);
  for (std::uint32_t i = 0; i < rules.rules.size(); ++i) {
    const Rule& rule = rules.rules[i];
    if (i + kAhead < rules.rules.size()) rules.rules[i + kAhead].when.prefetch();
    const Answer a = rule.when.evaluate(source);
    if (a == Answer::kPending) {
      need.deadline_ms = rule.deadline_ms;
      return need;
    }
    if (!need.facts.empty()) need = {};  // what was pending did not matter
    if (a == Answer::kTrue) return decide_rule(plan, rule, i, live, rng, s);
  }
  return Refuse{ErrorCode::kNoCandidate,
                fmt::format("no rule of '{}' matches this request; add a last rule without `when`",
                            rules.name),
                std::nullopt};
}

Decision decide_now(const Plan& plan, const RuleSet& rules, fleet::LiveView live, base::Rng rng,
                    Scratch& s) {
  // Every Need provides at least one new encoding, so this ends.
  for (;;) {
    Decision d = decide(plan, rules, live, rng, s);
    const auto* need = std::get_if<Need>(&d);
    if (need == nullptr) return d;
    for (const EncodingKey key : need->encodings) encode_here(plan, key, s.reading);
  }
}

}  // namespace swy::route
