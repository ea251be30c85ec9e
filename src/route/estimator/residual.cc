// residual: another estimator's quality, corrected by what came of it since.
//
// Formula: for every model a mean of residuals, quality = q + sum w (r - q_then) / (ridge + sum w)
// over the outcomes r of that model, q_then what the base believed of that question; forget < 1
// multiplies the weights w of older ones at every outcome. Variance: the base's plus noise^2 /
// (ridge + sum w) (math/online_ridge.h with a constant as its only feature). Right for a base that
// is fitted once and models that change afterwards: the correction is a pseudo-observation at 0
// away from following them, and the order of questions within a model stays. Learns while serving
// as linear_bandit does, on a private copy that is published at a beat; it is not kept across
// restarts. Cost: the base's. When it loses: a model that became worse at one thing only is
// believed worse at all. Unknown to the base stays unknown. Source: the Residual of
// request-routing.md section 2. Tests: residual_test.cc, online_ridge_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "math/online_ridge.h"
#include "route/detail/one_text.h"
#include "route/estimator/parts.h"

namespace swy::route {
namespace {

constexpr double kMostVariance = 0.25;  // of anything in 0..1

struct Options {
  std::string of;
  double ridge = 10;
  double noise = 0.5;
  double forget = 1;
  void bind(base::OptionBinder& b) {
    b.field("of", of, "the estimator that is corrected, by configured or type name; required");
    b.field("ridge", ridge, {.min = 1e-6, .max = 1e6}, "pseudo-outcomes without a residual");
    b.field("noise", noise, {.min = 0, .max = 1}, "standard deviation of one outcome");
    b.field("forget", forget, {.min = 0.5, .max = 1},
            "what is left of an outcome after the next one; 1: everything");
  }
};

// The encoders that an estimator asks for, by key.
using Encoders = std::vector<std::pair<EncodingKey, const Encoder*>>;

class Residual final : public Combined<Residual> {
 public:
  Residual(Parts base, const Options& o, Encoders encoders, std::size_t models)
      : Combined(std::move(base)),
        noise_(o.noise),
        forget_(o.forget),
        encoders_(std::move(encoders)),
        arms_(models, math::OnlineRidge(1, o.ridge)) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    parts().all()[0]->estimate(q, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      Belief& b = out[i];
      if (std::isnan(b.quality)) continue;
      const math::OnlineRidge& arm = arms_[q.candidates[i]];
      const auto said = arm.predict(kOne);
      b.quality = std::clamp(b.quality + said.mean, 0.0, 1.0);
      b.quality_var = std::min(b.quality_var + noise_ * noise_ * said.leverage, kMostVariance);
      b.evidence += arm.examples();
    }
  }
  [[nodiscard]] std::uint64_t version() const override {
    std::uint64_t v = parts().version();
    for (const auto& arm : arms_) {
      v = v * 31 + static_cast<std::uint64_t>(std::llround(arm.moment()[0] * 1e6)) +
          static_cast<std::uint64_t>(std::llround(arm.examples() * 1e3));
    }
    return v;
  }

  [[nodiscard]] std::unique_ptr<Estimator> copy() const override {
    return std::make_unique<Residual>(*this);
  }
  void update(const Question& q, std::size_t candidate, const Outcome& o) override {
    if (!(o.quality >= 0 && o.quality <= 1)) return;
    BeliefBuffer said(q.candidates.size());
    ask_base(q, said.all());
    const double believed = said.all()[candidate].quality;
    if (std::isnan(believed)) return;
    if (forget_ < 1) {
      for (auto& arm : arms_) arm.forget(forget_);
    }
    arms_[q.candidates[candidate]].learn(kOne, o.quality - believed);
  }

 private:
  static constexpr std::array<double, 1> kOne{1.0};

  // Encodes on this thread what the base wants and nobody has provided.
  void ask_base(const Question& q, std::span<Belief> out) const {
    for (;;) {
      const std::size_t missing = q.reading.missed();
      std::fill(out.begin(), out.end(), Belief{});
      parts().all()[0]->estimate(q, out);
      if (q.reading.missed() == missing) return;
      for (const EncodingKey key : q.reading.wanted()) provide(key, q.reading);
    }
  }
  void provide(EncodingKey key, Reading& reading) const {
    const auto known = std::find_if(encoders_.begin(), encoders_.end(),
                                    [&](const auto& e) { return e.first.encoder == key.encoder; });
    if (known == encoders_.end()) return reading.provide(key, Encoding::State::kFailed);
    std::vector<float> vector(known->second->dims());
    const std::string_view text = reading.text(key.scope);
    const bool ok = known->second->encode({&text, 1}, vector).has_value();
    reading.provide(key, ok ? Encoding::State::kReady : Encoding::State::kFailed,
                    ok ? std::span<const float>(vector) : std::span<const float>());
  }

  double noise_;
  double forget_;
  Encoders encoders_;
  std::vector<math::OnlineRidge> arms_;  // by ExpertId
};

// What the base asks for on a question; encoders of the plan, which the estimator becomes a part
// of.
Encoders encoders_of(const Estimator& base, BuildContext& ctx) {
  const chat::Request request = one_text("a question");
  Work work;
  work.request = &request;
  std::size_t facts = 0;
  for (const FactId id : base.needs()) facts = std::max<std::size_t>(facts, id + 1);
  Scratch scratch;
  scratch.begin(work, facts);
  for (const FactId id : base.needs()) scratch.set_fact(id, Fact{});
  std::vector<ExpertId> everyone;
  for (std::size_t id = 0; id < ctx.catalogue().size(); ++id)
    everyone.push_back(static_cast<ExpertId>(id));
  scratch.masked_by.assign(everyone.size(), -1);
  std::vector<Belief> out(everyone.size());
  const Question q{ctx.catalogue(), scratch.reading, everyone, {}, scratch};
  Encoders encoders;
  for (;;) {
    const std::size_t missing = scratch.reading.missed();
    base.estimate(q, out);
    if (scratch.reading.missed() == missing) return encoders;
    for (const EncodingKey key : scratch.reading.wanted()) {
      const Encoder& e = ctx.encoder(key.encoder);
      encoders.emplace_back(key, &e);
      scratch.reading.provide(key, Encoding::State::kReady, std::vector<float>(e.dims()));
    }
  }
}

}  // namespace

std::unique_ptr<Estimator> make_residual(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  auto base = Parts::one(o.of, "residual", node.mark(), ctx);
  if (!base) return nullptr;
  if (base->all()[0]->copy() != nullptr) {
    ctx.diag().error(node.mark(), fmt::format("residual: {} learns from outcomes itself", o.of));
    return nullptr;
  }
  Encoders encoders = encoders_of(*base->all()[0], ctx);
  return std::make_unique<Residual>(std::move(*base), o, std::move(encoders),
                                    ctx.catalogue().size());
}

}  // namespace swy::route
