// complexity: how hard the request looks.
//
// What: by learned: value = P(hard) by the built-in head `difficulty`, which was learned and
// calibrated on exam, mathematics and code questions that many models have tried; hard: fewer than
// half of them were right (models/README.md). By counted: value = 1 / (1 + exp(-z)),
// z = offset + length ln(1 + w / 20) + constraints c + reasoning r + questions (q - 1) + code
// k
//           + math m + items l / 5 + turns ln(t) + tools d
// with w words, c and r phrases of constraint and of reasoning (src/text/cues.h, at most 3 each), q
// questions (1 to 4), k and m the probabilities of code and mathematics, l list items (at most 15),
// t user messages, d 1 when tools are declared. Those weights are stated, not learned, and each is
// an option. True when the value is more than `threshold`; label = hard above `hard`, easy below
// `easy`, else medium; confidence = the probability of that truth; counted, it
// is not calibrated. Unknown: no user text, or less certain than `min_confidence`. Cost:
// learned, as the cheap stage of `task`; counted, the structure pass and the cue pass, both shared.
// When it loses: learned, requests unlike exams (a long creative brief); counted, short hard
// questions ("prove Goldbach's conjecture" has two cues, "why is the sky dark?" none). Source: the
// learned labels are model outcomes, as in RouteLLM's win labels (2406.18665); the counted features
// are those that published prompt-difficulty heuristics count. Test: complexity_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/headed.h"
#include "text/cues.h"
#include "text/structure.h"

namespace swy::route {
namespace {

constexpr base::Range kWeight = {-10, 10};

enum class By : std::uint8_t { kLearned, kCounted };
constexpr std::array<plugin::Named<By>, 2> kBy = {
    {{"learned", By::kLearned}, {"counted", By::kCounted}}};

// Of what is counted.
struct Weights {
  double offset = -2.2, length = 0.5, constraints = 0.35, reasoning = 0.7, questions = 0.2;
  double code = 0.8, math = 0.9, items = 0.3, turns = 0.15, tools = 0.3;
  bool operator==(const Weights&) const = default;
};

struct Options {
  std::string by = "learned";
  double threshold = 0.5, easy = 0.35, hard = 0.65, min_confidence = 0.5;
  Weights w;
  void bind(base::OptionBinder& b) {
    b.field("by", by, "learned (from what models got wrong) or counted (by the weights below)");
    b.field("threshold", threshold, {0, 1}, "true when the value is more than this");
    b.field("easy", easy, {0, 1}, "label easy below this");
    b.field("hard", hard, {0, 1}, "label hard above this");
    b.field("min_confidence", min_confidence, {0, 1}, "a less certain answer is unknown");
    b.field("offset", w.offset, kWeight, "of the sum");
    b.field("length", w.length, kWeight, "weight of ln(1 + words / 20)");
    b.field("constraints", w.constraints, kWeight,
            "weight of each phrase of constraint, at most 3");
    b.field("reasoning", w.reasoning, kWeight, "weight of each phrase of reasoning, at most 3");
    b.field("questions", w.questions, kWeight,
            "weight of each question after the first, at most 3");
    b.field("code", w.code, kWeight, "weight of the probability of code");
    b.field("math", w.math, kWeight, "weight of the probability of mathematics");
    b.field("items", w.items, kWeight, "weight of every five list items, at most 15 items");
    b.field("turns", w.turns, kWeight, "weight of ln(user messages)");
    b.field("tools", w.tools, kWeight, "weight of declared tools");
  }
};

class Complexity final : public Signal {
 public:
  Complexity(Options options, std::optional<headed::YesNo> learned)
      : o_(std::move(options)),
        learned_(std::move(learned)),
        constraints_(text::cue_index("constraints")),
        reasoning_(text::cue_index("reasoning")) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return learned_ ? 15 : 6; }

 private:
  [[nodiscard]] Fact fact(Reading& r) const {
    if (r.text(chat::Scope::kLastUser).empty()) return {};
    const auto known =
        learned_ ? learned_->probability(r, chat::Scope::kLastUser) : std::optional(counted(r));
    if (!known) return {};
    const double p = *known;
    const double confidence = std::max(p, 1 - p);
    if (confidence < o_.min_confidence) return {};
    const bool holds = p > o_.threshold;
    return {plugin::truth(holds), static_cast<float>(holds ? p : 1 - p), p,
            plugin::label(p > o_.hard   ? "hard"
                          : p < o_.easy ? "easy"
                                        : "medium")};
  }

  [[nodiscard]] double counted(Reading& r) const {
    const text::Structure& s = r.structure();
    const text::Cues& c = r.cues(chat::Scope::kLastUser);
    double turns = 0;
    for (const chat::Message& m : r.request().messages)
      turns += m.role == chat::Role::kUser ? 1 : 0;
    const Weights& w = o_.w;
    const double z = w.offset + w.length * std::log1p(s.words / 20.0) +
                     w.constraints * c.count[constraints_] + w.reasoning * c.count[reasoning_] +
                     w.questions * (std::clamp<double>(s.questions, 1, 4) - 1) +
                     w.code * static_cast<double>(s.has_code.confidence) +
                     w.math * static_cast<double>(s.has_math.confidence) +
                     w.items * std::min<double>(s.list_items, 15) / 5 +
                     w.turns * std::log(std::max(1.0, turns)) +
                     w.tools * (r.request().tools.empty() ? 0 : 1);
    return 1 / (1 + std::exp(-z));
  }

  Options o_;
  std::optional<headed::YesNo> learned_;  // nullopt: counted
  std::size_t constraints_, reasoning_;
};

}  // namespace

std::unique_ptr<Signal> make_complexity(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.easy > o.hard) {
    ctx.diag().error(plugin::mark_of(node, "hard"),
                     fmt::format("hard ({}) must not be below easy ({})", o.hard, o.easy));
    return nullptr;
  }
  const auto by = plugin::choose(ctx, node, "by", o.by, kBy);
  if (!by) return nullptr;
  if (*by == By::kCounted) return std::make_unique<Complexity>(std::move(o), std::nullopt);
  if (!(o.w == Weights{})) {
    ctx.diag().error(plugin::mark_of(node, "by"), "weights are for `by: counted` alone");
    return nullptr;
  }
  auto learned = headed::YesNo::make(node, ctx, "difficulty", "hard");
  if (!learned) return nullptr;
  return std::make_unique<Complexity>(std::move(o), std::move(learned));
}

}  // namespace swy::route
