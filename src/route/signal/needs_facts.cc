// needs_facts: a good answer needs facts about the world that can be checked, rather than writing,
// transforming, calculating or chatting. The first stage of a fact-checking pipeline: answers to
// what is false here need not be checked.
//
// What: P(facts) by a logistic model over cue groups (src/text/cues.h), moved to the expected share
// `prior`; true from `threshold` on; value = the probability; label = facts or none. Unknown: no
// text in scope. Cost: the cue pass is shared by all cue signals of a scope. When it loses:
// questions about a text that is given with them (the facts are there already). Source: the gate of
// HaluGate (vLLM Semantic Router) asks the same; the model here is our own. Test:
// needs_facts_test.cc.
#include "route/detail/judged.h"

namespace swy::route {
namespace {

constexpr auto kTask = text::CueTask::kNeedsFacts;

struct Options {
  double threshold = 0.5;
  double prior = 0.5;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of requests that are expected to be so");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class NeedsFacts final : public Signal {
 public:
  NeedsFacts(Options options, chat::Scope scope, std::uint32_t wanted)
      : o_(std::move(options)), scope_(scope), wanted_(wanted) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) -> Fact {
      if (r.text(scope_).empty()) return {};
      text::CueJudgement j = text::judge(kTask, r.cues(scope_));
      text::expect(j, kTask, static_cast<float>(1 - o_.prior));
      return plugin::judged(kTask, j, wanted_, o_.threshold);
    });
  }
  [[nodiscard]] double cost_us() const override { return 12; }

 private:
  Options o_;
  chat::Scope scope_;
  std::uint32_t wanted_;
};

}  // namespace

std::unique_ptr<Signal> make_needs_facts(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const std::uint32_t wanted = plugin::classes_of(ctx, node, kTask, {});
  if (!scope || wanted == 0) return nullptr;
  return std::make_unique<NeedsFacts>(std::move(o), *scope, wanted);
}

}  // namespace swy::route
