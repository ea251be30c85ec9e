#include <gtest/gtest.h>

#include "base/testing/allocations.h"
#include "route/testing/fakes.h"

namespace swy::route {
namespace {

using testing::CountedSignal;
using testing::fake_registry;
using testing::plan_from;
using testing::Prompt;

constexpr const char* kYaml = R"(
models:
  - { name: s, price: { input: 1, output: 1 }, context: 50, quality: { default: 0.2 } }
  - { name: m, price: { input: 4, output: 4 }, context: 1000, quality: { default: 0.7 } }
  - { name: l, price: { input: 20, output: 20 }, context: 1000, quality: { default: 0.8 } }
signals:
  one: { type: counted, key: one }
  two: { type: counted, key: two }
  three: { type: slow, key: three }
routes:
  auto:
    - { name: both, when: "one && two", models: [l], policy: uniform }
    - { name: slow-one, when: "two && three", models: [m, l], policy: uniform }
    - { name: rest, models: [s, m, l], guards: [small], policy: uniform }
)";

int calls(const Plan& plan, std::string_view name) {
  return static_cast<const CountedSignal&>(*plan.signals[*plan.find_signal(name)].signal).calls;
}

Decision ask(const Plan& plan, Prompt& p, Scratch& s, std::uint64_t id = 1) {
  p.work.id = id;
  s.begin(p.work, plan.signals.size());
  return decide(plan, *plan.find("auto"), {}, base::Rng(7, id, 0), s);
}

TEST(Decide, AsksOnlyForFactsThatCanStillMatter) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  p.request.metadata = {{"one", "false"}, {"two", "false"}};
  Scratch s;
  const auto d = ask(*plan, p, s);
  ASSERT_TRUE(std::holds_alternative<Choice>(d));
  EXPECT_EQ(std::get<Choice>(d).rule, 2U);
  EXPECT_EQ(calls(*plan, "one"), 1);
  EXPECT_EQ(calls(*plan, "two"), 1) << "the second rule asks for it";
  EXPECT_EQ(calls(*plan, "three"), 0) << "two is false: three cannot matter";
}

TEST(Decide, NeverWaitsButSaysWhatItNeeds) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  p.request.metadata = {{"one", "false"}, {"two", "true"}, {"three", "true"}};
  Scratch s;
  auto d = ask(*plan, p, s);
  ASSERT_TRUE(std::holds_alternative<Need>(d));
  ASSERT_EQ(std::get<Need>(d).facts.size(), 1U);
  EXPECT_EQ(std::get<Need>(d).facts[0], *plan->find_signal("three"));
  ASSERT_EQ(std::get<Need>(d).encodings.size(), 1U);
  EXPECT_EQ(std::get<Need>(d).deadline_ms, 50);
  s.reading.provide(std::get<Need>(d).encodings[0], Encoding::State::kReady,
                    std::vector<float>{1, 1});
  d = decide(*plan, *plan->find("auto"), {}, base::Rng(7, 1, 0), s);
  ASSERT_TRUE(std::holds_alternative<Choice>(d));
  EXPECT_EQ(std::get<Choice>(d).rule, 1U);
  EXPECT_EQ(calls(*plan, "two"), 1) << "facts are kept between the two askings";
}

TEST(Decide, WhatIsNotReadyIsUnknownAndSaysWhy) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  p.request.metadata = {{"one", "false"}, {"two", "true"}, {"three", "true"}};
  for (const auto state :
       {Encoding::State::kLate, Encoding::State::kBusy, Encoding::State::kFailed}) {
    Scratch s;
    auto d = ask(*plan, p, s);
    ASSERT_TRUE(std::holds_alternative<Need>(d));
    s.reading.provide(std::get<Need>(d).encodings[0], state);
    d = decide(*plan, *plan->find("auto"), {}, base::Rng(7, 1, 0), s);
    ASSERT_TRUE(std::holds_alternative<Choice>(d));
    EXPECT_EQ(std::get<Choice>(d).rule, 2U);
    EXPECT_EQ(s.facts[*plan->find_signal("three")].label.view(), to_string(state));
  }
}

TEST(Decide, ImmediateEncodersAreAskedInPassingAndOnlyWhenAFactNeedsThem) {
  std::string yaml(kYaml);
  yaml.replace(yaml.find("type: slow"), 10, "type: slow, encoder: quick_encoder");
  const auto plan = plan_from(yaml, fake_registry());
  Prompt p("x");
  p.request.metadata = {{"one", "false"}, {"two", "true"}, {"three", "true"}};
  Scratch s;
  ASSERT_TRUE(std::holds_alternative<Choice>(ask(*plan, p, s)));
  const Encoding* e = s.reading.encoding({0, chat::Scope::kLastUser});
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->values, (std::vector<float>{1, 1}));
  p.request.metadata = {{"one", "true"}, {"two", "false"}};
  ASSERT_TRUE(std::holds_alternative<Choice>(ask(*plan, p, s)));
  EXPECT_EQ(s.reading.encoding({0, chat::Scope::kLastUser}), nullptr);
}

