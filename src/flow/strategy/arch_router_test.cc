#include <gtest/gtest.h>

#include "flow/testing/scripted.h"

namespace swy::flow {
namespace {

using testing::answer_of;
using testing::asked;
using testing::FlowLab;
using testing::ScriptedCaller;

// S names the route; M writes code, L reasons.
constexpr const char* kFlow =
    "{ type: arch_router, router: S, reuse_s: 60, router_ms: 500, routes: { "
    "code: { when: 'writing programs', model: M }, "
    "\"chef's tips\": { when: 'cooking', model: L } } }";

Ended say(const std::string& reply, const std::string& flow = kFlow) {
  FlowLab lab(flow);
  EXPECT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{0, {{"s", 1}}}, {1, {{"m", 4}}}, {2, {{"l", 20}}}};
  caller.verdicts = {{0, {{reply, .5, reply == "(down)"}}}};
  Start start = lab.start();
  start.chosen = 2;  // what descriptions alone say
  return lab.ask(caller, start);
}

// request-routing.md 4.6 f.
TEST(ArchRouterStrategy, AsksTheModelOfTheRouteThatIsNamed) {
  const Ended e = say("{'route': 'code'}");
  EXPECT_EQ(asked(e), "SM");
  EXPECT_NEAR(e.cost_usd(), 4.5, 1e-9);  // the router is paid
  EXPECT_EQ(answer_of(say("```json\n{\"route\": \"code\"}\n```")), "m");
  EXPECT_EQ(answer_of(say("{'route': 'chef's tips'}")), "l");
}

TEST(ArchRouterStrategy, FallsBackToDefaultWhenNoRouteFits) {
  const std::string flow =
      std::string(kFlow).substr(0, std::string(kFlow).size() - 1) + ", default: M }";
  for (const char* reply : {"{\"route\":\"other\"}", "{}", "{\"route\":\"unknown\"}", "code", ""}) {
    EXPECT_EQ(answer_of(say(reply, flow)), "m") << reply;
    EXPECT_EQ(answer_of(say(reply)), "l") << reply;  // without one: the rule's own choice
  }
}

TEST(ArchRouterStrategy, FallsBackToTheDescriptionsWhenTheRouterDoesNotAnswer) {
  const Ended e = say("(down)");
  EXPECT_EQ(asked(e), "SL");
  EXPECT_EQ(answer_of(e), "l");
  FlowLab lab(kFlow);
  ScriptedCaller caller;
  caller.answers = {{1, {{"m", 4}}}, {2, {{"l", 20}}}};
  Start start = lab.start();
  start.chosen = 2;
  start.allowed = {0, 1, 1};  // a guard forbids it
  EXPECT_EQ(asked(lab.ask(caller, start)), "L");
}

TEST(ArchRouterStrategy, ShowsTheConversationWithinItsDeadlineAndOnce) {
  FlowLab lab(kFlow);
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  ScriptedCaller caller;
  caller.answers = {{1, {{"m", 4}}}, {2, {{"l", 20}}}};
  caller.verdicts = {{0, {{"{\"route\":\"code\"}", .5}}}};
  Start start = lab.start();
  start.turns = {{true, "I write C++."}, {false, "Good."}, {true, "Now a \"parser\", please."}};
  (void)lab.ask(caller, start);
  const route::FlowCall& call = caller.rounds[0][0];
  EXPECT_EQ(call.purpose, route::Purpose::kJudge);
  EXPECT_EQ(call.deadline_ms, 500);
  EXPECT_EQ(call.reuse_s, 60);
  EXPECT_NE(call.prompt.find(R"({"name":"code","description":"writing programs"})"),
            std::string::npos);
  EXPECT_NE(call.prompt.find(R"({"role":"assistant","content":"Good."})"), std::string::npos);
  EXPECT_NE(call.prompt.find(R"(Now a \"parser\", please.)"), std::string::npos);
}

TEST(ArchRouterStrategy, TakesAnotherModelWhenTheRoutesIsDown) {
  FlowLab lab(kFlow);
  ScriptedCaller caller;
  caller.answers = {{1, {{"down", 0, true}}}, {2, {{"l", 20}}}};
  caller.verdicts = {{0, {{"{\"route\":\"code\"}", .5}}}};
  EXPECT_EQ(asked(lab.ask(caller)), "SML");
}

TEST(ArchRouterStrategy, RefusesRoutesThatLeadNowhere) {
  EXPECT_NE(FlowLab("arch_router").errors().find("needs a router"), std::string::npos);
  EXPECT_NE(FlowLab("{ type: arch_router, router: S }").errors().find("routes is a map"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: arch_router, router: S, routes: { a: { when: x, model: Z } } }")
                .errors()
                .find("no candidate"),
            std::string::npos);
  EXPECT_NE(FlowLab("{ type: arch_router, router: S, routes: { other: { when: x, model: M } } }")
                .errors()
                .find("when no route fits"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::flow
