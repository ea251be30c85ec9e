// Cascade: the head's cheap stage answers in microseconds; when its calibrated confidence is below
// `unsure_below` and an encoder is configured, the fact waits for that encoder's vector of the same
// text (shared by all signals) and the second stage answers. An encoding that does not come in time
// leaves the fact unknown, or as the cheap stage sees it (when_late: cheap).
#include "route/detail/headed.h"

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "embed/builtin.h"

namespace swy::route::headed {
namespace {

enum class WhenLate : std::uint8_t { kUnknown, kCheap };
constexpr std::array<plugin::Named<WhenLate>, 2> kWhenLate = {
    {{"unknown", WhenLate::kUnknown}, {"cheap", WhenLate::kCheap}}};

using Head = std::shared_ptr<const embed::TextHead>;

struct Setup {
  CheapStage cheap;
  std::optional<std::uint16_t> encoder;  // of the second stage
  chat::Scope scope = chat::Scope::kLastUser;
  WhenLate when_late = WhenLate::kUnknown;
  float unsure_below = 0;
  float min_confidence = 0;
};

class Headed final : public Signal {
 public:
  Headed(Setup setup, std::vector<bool> passes)
      : s_(std::move(setup)), passes_(std::move(passes)) {}

  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](Reading& r) { return fact(r); });
  }
  [[nodiscard]] double cost_us() const override { return head().has_cheap_stage() ? 30 : 2000; }

 private:
  // A missing encoding makes the fact provisional: compute() is called again.
  [[nodiscard]] Fact fact(Reading& reading) const {
    const std::string_view text = reading.text(s_.scope);
    if (text.empty()) return {};
    thread_local embed::HeadScore score;
    bool cheap = false;
    if (head().has_cheap_stage()) {
      if (!s_.cheap.score(reading, s_.scope, text, score)) return {};
      cheap = true;
      if (score.confidence >= s_.unsure_below || !s_.encoder) return fact_of(score);
    }
    const Encoding* e = reading.encoding({*s_.encoder, s_.scope});
    if (e == nullptr) return {};
    if (e->state == Encoding::State::kReady) {
      head().refine(e->values, score);
      return fact_of(score);
    }
    if (cheap && s_.when_late == WhenLate::kCheap) return fact_of(score);
    Fact unknown;
    unknown.label = ShortText(to_string(e->state));
    return unknown;
  }

  [[nodiscard]] const embed::TextHead& head() const { return *s_.cheap.head; }

  [[nodiscard]] Fact fact_of(const embed::HeadScore& score) const {
    if (score.confidence < s_.min_confidence) return {};
    // Confidence is that of the truth: of "not one of any" too.
    double p = 0;
    for (std::size_t i = 0; i < passes_.size(); ++i)
      p += passes_[i] ? static_cast<double>(score.probabilities[i]) : 0.0;
    const bool all = std::all_of(passes_.begin(), passes_.end(), [](bool b) { return b; });
    const bool in = passes_[score.best];
    const double confidence = all || head().multilabel() ? score.confidence : in ? p : 1 - p;
    return {plugin::truth(in), static_cast<float>(std::clamp(confidence, 0.0, 1.0)),
            score.confidence, plugin::label(head().labels()[score.best])};
  }

  Setup s_;
  std::vector<bool> passes_;  // by label
};

std::optional<std::vector<bool>> passing(BuildContext& ctx, const base::Doc& node,
                                         const std::vector<std::string>& any,
                                         const embed::TextHead& head) {
  const auto labels = head.labels();
  std::vector<bool> out(labels.size(), any.empty());
  for (const std::string& name : any) {
    const auto at = std::find(labels.begin(), labels.end(), name);
    if (at == labels.end()) {
      ctx.diag().error(plugin::mark_of(node, "any"),
                       fmt::format("the head has no label '{}'{}", name,
                                   base::did_you_mean(name, {labels.begin(), labels.end()})));
      return std::nullopt;
    }
    out[static_cast<std::size_t>(at - labels.begin())] = true;
  }
  return out;
}

Result<Head> load(const Options& o, std::string_view builtin, const std::string& directory,
                  const embed::HeadInputs& given) {
  if (o.head.empty()) return embed::builtin_head(builtin, given);
  return embed::TextHead::load((std::filesystem::path(directory) / o.head).string(), given);
}

}  // namespace

bool CheapStage::score(Reading& reading, chat::Scope scope, std::string_view text,
                       embed::HeadScore& out) const {
  thread_local embed::Grams grams;
  embed::CheapInput input;
  if (fixed) {
    const Encoding* e = reading.encoding({*fixed, scope});
    if (e == nullptr || e->state != Encoding::State::kReady) return false;
    input.static_embedding = e->values;
  }
  if (head->uses_grams()) {
    grams.read(text);
    input.grams = &grams;
  }
  head->cheap(input, out);
  return true;
}

