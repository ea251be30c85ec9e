#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

using chat::Role;

void agent_in_a_loop(Asked& a) {
  a.say(Role::kSystem, "be brief").say(Role::kDeveloper, "use tools");
  a.say(Role::kUser, "earlier").say(Role::kAssistant, "", 1).say(Role::kTool, "old");
  a.say(Role::kUser, "now")
      .attach(chat::PartKind::kImage)
      .attach(chat::PartKind::kImage)
      .attach(chat::PartKind::kAudio);
  a.say(Role::kAssistant, "", 2).say(Role::kTool, "one").say(Role::kTool, "two");
}

double count(std::string_view feature) {
  PluginLab lab;
  const auto s =
      lab.make_signal(std::string("{ type: conversation, feature: ") + std::string(feature) + " }");
  Asked a;
  agent_in_a_loop(a);
  const Fact f = PluginLab::ask(*s, a);
  EXPECT_EQ(f.truth, f.value > 0 ? Truth::kTrue : Truth::kFalse);
  EXPECT_EQ(f.confidence, 1);
  return f.value;
}

TEST(ConversationSignal, CountsEveryFeature) {
  EXPECT_EQ(count("turns"), 2);
  EXPECT_EQ(count("messages"), 9);
  EXPECT_EQ(count("assistant_turns"), 2);
  EXPECT_EQ(count("tool_calls"), 3);
  EXPECT_EQ(count("tool_results"), 3);
  EXPECT_EQ(count("tool_loop"), 2);
  EXPECT_EQ(count("system_prompt"), 2);
  EXPECT_EQ(count("parts"), 12);
  EXPECT_EQ(count("images"), 2);
  EXPECT_EQ(count("audio"), 1);
  EXPECT_EQ(count("files"), 0);
}

TEST(ConversationSignal, ALoopEndsWhenSomebodyElseSpeaks) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: conversation, feature: tool_loop }");
  Asked a;
  agent_in_a_loop(a);
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kTrue);
  a.say(Role::kAssistant, "done");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kFalse);
  Asked only_tool;
  only_tool.say(Role::kTool, "orphan");
  EXPECT_EQ(PluginLab::ask(*s, only_tool).value, 1);
}

TEST(ConversationSignal, BoundsAreExclusive) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: conversation, feature: turns, above: 1, below: 3 }");
  Asked a("one");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kFalse);
  a.say(Role::kUser, "two");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kTrue);
  a.say(Role::kUser, "three");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kFalse);
}

TEST(ConversationSignal, ARequestWithoutMessagesIsUnknown) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: conversation, feature: turns }");
  Asked nothing;
  EXPECT_EQ(PluginLab::ask(*s, nothing).truth, Truth::kUnknown);
}

TEST(ConversationSignal, RejectsAnUnknownFeatureWithTheNearestNames) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: conversation, feature: turn }"));
  EXPECT_NE(lab.errors().find("not 'turn', did you mean turns"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: conversation }"));
  EXPECT_NE(lab.errors().find("feature is one of turns, messages"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: conversation, feature: turns, abov: 1 }"));
  EXPECT_NE(lab.errors().find("unknown key 'abov', did you mean above"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: conversation, feature: [turns] , above: many}"));
  EXPECT_NE(lab.errors().find("above must be a number"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
