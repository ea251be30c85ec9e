// complexity: how hard the request looks from what can be counted.
//
// What: z = offset + length ln(1 + w / 20) + constraints c + reasoning r + questions (q - 1) + code
// k
//           + math m + items l / 5 + turns ln(t) + tools d
// with w words, c and r phrases of constraint and of reasoning (src/text/cues.h, at most 3 each), q
// questions (1 to 4), k and m the probabilities of code and mathematics, l list items (at most 15),
// t user messages, d 1 when tools are declared; value = 1 / (1 + exp(-z)). True when it is more
// than `threshold`; label = hard above `hard`, easy below `easy`, else medium; confidence =
// max(value, 1 - value), which would be a probability if the weights were fitted: they are stated,
// not learned, and each is an option. Unknown: no user text. Cost: the structure pass and the cue
// pass, both shared. When it loses: short hard questions ("prove Goldbach's conjecture" has two
// cues, "why is the sky dark?" none). Source: none; the features are those that published
// prompt-difficulty heuristics count. Test: complexity_test.cc.
#include <algorithm>
#include <cmath>

#include "route/detail/plugin.h"
#include "text/cues.h"
#include "text/structure.h"

namespace swy::route {
namespace {

constexpr base::Range kWeight = {-10, 10};

struct Options {
  double threshold = 0.5, easy = 0.35, hard = 0.65;
  double offset = -2.2, length = 0.5, constraints = 0.35, reasoning = 0.7, questions = 0.2;
  double code = 0.8, math = 0.9, items = 0.3, turns = 0.15, tools = 0.3;
  void bind(base::OptionBinder& b) {
    b.field("threshold", threshold, {0, 1}, "true when the value is more than this");
    b.field("easy", easy, {0, 1}, "label easy below this");
    b.field("hard", hard, {0, 1}, "label hard above this");
    b.field("offset", offset, kWeight, "of the sum");
    b.field("length", length, kWeight, "weight of ln(1 + words / 20)");
    b.field("constraints", constraints, kWeight, "weight of each phrase of constraint, at most 3");
    b.field("reasoning", reasoning, kWeight, "weight of each phrase of reasoning, at most 3");
    b.field("questions", questions, kWeight, "weight of each question after the first, at most 3");
    b.field("code", code, kWeight, "weight of the probability of code");
    b.field("math", math, kWeight, "weight of the probability of mathematics");
    b.field("items", items, kWeight, "weight of every five list items, at most 15 items");
    b.field("turns", turns, kWeight, "weight of ln(user messages)");
    b.field("tools", tools, kWeight, "weight of declared tools");
  }
};

class Complexity final : public Signal {
 public:
  explicit Complexity(const Options& options)
      : o_(options),
        constraints_(text::cue_index("constraints")),
        reasoning_(text::cue_index("reasoning")) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 15; }

 private:
  [[nodiscard]] Fact fact(Reading& r) const {
    if (r.text(chat::Scope::kLastUser).empty()) return {};
    const text::Structure& s = r.structure();
    const text::Cues& c = r.cues(chat::Scope::kLastUser);
    double turns = 0;
    for (const chat::Message& m : r.request().messages)
      turns += m.role == chat::Role::kUser ? 1 : 0;
    const double z = o_.offset + o_.length * std::log1p(s.words / 20.0) +
                     o_.constraints * c.count[constraints_] + o_.reasoning * c.count[reasoning_] +
                     o_.questions * (std::clamp<double>(s.questions, 1, 4) - 1) +
                     o_.code * static_cast<double>(s.has_code.confidence) +
                     o_.math * static_cast<double>(s.has_math.confidence) +
                     o_.items * std::min<double>(s.list_items, 15) / 5 +
                     o_.turns * std::log(std::max(1.0, turns)) +
                     o_.tools * (r.request().tools.empty() ? 0 : 1);
    const double p = 1 / (1 + std::exp(-z));
    return {plugin::truth(p > o_.threshold), static_cast<float>(std::max(p, 1 - p)), p,
            plugin::label(p > o_.hard   ? "hard"
                          : p < o_.easy ? "easy"
                                        : "medium")};
  }

  Options o_;
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
  return std::make_unique<Complexity>(o);
}

}  // namespace swy::route
