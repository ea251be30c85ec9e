// needs_facts: a good answer needs facts about the world that can be checked, rather than writing,
// transforming, calculating or chatting. The first stage of a fact-checking pipeline: answers to
// what is false here need not be checked.
//
// What: P(facts) by the built-in head `facts` (models/README.md: its data), its odds moved from the
// share of such requests in the head's calibration to the expected share `prior`; true from
// `threshold` on; value = the probability; label = facts or none. Unknown: no text in scope, or a
// probability nearer to even than `min_confidence`. Cost: as the cheap stage of `task`; the static
// embedding is shared. When it loses: questions about a text that is given with them (the facts are
// there already); other languages than English. Source: the gate of HaluGate (vLLM Semantic Router)
// asks the same; the model here is our own. Test: needs_facts_test.cc.
#include "route/detail/headed.h"

namespace swy::route {
namespace {

constexpr double kLearnedShare = 0.36;  // of `facts` among the rows that calibrated the head

struct Options {
  double threshold = 0.5;
  double prior = kLearnedShare;
  double min_confidence = 0.5;
  std::string scope = "last_user";
  void bind(base::OptionBinder& b) {
    b.field("threshold", threshold, {0.01, 0.99}, "probability from which the fact is true");
    b.field("prior", prior, {0.001, 0.999}, "share of requests that are expected to be so");
    b.field("min_confidence", min_confidence, {0, 1}, "a less certain answer is unknown");
    b.field("scope", scope, plugin::kScopeHelp);
  }
};

class NeedsFacts final : public Signal {
 public:
  NeedsFacts(Options options, chat::Scope scope, headed::YesNo head)
      : o_(std::move(options)),
        scope_(scope),
        head_(std::move(head)),
        odds_(o_.prior / (1 - o_.prior) * (1 - kLearnedShare) / kLearnedShare) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) -> Fact {
      const auto learned = head_.probability(r, scope_);
      if (!learned) return {};
      const double p = *learned * odds_ / (*learned * odds_ + 1 - *learned);
      const bool holds = p >= o_.threshold;
      const double confidence = holds ? p : 1 - p;
      if (std::max(p, 1 - p) < o_.min_confidence) return {};
      return {plugin::truth(holds), static_cast<float>(confidence), p,
              plugin::label(holds ? "facts" : "none")};
    });
  }
  [[nodiscard]] double cost_us() const override { return 15; }

 private:
  Options o_;
  chat::Scope scope_;
  headed::YesNo head_;
  double odds_;
};

}  // namespace

std::unique_ptr<Signal> make_needs_facts(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  auto head = headed::YesNo::make(node, ctx, "facts", "facts");
  if (!scope || !head) return nullptr;
  return std::make_unique<NeedsFacts>(std::move(o), *scope, std::move(*head));
}

}  // namespace swy::route
