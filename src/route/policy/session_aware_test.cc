#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Two models whose caches save 0.1 and 1 USD per million tokens, and a conversation of 8,192 tokens
// of which half was sent before: the specification's example (agentic-routing.md 8.8 f).
class SessionAware : public ::testing::Test {
 protected:
  SessionAware() : registry_(beliefs_registry()) { use(""); }

  void use(const std::string& options) {
    plan_ = plan_from(
        "models:\n"
        "  - { name: current, price: { input: 1.1, cached_input: 1.0, output: 1 } }\n"
        "  - { name: frontier, price: { input: 2, cached_input: 1, output: 1 } }\n"
        "  - { name: third, price: { input: 2, output: 1 } }\n"
        "routes: { auto: [{ name: chat, models: [current, frontier, third], policy: { type: "
        "session_aware, " +
            options + " inner: { type: utility, cost: 0 } } }] }\n",
        registry_);
  }

  Weighed ask(const std::vector<Belief>& beliefs, const std::vector<bool>& masked = {}) {
    static constexpr ExpertId kAll[] = {0, 1, 2};
    const std::span<const ExpertId> candidates(kAll, beliefs.size());
    p.work.previous = previous;
    p.work.past = past;
    Scratch s;
    s.begin(p.work, 0);
    s.reading.preset_tokens(8'192);
    s.reading.preset_history(history);
    return weigh_first_rule(*plan_, s, beliefs, masked, candidates);
  }

  Prompt p{"x"};
  ExpertId previous = 0;
  SessionPast past{4, 0, "auto/chat", 4, 10, kUnknownNumber};
  History history{4, 0.5, false};

 private:
  Registry registry_;
  std::shared_ptr<const Plan> plan_;
};

TEST_F(SessionAware, StaysInTheExampleOfTheSpecification) {
  const Weighed w = ask({belief(0.6), belief(0.8)});
  EXPECT_NEAR(w.score[0], 0.7575, 1e-12);
  EXPECT_NEAR(w.score[1], 0.575, 1e-12);
  EXPECT_EQ(w.only(), 0);
  EXPECT_EQ(w.why, "current keeps the session: staying is worth 0.158");
}

TEST_F(SessionAware, MovesOnceTheSessionWasIdle) {
  past.idle_s = 301;
  const Weighed w = ask({belief(0.6), belief(0.8)});
  EXPECT_EQ(w.score, (std::vector<double>{0.6, 0.8}));
  EXPECT_EQ(w.only(), 1);
  EXPECT_NE(w.why.find("; the session starts anew"), std::string::npos);
  past.idle_s = 300;
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}).only(), 0);
}

TEST_F(SessionAware, IsLockedToTheModelThatReadsItsToolsResult) {
  history.reads_tool_result = true;
  const Weighed w = ask({belief(0.6), belief(0.8)});
  EXPECT_NEAR(w.score[0], 1.25, 1e-12);
  EXPECT_EQ(w.only(), 0);
  EXPECT_EQ(w.why, "current keeps the session: it reads the result of its tool");
  past.idle_s = 1e6;  // a new start does not release it
  EXPECT_NEAR(ask({belief(0.6), belief(0.8)}).score[0], 1.25, 1e-12);
  EXPECT_EQ(ask({Belief{}, belief(0.8)}).only(), 0);
  EXPECT_EQ(ask({Belief{}, Belief{}}).only(), 0);
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}, {true, false}).only(), 1);  // guards are above it
}

TEST_F(SessionAware, CountsEveryTerm) {
  past.switches = 4;
  past.warmth = 1;
  past.turns = 8;  // more than the conversation shows: 0.45 / 2 + 0.35 / 2 + 0.2 = 0.6 is held
  const Weighed w = ask({belief(0.6), belief(0.8), belief(0.5)});
  EXPECT_NEAR(w.score[0], 0.6 + 0.1 + 0.2 * 0.6 * 1.15, 1e-12);
  EXPECT_NEAR(w.score[1], 0.8 - 0.05 - 0.2 * 0.6 * 2.5 - 0.02 - 0.05, 1e-12);
  // The third saves nothing by caching, so the current one's pressure counts, and it is no better.
  EXPECT_NEAR(w.score[2], 0.5 - 0.05 - 0.2 * 0.6 * 1.15 - 0.02 - 0.05 - 0.1, 1e-12);
}

TEST_F(SessionAware, MovesForAClearLead) {
  const Weighed w = ask({belief(0.2), belief(0.9)});
  EXPECT_EQ(w.only(), 1);
  EXPECT_EQ(w.why, "frontier takes the session over: 0.675 against 0.358");
}

TEST_F(SessionAware, StartsAnewWhereAnotherRuleDecides) {
  past.rule = "auto/code";
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}).only(), 1);
  // With hysteresis the rule must have held before.
  use("drift: 2,");
  past.rule_turns = 1;
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}).only(), 0);
  past.rule_turns = 2;
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}).only(), 1);
  past.rule = "";  // asked for by name: no rule to drift from
  EXPECT_EQ(ask({belief(0.6), belief(0.8)}).only(), 0);
}

TEST_F(SessionAware, HoldsYoungSessions) {
  use("min_turns: 3,");
  past.turns = 2;
  const Weighed w = ask({belief(0.1), belief(0.9)});
  EXPECT_EQ(w.only(), 0);
  EXPECT_EQ(w.why, "current keeps the session: the session is young");
  past.turns = 3;
  EXPECT_EQ(ask({belief(0.1), belief(0.9)}).only(), 1);
  past.turns = 1;
  past.idle_s = 1000;
  EXPECT_EQ(ask({belief(0.1), belief(0.9)}).only(), 1);
}

TEST_F(SessionAware, LeavesAModelOfWhichNothingIsKnown) {
  EXPECT_EQ(ask({Belief{}, belief(0.1)}).only(), 1);
  EXPECT_EQ(ask({Belief{}, Belief{}}).only(), 0);
}

TEST_F(SessionAware, DecidesLikeTheInnerPolicyWithoutASession) {
  previous = kNoExpert;
  EXPECT_EQ(ask({belief(0.6), belief(0.61)}).only(), 1);
  previous = 7;  // of another configuration
  EXPECT_EQ(ask({belief(0.6), belief(0.61)}).only(), 1);
}

TEST(SessionAwareOptions, NeedAnInnerPolicy) {
  EXPECT_NE(PolicyLab::findings("session_aware").find("inner: utility"), std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