std::optional<YesNo> YesNo::make(const base::Doc& node, BuildContext& ctx, std::string_view builtin,
                                 std::string_view positive) {
  YesNo out;
  out.stage_.fixed = ctx.encoder("static_embedding", node.mark());
  if (!out.stage_.fixed) return std::nullopt;
  auto head = embed::builtin_head(
      builtin, {.static_hash = ctx.encoder(*out.stage_.fixed).content_hash(), .encoder_hash = {}});
  if (!head) {
    ctx.diag().error(node.mark(), head.error().message);
    return std::nullopt;
  }
  const auto labels = (*head)->labels();
  const auto at = std::find(labels.begin(), labels.end(), positive);
  SWY_ASSERT(labels.size() == 2 && at != labels.end());  // a test holds the built-in heads to it
  out.positive_ = static_cast<std::uint32_t>(at - labels.begin());
  out.stage_.head = std::move(*head);
  if (!out.stage_.head->uses_static()) out.stage_.fixed.reset();
  return out;
}

std::optional<double> YesNo::probability(Reading& reading, chat::Scope scope) const {
  const std::string_view text = reading.text(scope);
  thread_local embed::HeadScore score;
  if (text.empty() || !stage_.score(reading, scope, text, score)) return std::nullopt;
  // Of two labels the confidence in one says that in the other.
  const auto p = std::clamp(static_cast<double>(score.confidence), 0.0, 1.0);
  return score.best == positive_ ? p : 1 - p;
}

void Options::bind(base::OptionBinder& b) {
  b.field("head", head, "file made by `switchyard train signal`");
  b.field("encoder", encoder, "name of the encoder of the second stage; empty: cheap stage only");
  b.field("any", any, "labels that make it true; empty: every label");
  b.field("min_confidence", min_confidence, {-1, 1},
          "a less certain answer is unknown; -1: as the head says");
  b.field("unsure_below", unsure_below, {-1, 1},
          "confidence of the cheap stage below which the encoder is asked; -1: as the head says");
  b.field("when_late", when_late,
          "what an encoding that is not ready in time leaves: unknown, or cheap for the cheap "
          "stage's answer");
  b.field("scope", scope, plugin::kScopeHelp);
}

std::unique_ptr<Signal> make(const base::Doc& node, BuildContext& ctx, std::string_view builtin) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  Setup s;
  const auto scope = plugin::choose(ctx, node, "scope", o.scope, plugin::kScopes);
  const auto late = plugin::choose(ctx, node, "when_late", o.when_late, kWhenLate);
  if (o.head.empty() && builtin.empty())
    ctx.diag().error(node.mark(), "classifier needs a head; `switchyard train signal` makes one");
  if (!scope || !late || (o.head.empty() && builtin.empty())) return nullptr;
  s.scope = *scope;
  s.when_late = *late;
  embed::HeadInputs given;
  s.cheap.fixed = ctx.encoder("static_embedding", node.mark());
  if (!s.cheap.fixed) return nullptr;
  given.static_hash = ctx.encoder(*s.cheap.fixed).content_hash();
  if (!o.encoder.empty()) {
    s.encoder = ctx.encoder(o.encoder, plugin::mark_of(node, "encoder"));
    if (!s.encoder) return nullptr;
    given.encoder_hash = ctx.encoder(*s.encoder).content_hash();
  }
  auto head = load(o, builtin, ctx.directory(), given);
  if (!head) {
    ctx.diag().error(plugin::mark_of(node, "head"), head.error().message);
    return nullptr;
  }
  s.cheap.head = std::move(*head);
  if (!s.cheap.head->uses_static()) s.cheap.fixed.reset();
  if (s.encoder && !s.cheap.head->has_encoder_stage()) {
    ctx.diag().warning(plugin::mark_of(node, "encoder"),
                       "the head was trained without an encoder: it will never be asked");
    s.encoder.reset();
  }
  s.unsure_below =
      o.unsure_below >= 0 ? static_cast<float>(o.unsure_below) : s.cheap.head->unsure_below();
  s.min_confidence =
      o.min_confidence >= 0 ? static_cast<float>(o.min_confidence) : s.cheap.head->abstain_below();
  auto passes = passing(ctx, node, o.any, *s.cheap.head);
  if (!passes) return nullptr;
  return std::make_unique<Headed>(std::move(s), std::move(*passes));
}

}  // namespace swy::route::headed
