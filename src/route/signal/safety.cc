// safety: the text asks for content of a harmful category.
//
// What: P(category) by a multinomial logistic model over cue groups (src/text/cues.h): violence,
// weapons, self_harm, sexual, hate, crime, drugs or none. value = the probability of the categories
// of `any` together (all of them when it is empty), true from `threshold` on; label = the
// likeliest. Unknown: no text in scope. Cost: the cue pass is shared by all cue signals of a scope.
// When it loses: harm without harmful words, harmless text with many of them (novels, news,
// medicine). Source: none; the categories are the common core of public moderation taxonomies.
// Test: safety_test.cc.
#include "route/detail/judged.h"

namespace swy::route {
namespace {

constexpr auto kTask = text::CueTask::kSafety;

struct Options {
  std::vector<std::string> any;
  double threshold = 0.5;
  double prior = 0.2;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("any", any,
            "categories that count: violence, weapons, self_harm, sexual, hate, crime, drugs; "
            "empty: all");
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of requests that are expected to be so");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Safety final : public Signal {
 public:
  Safety(Options options, chat::Scope scope, std::uint32_t wanted)
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

std::unique_ptr<Signal> make_safety(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const std::uint32_t wanted = plugin::classes_of(ctx, node, kTask, o.any);
  if (!scope || wanted == 0) return nullptr;
  return std::make_unique<Safety>(std::move(o), *scope, wanted);
}

}  // namespace swy::route