TEST(Decide, AnEncoderThatFailsLeavesItsFactsUnknown) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("poison");
  p.request.metadata = {{"one", "false"}, {"two", "true"}, {"three", "true"}};
  Scratch s;
  s.begin(p.work, 3);
  const auto d = decide_now(*plan, *plan->find("auto"), {}, base::Rng(7, 1, 0), s);
  ASSERT_TRUE(std::holds_alternative<Choice>(d));
  EXPECT_EQ(std::get<Choice>(d).rule, 2U);
  EXPECT_EQ(s.facts[*plan->find_signal("three")].label.view(), "failed");
}

TEST(Decide, AnUnknownFactMatchesNoRule) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  Scratch s;
  const auto d =
      decide_now(*plan, *plan->find("auto"), {}, base::Rng(7, 1, 0), (s.begin(p.work, 3), s));
  ASSERT_TRUE(std::holds_alternative<Choice>(d));
  EXPECT_EQ(std::get<Choice>(d).rule, 2U);
}

TEST(Decide, MasksForbiddenCandidatesAndRecordsTheGuard) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  Scratch s;
  std::vector<int> hits(3, 0);
  for (std::uint64_t id = 0; id < 2000; ++id) {
    s.begin(p.work, 3);
    const auto d = decide_now(*plan, *plan->find("auto"), {}, base::Rng(7, id, 0), s);
    const auto& c = std::get<Choice>(d);
    EXPECT_DOUBLE_EQ(c.propensity, 0.5);
    ++hits[c.candidate];
  }
  EXPECT_EQ(hits[0], 0);
  EXPECT_EQ(s.masked_by[0], 0);
  EXPECT_EQ(s.verdicts[0].why.view(), "context is tiny");
  EXPECT_NEAR(hits[1], 1000, 100) << "draws follow the stated probability";
}

TEST(Decide, RefusesNamingEveryGuardWhenNothingIsLeft) {
  const auto registry = fake_registry();
  std::string yaml = kYaml;
  yaml.replace(yaml.find("context: 1000"), 13, "context: 10");
  yaml.replace(yaml.find("context: 1000"), 13, "context: 10");
  EXPECT_NE(testing::findings(yaml, registry)
                .find("every candidate of rule 'rest' is excluded by its guards"),
            std::string::npos);
}

TEST(Decide, TheSameQuestionAndSeedGiveTheSameChoice) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  Scratch a, b;
  for (std::uint64_t id = 0; id < 200; ++id) {
    const auto x =
        decide_now(*plan, *plan->find("auto"), {}, base::Rng(9, id, 0), (a.begin(p.work, 3), a));
    const auto y =
        decide_now(*plan, *plan->find("auto"), {}, base::Rng(9, id, 0), (b.begin(p.work, 3), b));
    EXPECT_EQ(std::get<Choice>(x).candidate, std::get<Choice>(y).candidate);
  }
}

TEST(Decide, DoesNotAllocateAfterWarmUp) {
  const auto plan = plan_from(kYaml, fake_registry());
  Prompt p("x");
  p.request.metadata = {{"one", "true"}, {"two", "true"}};
  Scratch s;
  (void)ask(*plan, p, s);
  p.request.metadata[0].second = "false";
  p.request.metadata.emplace_back("three", "false");
  for (int i = 0; i < 2; ++i)
    (void)decide_now(*plan, *plan->find("auto"), {}, base::Rng(7, 1, 0), (s.begin(p.work, 3), s));
  const std::size_t before = base::testing::allocation_count();
  for (std::uint64_t id = 0; id < 100; ++id) {
    (void)decide_now(*plan, *plan->find("auto"), {}, base::Rng(7, id, 0), (s.begin(p.work, 3), s));
  }
  EXPECT_EQ(base::testing::allocation_count(), before);
}

struct BrokenPolicy final : Policy {
  void weigh(const Question&, std::span<const Belief>, Distribution& out) const override {
    out.probability[0] = 2;
  }
};

TEST(Decide, AnUnsoundPolicyIsCountedAndContained) {
  Registry r = fake_registry();
  r.add_policy("broken", [](const base::Doc&, BuildContext&) -> std::unique_ptr<Policy> {
    return std::make_unique<BrokenPolicy>();
  });
  const auto plan = plan_from(
      "models: [{ name: a, price: { input: 1, output: 1 } }]\nroutes: { auto: [{ models: [a], "
      "policy: broken }] }",
      r);
  Prompt p("x");
  Scratch s;
  const auto d = ask(*plan, p, s);
  EXPECT_EQ(std::get<Choice>(d).propensity, 1);
  EXPECT_NE(std::get<Choice>(d).why.view().find("no sound distribution"), std::string_view::npos);
}

}  // namespace
}  // namespace swy::route
