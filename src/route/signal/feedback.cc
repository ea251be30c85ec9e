// feedback: what the last user message says about the answer before it: satisfied, dissatisfied, or
// asks for it again (reask).
//
// What: P(class) by a multinomial logistic model over cue groups (src/text/cues.h) of the last user
// text, none included. A user text whose words are those of the user text before it (cosine of
// their sketches at least `similarity`) is a reask whatever its words; the cosine then counts as
// its probability. value = the probability of the classes of `any` together, true from `threshold`
// on; label = the likeliest of them when true, else none. A request without an answer before its
// last user message is none with confidence 1. Unknown: no user text. Cost: the cue pass is shared
// by all cue signals of a scope; two sketches of user texts, 15 us for 1 KB. When it loses: irony,
// praise before a complaint ("thanks, but"), other languages. Source: the classes are those of the
// vLLM Semantic Router's user_feedback; the model is our own. Test: feedback_test.cc.
#include "route/detail/judged.h"
#include "text/ngram.h"

namespace swy::route {
namespace {

constexpr auto kTask = text::CueTask::kFeedback;
constexpr std::size_t kReask = 3;  // in cue_classes(kTask)

struct Options {
  std::vector<std::string> any;
  double threshold = 0.5;
  double prior = 0.5;
  double similarity = 0.7;
  void bind(base::OptionBinder& b) {
    b.field("any", any, "what counts: satisfied, dissatisfied, reask; empty: all three");
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of later messages that are expected to be so");
    b.field("similarity", similarity, {0.1, 1},
            "cosine with the user message before from which it is a reask");
  }
};

struct Turns {
  std::string_view last, before;  // user texts
  bool answered = false;          // an assistant message lies before the last one
};

Turns turns_of(const chat::Request& r) {
  Turns t;
  bool have_last = false;
  for (auto m = r.messages.rbegin(); m != r.messages.rend(); ++m) {
    if (m->role == chat::Role::kAssistant && have_last) t.answered = true;
    if (m->role != chat::Role::kUser) continue;
    std::string_view text;
    for (std::uint32_t p = m->first_part; p < m->first_part + m->parts && text.empty(); ++p)
      text = r.parts[p].text;
    if (have_last) {
      t.before = text;
      break;
    }
    t.last = text;
    have_last = true;
  }
  return t;
}

class Feedback final : public Signal {
 public:
  Feedback(Options options, std::uint32_t wanted) : o_(std::move(options)), wanted_(wanted) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return 27; }

 private:
  [[nodiscard]] Fact fact(Reading& r) const {
    const Turns t = turns_of(r.request());
    if (t.last.empty()) return {};
    if (!t.answered) return {Truth::kFalse, 1, 0, plugin::label("none")};
    text::CueJudgement j = text::judge(kTask, r.cues(chat::Scope::kLastUser));
    text::expect(j, kTask, static_cast<float>(1 - o_.prior));
    const double alike = t.before.empty() ? 0 : similarity(t.last, t.before);
    if (alike >= o_.similarity && static_cast<double>(j.probability[kReask]) < alike) {
      j.probability.fill(0);
      j.probability[kReask] = static_cast<float>(alike);
      j.probability[0] = static_cast<float>(1 - alike);
    }
    return plugin::judged(kTask, j, wanted_, o_.threshold);
  }

  static double similarity(std::string_view a, std::string_view b) {
    constexpr std::size_t kMost = 4096;  // bytes; a question is asked again in fewer
    thread_local text::Sketch one;
    thread_local text::Sketch two;
    text::sketch_into(a.substr(0, kMost), one);
    text::sketch_into(b.substr(0, kMost), two);
    return text::cosine(one, two);
  }

  Options o_;
  std::uint32_t wanted_;
};

}  // namespace

std::unique_ptr<Signal> make_feedback(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::uint32_t wanted = plugin::classes_of(ctx, node, kTask, o.any);
  if (wanted == 0) return nullptr;
  return std::make_unique<Feedback>(std::move(o), wanted);
}

}  // namespace swy::route
