#include "gateway/learner.h"

#include <gtest/gtest.h>

#include "base/doc.h"
#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

constexpr const char* kConfig =
    "models: [{ name: a }, { name: b }]\n"
    "routes: { auto: [{ models: [a, b], estimator: { type: linear_bandit, dims: 0, prior: 0 } }] "
    "}\n";

std::shared_ptr<const route::Plan> plan_of(const char* yaml = kConfig) {
  base::Diagnostics diag("test.yaml");
  const auto doc = base::parse_yaml(yaml, diag);
  auto plan = route::compile(*doc, ".", route::builtin_registry(), diag);
  EXPECT_NE(plan, nullptr) << diag.to_text();
  return plan;
}

Lesson lesson(std::uint32_t candidate = 0, std::uint64_t configured = 1) {
  Lesson l;
  l.body = R"({"model":"auto","messages":[{"role":"user","content":"a question"}]})";
  l.configured = configured;
  l.candidate = candidate;
  return l;
}

double believed(const route::Plan& plan, std::size_t candidate) {
  chat::RequestDoc doc;
  EXPECT_TRUE(doc.decode(lesson().body));
  route::Work work;
  work.request = &doc.request();
  route::Scratch scratch;
  scratch.begin(work, plan.signals.size());
  (void)route::decide_now(plan, plan.rule_sets[0], {}, base::Rng(0, 0, 0), scratch);
  return scratch.beliefs[candidate].quality;
}

TEST(Lessons, AreLearnedOnce) {
  Lessons lessons(1 << 20);
  EXPECT_EQ(lessons.standing("r"), Lessons::Standing::kGone);
  lessons.keep("r", lesson());
  EXPECT_EQ(lessons.standing("r"), Lessons::Standing::kKept);
  EXPECT_TRUE(lessons.take("r"));
  EXPECT_EQ(lessons.standing("r"), Lessons::Standing::kLearned);
  EXPECT_FALSE(lessons.take("r"));
  lessons.keep("r", lesson());  // a replay does not bring it back
  EXPECT_FALSE(lessons.take("r"));
}

TEST(Lessons, ForgetTheOldestWhenFull) {
  Lessons lessons(2'000);
  for (int i = 0; i < 50; ++i) {
    lessons.keep("r" + std::to_string(i), lesson());
    EXPECT_LE(lessons.bytes(), 2'000U);
  }
  EXPECT_EQ(lessons.standing("r0"), Lessons::Standing::kGone);
  EXPECT_EQ(lessons.standing("r49"), Lessons::Standing::kKept);
  Lesson huge = lesson();
  huge.body.assign(5'000, ' ');
  lessons.keep("huge", std::move(huge));
  EXPECT_EQ(lessons.standing("huge"), Lessons::Standing::kGone);
  EXPECT_EQ(lessons.standing("r49"), Lessons::Standing::kKept);
}

TEST(Learner, PublishesWhatItLearnedAndLeavesThePlanInForceAlone) {
  const auto plan = plan_of();
  Learner learner;
  learner.adopt(plan, 1);
  EXPECT_TRUE(learner.learns());
  EXPECT_EQ(learner.publish(), nullptr);
  EXPECT_TRUE(learner.learn(lesson(1), 1));
  const auto next = learner.publish();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(believed(*plan, 1), 0);
  EXPECT_NEAR(believed(*next, 1), 0.5, 1e-12);
  EXPECT_EQ(believed(*next, 0), 0);
  EXPECT_NE(next->version, plan->version);
  EXPECT_EQ(learner.publish(), nullptr);
  EXPECT_TRUE(learner.learn(lesson(1), 1));  // goes on from there
  EXPECT_NEAR(believed(*learner.publish(), 1), 2.0 / 3, 1e-12);
}

TEST(Learner, LearnsNothingFromOtherConfigurationsOrWithoutALearner) {
  Learner learner;
  learner.adopt(plan_of(), 2);
  EXPECT_FALSE(learner.learn(lesson(0, 1), 1));
  learner.adopt(plan_of("models: [{ name: a }]\nroutes: { auto: [{ models: [a] }] }\n"), 3);
  EXPECT_FALSE(learner.learns());
  EXPECT_FALSE(learner.learn(lesson(0, 3), 1));
}

}  // namespace
}  // namespace swy::gateway
