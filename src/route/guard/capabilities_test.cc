#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Card card(std::uint32_t capabilities) {
  Card c;
  c.name = "m";
  c.capabilities = capabilities;
  c.capabilities_stated = true;
  return c;
}

Verdict check(const Card& c, Asked& a, std::string_view yaml = "{ type: capabilities }") {
  PluginLab lab({c});
  const auto g = lab.make_guard(yaml);
  return lab.check(*g, a);
}

struct Case {
  Capability needed;
  void (*ask)(Asked&);
};

TEST(CapabilitiesGuard, EachThingARequestAsksForIsRequired) {
  const std::vector<Case> cases = {
      {kCapTools, [](Asked& a) { a.tool("search"); }},
      {kCapVision, [](Asked& a) { a.attach(chat::PartKind::kImage); }},
      {kCapAudio, [](Asked& a) { a.attach(chat::PartKind::kAudio); }},
      {kCapFiles, [](Asked& a) { a.attach(chat::PartKind::kFile); }},
      {kCapJsonObject,
       [](Asked& a) { a.request.response_format = chat::ResponseFormat::kJsonObject; }},
      {kCapJsonSchema,
       [](Asked& a) { a.request.response_format = chat::ResponseFormat::kJsonSchema; }},
      {kCapLogprobs, [](Asked& a) { a.request.logprobs = true; }},
      {kCapReasoning, [](Asked& a) { a.request.reasoning_effort = "high"; }},
  };
  for (const Case& c : cases) {
    Asked a("hi");
    c.ask(a);
    EXPECT_TRUE(check(card(c.needed), a).allow) << capability_names(c.needed);
    const Verdict v = check(card(0), a);
    EXPECT_FALSE(v.allow) << capability_names(c.needed);
    EXPECT_EQ(v.why.view(), "lacks " + capability_names(c.needed));
  }
}

TEST(CapabilitiesGuard, APlainRequestNeedsNothing) {
  Asked a("hi");
  a.request.reasoning_effort = "none";
  EXPECT_TRUE(check(card(0), a).allow);
}

TEST(CapabilitiesGuard, JsonSchemaImpliesJsonObjectAndNotTheOtherWay) {
  Asked a("hi");
  a.request.response_format = chat::ResponseFormat::kJsonObject;
  EXPECT_TRUE(check(card(kCapJsonSchema), a).allow);
  a.request.response_format = chat::ResponseFormat::kJsonSchema;
  EXPECT_FALSE(check(card(kCapJsonObject), a).allow);
}

TEST(CapabilitiesGuard, NamesEverythingThatIsMissing) {
  Asked a("hi");
  a.tool("search").attach(chat::PartKind::kImage);
  EXPECT_EQ(check(card(kCapAudio), a).why.view(), "lacks tools, vision");
  a.attach(chat::PartKind::kAudio).attach(chat::PartKind::kFile);
  a.request.response_format = chat::ResponseFormat::kJsonSchema;
  a.request.logprobs = true;
  a.request.reasoning_effort = "low";
  EXPECT_EQ(check(card(0), a).why.view(),
            "lacks tools, vision, audio, files, json_schema, logprobs, reasoning");
}

TEST(CapabilitiesGuard, AnUnstatedListFailsClosed) {
  Card unstated = card(kCapTools);
  unstated.capabilities_stated = false;
  Asked a("hi");
  EXPECT_TRUE(check(unstated, a).allow);
  a.tool("search");
  EXPECT_EQ(check(unstated, a).why.view(), "states no capabilities, needed: tools");
}

TEST(CapabilitiesGuard, RequireAndIgnoreChangeWhatCounts) {
  Asked a("hi");
  EXPECT_EQ(
      check(card(kCapTools), a, "{ type: capabilities, require: [tools, vision] }").why.view(),
      "lacks vision");
  a.request.reasoning_effort = "high";
  EXPECT_TRUE(check(card(0), a, "{ type: capabilities, ignore: reasoning }").allow);
}

TEST(CapabilitiesGuard, SaysOfACardOnlyWhatHoldsForEveryRequest) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_guard("{ type: capabilities }")->check_card(card(0)));
  const auto g = lab.make_guard("{ type: capabilities, require: tools }");
  EXPECT_EQ(g->check_card(card(kCapVision))->why.view(), "lacks tools");
  EXPECT_FALSE(g->check_card(card(kCapTools)));
}

TEST(CapabilitiesGuard, RejectsUnknownCapabilities) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_guard("{ type: capabilities, require: [tool] }"));
  EXPECT_NE(lab.errors().find("no capability is called 'tool', did you mean tools"),
            std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: capabilities, require: tools, ignore: [tools, vision] }"));
  EXPECT_NE(lab.errors().find("required and ignored: tools"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: capabilities, requires: [tools] }"));
  EXPECT_NE(lab.errors().find("did you mean require"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_guard("{ type: capabilities, require: { tools: true } }"));
  EXPECT_NE(lab.errors().find("require must be a list of texts"), std::string::npos)
      << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
