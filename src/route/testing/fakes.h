// Small plug-ins and a compiler shortcut for tests of the core and of anything that stands on it.
// Header-only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/doc.h"
#include "route/plan.h"

namespace swy::route::testing {

// Compiles a YAML text; on errors the test fails with them and nullptr comes back.
inline std::shared_ptr<const Plan> plan_from(const std::string& yaml, const Registry& registry,
                                             const std::string& directory = ".") {
  base::Diagnostics diag("test.yaml");
  const auto doc = base::parse_yaml(yaml, diag);
  auto plan = doc ? compile(*doc, directory, registry, diag) : nullptr;
  EXPECT_TRUE(plan != nullptr) << diag.to_text();
  return plan;
}

// All findings of a YAML text, as `switchyard check` prints them.
inline std::string findings(const std::string& yaml, const Registry& registry,
                            const std::string& directory = ".") {
  base::Diagnostics diag("test.yaml");
  const auto doc = base::parse_yaml(yaml, diag);
  if (doc) (void)compile(*doc, directory, registry, diag);
  return diag.to_text();
}

// A request with one user message. Keeps its text.
class Prompt {
 public:
  explicit Prompt(std::string text) : text_(std::move(text)) {
    request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request.parts.push_back({chat::PartKind::kText, text_});
    work.request = &request;
  }
  Prompt(const Prompt&) = delete;
  Prompt& operator=(const Prompt&) = delete;
  chat::Request request;
  Work work;

 private:
  std::string text_;
};

// A signal that answers from the request's metadata: {NAME: "true" | "false"}; anything else is
// unknown. Counts its calls.
// With an encoder: unknown, with the reason, unless that has made its vector.
struct CountedSignal final : Signal {
  explicit CountedSignal(std::string key, std::optional<EncodingKey> wants)
      : key_(std::move(key)), wants_(wants) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    for (std::size_t i = 0; i < readings.size(); ++i) {
      if (wants_) {
        const Encoding* e = readings[i]->encoding(*wants_);
        if (e == nullptr) continue;
        if (e->state != Encoding::State::kReady) {
          facts[i].label = ShortText(to_string(e->state));
          continue;
        }
      }
      ++calls;
      for (const auto& [k, v] : readings[i]->request().metadata) {
        if (k != key_) continue;
        const bool labelled = v.starts_with('=');  // "=name": true, and name is its label
        facts[i].truth = v == "true" || labelled ? Truth::kTrue
                         : v == "false"          ? Truth::kFalse
                                                 : Truth::kUnknown;
        facts[i].confidence = 0.75F;
        facts[i].value = 7;
        facts[i].label = ShortText(labelled ? v.substr(1) : v);
      }
    }
  }
  [[nodiscard]] double cost_us() const override { return 1; }
  mutable int calls = 0;

 private:
  std::string key_;
  std::optional<EncodingKey> wants_;
};

// The text's length and one.
struct FakeEncoder final : Encoder {
  explicit FakeEncoder(bool immediate) : immediate_(immediate) {}
  [[nodiscard]] std::size_t dims() const override { return 2; }
  [[nodiscard]] const std::string& content_hash() const override { return hash_; }
  [[nodiscard]] bool immediate() const override { return immediate_; }
  Status encode(std::span<const std::string_view> texts, std::span<float> out) const override {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (texts[i] == "poison") return fail(ErrorCode::kInternal, "poison");
      out[2 * i] = static_cast<float>(texts[i].size());
      out[2 * i + 1] = 1;
    }
    return {};
  }

 private:
  bool immediate_;
  std::string hash_ = "fake";
};
inline std::unique_ptr<Encoder> make_slow_encoder(const base::Doc&, BuildContext&) {
  return std::make_unique<FakeEncoder>(false);
}
inline std::unique_ptr<Encoder> make_quick_encoder(const base::Doc&, BuildContext&) {
  return std::make_unique<FakeEncoder>(true);
}

struct FakeOptions {
  std::string key;
  std::string encoder = "slow_encoder";
  void bind(base::OptionBinder& b) {
    b.field("key", key, "metadata key to answer from");
    b.field("encoder", encoder, "encoder that must have been asked");
  }
};
inline std::unique_ptr<Signal> make_counted(const base::Doc& node, BuildContext& ctx) {
  FakeOptions o;
  if (!ctx.bind(node, o)) return nullptr;
  return std::make_unique<CountedSignal>(o.key, std::nullopt);
}
inline std::unique_ptr<Signal> make_slow(const base::Doc& node, BuildContext& ctx) {
  FakeOptions o;
  if (!ctx.bind(node, o)) return nullptr;
  const auto encoder = ctx.encoder(o.encoder, node.mark());
  if (!encoder) return nullptr;
  return std::make_unique<CountedSignal>(o.key, EncodingKey{*encoder, chat::Scope::kLastUser});
}

// Believes the card's default quality and a cost of its input price.
struct CardEstimator final : Estimator {
  void estimate(const Question& q, std::span<Belief> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (const auto& [k, v] : q.card(i).quality) out[i].quality = v;
      out[i].cost_micro = q.card(i).price.input;
    }
  }
};
inline std::unique_ptr<Estimator> make_card(const base::Doc&, BuildContext&) {
  return std::make_unique<CardEstimator>();
}

// Denies cards whose context is below 100 and says so of the card too.
struct SmallGuard final : Guard {
  [[nodiscard]] Verdict check(const Question& q, std::size_t c) const override {
    return *check_card(q.card(c));
  }
  [[nodiscard]] std::optional<Verdict> check_card(const Card& card) const override {
    if (card.context >= 100) return Verdict{};
    return Verdict{false, ReasonText("context is tiny")};
  }
};
inline std::unique_ptr<Guard> make_small(const base::Doc&, BuildContext&) {
  return std::make_unique<SmallGuard>();
}

// Equal probability over what is not masked.
struct UniformPolicy final : Policy {
  void weigh(const Question& q, std::span<const Belief>, Distribution& out) const override {
    std::size_t n = 0;
    for (std::size_t i = 0; i < out.probability.size(); ++i) n += q.masked(i) ? 0U : 1U;
    for (std::size_t i = 0; i < out.probability.size(); ++i) {
      if (!q.masked(i)) out.probability[i] = 1.0 / static_cast<double>(n);
    }
    out.why = ReasonText("uniform");
  }
};
inline std::unique_ptr<Policy> make_uniform(const base::Doc&, BuildContext&) {
  return std::make_unique<UniformPolicy>();
}

inline Registry fake_registry() {
  Registry r;
  r.add_encoder("slow_encoder", make_slow_encoder);
  r.add_encoder("quick_encoder", make_quick_encoder);
  r.add_signal("counted", make_counted);
  r.add_signal("slow", make_slow);
  r.add_estimator("card", make_card);
  r.add_estimator("prior", make_card);
  r.add_guard("small", make_small);
  r.add_policy("uniform", make_uniform);
  r.add_policy("first", make_uniform);
  return r;
}

}  // namespace swy::route::testing
