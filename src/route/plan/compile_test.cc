#include <gtest/gtest.h>

#include "route/testing/fakes.h"

namespace swy::route {
namespace {

using testing::fake_registry;
using testing::findings;
using testing::plan_from;

constexpr const char* kModels =
    "models:\n  - { name: a, price: { input: 1, output: 2 } }\n  - { name: b, price: { input: 1, "
    "output: 2 } }\n";

std::string with(const std::string& rest) { return findings(kModels + rest, fake_registry()); }

TEST(Compile, OrdersByPriorityThenByFile) {
  const auto plan = plan_from(std::string(kModels) + R"(
signals: { x: { type: counted, key: x }, y: { type: counted, key: y } }
routes:
  auto:
    - { name: late, when: x, models: [a] }
    - { name: early, when: y, priority: 10, models: [b] }
    - { name: end, models: [a, b] }
)",
                              fake_registry());
  ASSERT_TRUE(plan);
  const auto& rules = plan->find("auto")->rules;
  EXPECT_EQ(rules[0].name, "early");
  EXPECT_EQ(rules[1].name, "late");
  EXPECT_EQ(plan->version.size(), 16U);
}

TEST(Compile, NamesUnknownThingsWithTheirNeighbours) {
  EXPECT_EQ(with("routes: { auto: [{ models: [aa] }] }\n"),
            "test.yaml:4:29: error: unknown model 'aa', did you mean a?\n");
  EXPECT_EQ(with("routes: { auto: [{ models: [a], policy: unform }] }\n"),
            "test.yaml:4:41: error: unknown policy 'unform', did you mean uniform?\n");
  EXPECT_EQ(with("routes: { auto: [{ models: [a], polcy: uniform }] }\n"),
            "test.yaml:4:33: error: unknown key 'polcy', did you mean policy?\n");
  EXPECT_EQ(with("signals: { x: { type: conted, key: k } }\n"),
            "test.yaml:4:23: error: unknown signal type 'conted', did you mean counted?\n");
  EXPECT_EQ(with("routes: { auto: [{ models: [a], estimator: crd }] }\n"),
            "test.yaml:4:44: error: unknown estimator 'crd', did you mean card?\n");
  EXPECT_EQ(with("routes: { auto: [{ models: [a], guards: [smal] }] }\n"),
            "test.yaml:4:41: error: unknown guard 'smal', did you mean small?\n");
}

TEST(Compile, ASignalThatIsOffIsNotMadeAndIsUnknown) {
  const auto plan = plan_from(std::string(kModels) + R"(
signals: { x: { type: counted, no_such_option: 1, enabled: false }, y: { type: counted, key: y, enabled: true } }
routes: { auto: [{ name: r, when: x, models: [a] }, { models: [b] }] }
)",
                              fake_registry());
  ASSERT_TRUE(plan);
  Fact fact;
  fact.truth = Truth::kTrue;
  Reading reading;
  Reading* const one = &reading;
  plan->signals[0].signal->compute({&one, 1}, {&fact, 1});
  EXPECT_EQ(fact.truth, Truth::kUnknown);
  EXPECT_EQ(fact.label.view(), "off");
  EXPECT_NE(with("signals: { x: { type: counted, key: x, enabled: maybe } }\n"
                 "routes: { auto: [{ models: [a] }] }\n")
                .find("enabled must be true or false"),
            std::string::npos);
}

TEST(Compile, WhatCouldNotBeMadeIsNotCalledUnknownWhereItIsUsed) {
  EXPECT_EQ(with("signals: { x: { type: counted, kee: x } }\n"
                 "routes: { auto: [{ when: x, models: [a] }, { models: [b] }] }\n"),
            "test.yaml:4:32: error: unknown key 'kee', did you mean key?\n");
}

TEST(Compile, PointsIntoTheCondition) {
  EXPECT_EQ(with("signals: { code: { type: counted, key: k } }\nroutes:\n  auto:\n    - { name: r, "
                 "when: \"code && cod\", models: [a] }\n"),
            "test.yaml:7:33: error: in the condition of rule 'r': unknown signal 'cod', did you "
            "mean code?\n");
}

TEST(Compile, RefusesDuplicatesAndWrongTypes) {
  EXPECT_NE(
      with("routes: { auto: [{ name: r, models: [a], when: 'true' }, { name: r, models: [a] }] }\n")
          .find("rule 'r' is given twice"),
      std::string::npos);
  EXPECT_NE(with("routes: { a: [{ models: [a] }] }\n").find("both a model and a rule set"),
            std::string::npos);
  EXPECT_NE(findings("models: [{ name: a }, { name: a }]", fake_registry())
                .find("model 'a' is given twice"),
            std::string::npos);
  EXPECT_NE(with("routes: { auto: 3 }\n").find("must be a list"), std::string::npos);
  EXPECT_NE(with("signals: { request: { type: counted, key: k } }\n").find("cannot name a signal"),
            std::string::npos);
}

TEST(Compile, WarnsOfModelsWithoutPrice) {
  EXPECT_NE(findings("models: [{ name: a }]", fake_registry())
                .find("test.yaml:1:10: warning: model 'a' has no price"),
            std::string::npos);
}

TEST(Compile, TheVersionIsTheContent) {
  const auto a =
      plan_from(std::string(kModels) + "routes: { auto: [{ models: [a] }] }\n", fake_registry());
  const auto b = plan_from(
      "# a comment\n" + std::string(kModels) + "routes:   { auto: [ { models: [a] } ] }\n",
      fake_registry());
  const auto c =
      plan_from(std::string(kModels) + "routes: { auto: [{ models: [b] }] }\n", fake_registry());
  EXPECT_EQ(a->version, b->version);
  EXPECT_NE(a->version, c->version);
}

TEST(Cost, IsExactInNanoUsd) {
  const Price p{.input = 0.10, .cached_input = 0.05, .output = 0.40};
  EXPECT_EQ(cost_of(p, 65, 0, 75), 36'500);
  EXPECT_EQ(cost_of(p, 65, 40, 75), 34'500);
  EXPECT_FALSE(cost_of(Price{}, 1, 0, 1));
  EXPECT_EQ(usd_text(36'500), "0.0000365");
  EXPECT_EQ(usd_text(0), "0.0");
  EXPECT_EQ(usd_text(-1'500'000'000), "-1.5");
}

}  // namespace
}  // namespace swy::route
