#include "route/trace.h"

#include <gtest/gtest.h>

#include <set>

#include "route/testing/beliefs_lab.h"

namespace swy::route {
namespace {

constexpr const char* kYaml = R"(
models:
  - { name: s, price: { input: 1, output: 1 }, context: 50, quality: { default: 0.2 } }
  - { name: m, price: { input: 4, output: 4 }, context: 1000, quality: { default: 0.7 } }
  - { name: l, price: { input: 20, output: 20 }, context: 1000, quality: { default: 0.8 } }
signals:
  one: { type: counted, key: one }
  two: { type: slow, key: two }
routes:
  auto:
    - { name: both, when: "one && two", models: [l], policy: uniform }
    - { name: big, when: "request.tokens > 100000 || request.metadata.team == 'x'", models: [l], policy: uniform }
    - { name: rest, models: [s, m, l], guards: [small], policy: uniform }
)";

struct Written {
  std::string work, decision;
};

Written write(const Plan& plan, const Decision& d, Scratch& s) {
  Written out;
  base::JsonWriter w(out.work);
  write_work(w, plan, s.reading, true);
  base::JsonWriter v(out.decision);
  write_decision(v, plan, *plan.find("auto"), s, d);
  return out;
}

// What is written when the record alone decides again; `recorded` keeps what scratch views.
Written decide_again(const Plan& plan, const Written& first, const base::Rng& rng,
                     RecordedWork& recorded, Scratch& scratch) {
  base::JsonDoc wd, dd;
  const auto wj = wd.parse(first.work);
  const auto dj = dd.parse(first.decision);
  EXPECT_TRUE(wj && dj) << first.work << first.decision;
  if (!wj || !dj) return {};
  EXPECT_TRUE(recorded.read(*wj, plan));
  EXPECT_TRUE(recorded.prepare(*dj, plan, scratch));
  const auto replayed = decide_now(plan, *plan.find("auto"), {}, rng, scratch);
  return write(plan, replayed, scratch);
}

TEST(Trace, ARecordedDecisionDecidesAgainToTheSameBytesWithoutTheText) {
  const auto plan = testing::plan_from(kYaml, testing::fake_registry());
  const char* truths[] = {"true", "false", "other"};
  for (std::uint64_t id = 0; id < 90; ++id) {
    testing::Prompt p("how do I sort a list?");
    p.request.metadata = {
        {"one", truths[id % 3]}, {"two", truths[id / 3 % 3]}, {"team", id % 5 == 0 ? "x" : "y"}};
    p.request.max_tokens = 9;
    p.work.session = "abc";
    p.work.previous = 1;
    const chat::Request saved = p.request;
    Scratch s;
    s.begin(p.work, plan->signals.size());
    const auto live = decide_now(*plan, *plan->find("auto"), {}, base::Rng(3, id, 0), s);
    const Written first = write(*plan, live, s);

    RecordedWork recorded;
    Scratch again;
    const Written second = decide_again(*plan, first, base::Rng(3, id, 0), recorded, again);
    EXPECT_EQ(first.decision, second.decision);
    EXPECT_EQ(recorded.work().previous, 1);
  }
}

TEST(Trace, ASessionDecidesAgainWithoutItsMessages) {
  const auto plan = testing::plan_from(
      "models:\n"
      "  - { name: a, quality: { default: 0.5 }, price: { input: 9, cached_input: 1, output: 1 } "
      "}\n"
      "  - { name: b, quality: { default: 0.6 }, price: { input: 9, cached_input: 3, output: 1 } "
      "}\n"
      "routes: { auto: [{ name: chat, models: [a, b], policy: { type: session_aware, inner: { "
      "type: utility, cost: 0 } } }] }\n",
      testing::beliefs_registry());
  const std::string text(4'000, 'x');
  const std::string_view all(text);
  for (const chat::Role last : {chat::Role::kUser, chat::Role::kTool}) {
    testing::Prompt p("");
    p.request.parts = {{chat::PartKind::kText, all.substr(0, 1'800)},
                       {chat::PartKind::kText, all.substr(1'800, 1'300)},
                       {chat::PartKind::kText, all.substr(3'100)}};
    p.request.messages = {
        {chat::Role::kUser, 0, 1, 0}, {chat::Role::kAssistant, 1, 1, 0}, {last, 2, 1, 0}};
    p.work.session = "abc";
    p.work.previous = 0;
    p.work.past = {3, 1, "auto/chat", 2, 12.345678, 0.3};
    Scratch s;
    s.begin(p.work, 0);
    const auto live = decide_now(*plan, *plan->find("auto"), {}, base::Rng(3, 1, 0), s);
    const Written first = write(*plan, live, s);
    RecordedWork recorded;
    Scratch again;
    const Written second = decide_again(*plan, first, base::Rng(3, 1, 0), recorded, again);
    EXPECT_EQ(first.work, second.work);
    EXPECT_EQ(first.decision, second.decision);
    EXPECT_EQ(recorded.lacks(again.reading), "");
    EXPECT_NE(first.decision.find("keeps the session"), std::string::npos) << first.decision;
    // Without the conversation it could not have been decided, and that shows.
    const std::size_t at = first.work.find(",\"history\"");
    ASSERT_NE(at, std::string::npos) << first.work;
    std::string without = first.work;
    without.erase(at, without.find('}', at) + 1 - at);
    (void)decide_again(*plan, {without, first.decision}, base::Rng(3, 1, 0), recorded, again);
    EXPECT_TRUE(again.reading.history_was_read());
    EXPECT_EQ(recorded.lacks(again.reading),
              "the conversation's turns, which the record does not have");
  }
}

TEST(Trace, ADifferentSeedOrConfigurationShows) {
  const auto plan = testing::plan_from(kYaml, testing::fake_registry());
  testing::Prompt p("x");
  Scratch s;
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    s.begin(p.work, 2);
    const auto d = decide_now(*plan, *plan->find("auto"), {}, base::Rng(seed, 1, 0), s);
    seen.insert(write(*plan, d, s).decision);
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(Trace, TheAnswerRanksAllCandidatesAndSaysWhyOfEach) {
  const auto plan = testing::plan_from(kYaml, testing::fake_registry());
  testing::Prompt p("x");
  Scratch s;
  s.begin(p.work, 2);
  const auto d = decide_now(*plan, *plan->find("auto"), {}, base::Rng(1, 1, 0), s);
  std::string text;
  base::JsonWriter w(text);
  write_answer(w, *plan, *plan->find("auto"), s, d);
  base::JsonDoc doc;
  const auto j = doc.parse(text);
  ASSERT_TRUE(j) << text;
  const auto ranked = j->find("ranked");
  ASSERT_TRUE(ranked && ranked->size() == 3);
  std::vector<std::string> reasons;
  ranked->each([&](const base::Json& c) { reasons.emplace_back(c.string_or("reason", "")); });
  EXPECT_EQ(reasons[2], "forbidden by small: context is tiny");
  EXPECT_TRUE(reasons[0] == "uniform" || reasons[1] == "uniform") << text;
  EXPECT_NE(text.find("could have been drawn: probability 0.5"), std::string::npos) << text;
}

TEST(Trace, KeepsLiveNumbersExactly) {
  const auto plan = testing::plan_from(kYaml, testing::fake_registry());
  std::vector<fleet::LiveStats> live(3);
  live[1] = {0.1, 1.0 / 3, 0.25, 17.5, 2};
  std::string text;
  base::JsonWriter w(text);
  const std::vector<ExpertId> ids{0, 1};
  write_live(w, *plan, live, ids);
  base::JsonDoc doc;
  const auto back = read_live(*doc.parse(text), *plan);
  EXPECT_EQ(back[1].ms_per_token, 1.0 / 3);
  EXPECT_EQ(back[1].in_flight, 2);
  EXPECT_TRUE(back[0].ttft_ms != back[0].ttft_ms);
}

}  // namespace
}  // namespace swy::route
