// modality: what kind of answer is wanted: text, an image, audio, or text with images (both).
//
// What: P(kind) by a multinomial logistic model over cue groups (src/text/cues.h). value = the
// probability of the kinds of `any` together (image, audio and both when it is empty), true from
// `threshold` on; label = the likeliest kind when true, else text. Unknown: no text in scope.
// Cost: the cue pass is shared by all cue signals of a scope. When it loses: pictures that are
// asked for without saying so ("a knight on a horse, oil"), other languages. Source: none. Test:
// modality_test.cc.
#include "route/detail/judged.h"

namespace swy::route {
namespace {

constexpr auto kTask = text::CueTask::kModality;

struct Options {
  std::vector<std::string> any;
  double threshold = 0.5;
  double prior = 0.3;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("any", any, "kinds that count: image, audio, both; empty: all three");
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of requests that are expected to be so");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class Modality final : public Signal {
 public:
  Modality(Options options, chat::Scope scope, std::uint32_t wanted)
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

std::unique_ptr<Signal> make_modality(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const std::uint32_t wanted = plugin::classes_of(ctx, node, kTask, o.any);
  if (!scope || wanted == 0) return nullptr;
  return std::make_unique<Modality>(std::move(o), *scope, wanted);
}

}  // namespace swy::route
