#include "gateway/learner.h"

#include <gtest/gtest.h>

#include "base/doc.h"
#include "base/json.h"
#include "record/record_id.h"
#include "route/trace.h"
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

// A record's name of that time.
std::string name_at(std::int64_t time_ms, std::uint64_t sequence = 0) {
  return std::string(record::make_record_id({time_ms, 0, 7, sequence}).view());
}

TEST(Lessons, WhatWasLearnedIsKnownOverAReloadAndARestart) {
  Lessons lessons(1 << 20);
  lessons.restore({{}, 1000});
  lessons.keep(name_at(2000), lesson());
  lessons.keep(name_at(2001), lesson());
  EXPECT_TRUE(lessons.take(name_at(2000)));
  lessons.clear();  // a reload
  EXPECT_EQ(lessons.standing(name_at(2000)), Lessons::Standing::kLearned);
  EXPECT_EQ(lessons.standing(name_at(2001)), Lessons::Standing::kGone);
  EXPECT_TRUE(lessons.may_learn_again(name_at(2001)));
  EXPECT_FALSE(lessons.may_learn_again(name_at(2000)));
  EXPECT_FALSE(lessons.may_learn_again(name_at(999))) << "nobody knows";
  EXPECT_FALSE(lessons.may_learn_again("r"));
  lessons.learned(name_at(2001));
  lessons.learned(name_at(2001));
  Lessons again(1 << 20);
  again.restore(lessons.history(10));
  EXPECT_EQ(again.standing(name_at(2000)), Lessons::Standing::kLearned);
  EXPECT_EQ(again.standing(name_at(2001)), Lessons::Standing::kLearned);
  EXPECT_TRUE(again.may_learn_again(name_at(1500)));
  // A history that is cut short makes no record learnable twice.
  Lessons brief(1 << 20);
  brief.restore(lessons.history(1));
  EXPECT_EQ(brief.standing(name_at(2001)), Lessons::Standing::kLearned);
  EXPECT_FALSE(brief.may_learn_again(name_at(2000)));
  EXPECT_TRUE(brief.may_learn_again(name_at(2002)));
  // Nor does forgetting for want of memory.
  Lessons small(1'000);
  small.restore({{}, 1000});
  for (unsigned i = 0; i < 50; ++i) small.learned(name_at(2000 + i));
  for (unsigned i = 0; i < 50; ++i) EXPECT_FALSE(small.may_learn_again(name_at(2000 + i))) << i;
  EXPECT_TRUE(small.may_learn_again(name_at(3000)));
}

// What the gateway writes of a choice of candidate 1.
std::string record_line(const route::Plan& plan, bool body) {
  chat::RequestDoc doc;
  EXPECT_TRUE(doc.decode(lesson().body));
  route::Work work;
  work.request = &doc.request();
  route::Scratch scratch;
  scratch.begin(work, plan.signals.size());
  (void)route::decide_now(plan, plan.rule_sets[0], {}, base::Rng(0, 0, 0), scratch);
  route::Choice choice;
  choice.candidate = 1;
  choice.expert = 1;
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("kind", "request").key("work");
  route::write_work(w, plan, scratch.reading, true);
  w.key("decision");
  route::write_decision(w, plan, plan.rule_sets[0], scratch, choice);
  if (body) w.field("body", lesson().body);
  w.end_object();
  return out;
}

TEST(Learner, LearnsFromARecordWhatItWouldHaveLearnedFromItsLesson) {
  const auto plan = plan_of();
  Learner from_lesson;
  from_lesson.adopt(plan, 1);
  EXPECT_TRUE(from_lesson.learn(lesson(1), 1));
  const auto expected = from_lesson.publish();
  for (const bool body : {true, false}) {  // dims: 0 reads no text
    Learner learner;
    learner.adopt(plan, 1);
    base::JsonDoc doc;
    const auto record = doc.parse(record_line(*plan, body));
    ASSERT_TRUE(record);
    EXPECT_TRUE(learner.learn_again(*record, 1));
    const auto next = learner.publish();
    ASSERT_NE(next, nullptr);
    EXPECT_EQ(next->version, expected->version);
    EXPECT_EQ(believed(*next, 1), believed(*expected, 1));
  }
}

TEST(Learner, LearnsNothingFromARecordThatLacksWhatItReads) {
  std::string text = kConfig;
  text.replace(text.find("dims: 0"), 7, "dims: 8");
  const auto plan = plan_of(text.c_str());
  Learner learner;
  learner.adopt(plan, 1);
  base::JsonDoc doc;
  EXPECT_FALSE(learner.learn_again(doc.parse(record_line(*plan, false)).value(), 1));
  EXPECT_FALSE(learner.dirty());
  EXPECT_TRUE(learner.learn_again(doc.parse(record_line(*plan, true)).value(), 1));
  for (const char* bad : {"{}", R"({"decision":{"choice":"a"},"work":{}})",
                          R"({"decision":{"set":"auto","rule":"none","choice":"a"},"work":{}})",
                          R"({"decision":{"set":"auto","rule":"any","choice":"z"},"work":{}})"})
    EXPECT_FALSE(learner.learn_again(doc.parse(bad).value(), 1)) << bad;
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
