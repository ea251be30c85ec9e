// jailbreak: the text tries to talk the model out of its rules, or gives orders to it from a place
// that should hold data.
//
// What: P(attack) by a logistic model over cue groups (src/text/cues.h: ignored rules, personas
// without limits, leaked prompts, forged turns, orders to "AI agents"), moved to the expected share
// `prior`. True from `threshold` on; value = the probability; label = attack or benign. The scope
// says whose text is judged: the user, or with tool_results what tools and retrieval brought
// (injection), which deserves a signal of its own. Unknown: no text in scope. Cost: the cue pass is
// shared by all cue signals of a scope. When it loses: paraphrase, other languages, attacks by
// content alone (an indecent request is a matter for `safety`), many-shot and encoded attacks.
// Source: none; the groups follow published collections of jailbreak prompts (Shen et al.,
// 2308.03825) and injections (Greshake et al., 2302.12173). Test: jailbreak_test.cc.
#include "route/detail/judged.h"

namespace swy::route {
namespace {

constexpr auto kTask = text::CueTask::kJailbreak;

struct Options {
  double threshold = 0.5;
  double prior = 0.2;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of requests that are expected to be so");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Jailbreak final : public Signal {
 public:
  Jailbreak(Options options, chat::Scope scope, std::uint32_t wanted)
      : o_(std::move(options)), scope_(scope), wanted_(wanted) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) -> Fact {
      if (r.text(scope_).empty()) return plugin::nothing_there(kTask);
      text::CueJudgement j = text::judge(kTask, r.cues(scope_));
      text::expect(j, kTask, static_cast<float>(1 - o_.prior));
      const Fact f = plugin::judged(kTask, j, wanted_, o_.threshold);
      return f.truth == Truth::kFalse && r.cut(scope_) ? plugin::not_all_read() : f;
    });
  }
  [[nodiscard]] double cost_us() const override { return 12; }

 private:
  Options o_;
  chat::Scope scope_;
  std::uint32_t wanted_;
};

}  // namespace

std::unique_ptr<Signal> make_jailbreak(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const std::uint32_t wanted = plugin::classes_of(ctx, node, kTask, {});
  if (!scope || wanted == 0) return nullptr;
  return std::make_unique<Jailbreak>(std::move(o), *scope, wanted);
}

}  // namespace swy::route
