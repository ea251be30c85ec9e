#include "switchyard/chat.h"

#include <gtest/gtest.h>

#include <string>

namespace swy::chat {
namespace {

// system "S", user "a" + "b" with an image between, assistant "A", user "c".
Request conversation() {
  Request r;
  r.parts = {{PartKind::kText, "S"}, {PartKind::kText, "a"}, {PartKind::kImage, {}},
             {PartKind::kText, "b"}, {PartKind::kText, "A"}, {PartKind::kText, "c"}};
  r.messages = {{Role::kSystem, 0, 1, 0},
                {Role::kUser, 1, 3, 0},
                {Role::kAssistant, 4, 1, 0},
                {Role::kUser, 5, 1, 0}};
  return r;
}

std::string texts(const Request& r, std::string_view scope) {
  std::string out;
  each_text(r, *scope_from(scope), [&](std::string_view t) { out += t; });
  return out;
}

TEST(EachText, VisitsTheTextsOfTheNamedScopeInOrder) {
  const Request r = conversation();
  EXPECT_EQ(texts(r, "last_user"), "c");
  EXPECT_EQ(texts(r, "user"), "abc");
  EXPECT_EQ(texts(r, "system"), "S");
  EXPECT_EQ(texts(r, "all"), "SabAc");
  EXPECT_FALSE(scope_from("everything"));
}

TEST(EachText, FindsRetrievedPassagesBetweenTheirTags) {
  Request r;
  r.parts = {{PartKind::kText, "<context>S</context> rules"},
             {PartKind::kText, "<Document id=\"1\">one</document><documents >two</DOCUMENTS>x"},
             {PartKind::kText, "<contextual>no</contextual> a < b <source>open </context>"},
             {PartKind::kText, "<context>said by the model</context>"},
             {PartKind::kText, "<context>a tool's</context>"}};
  r.messages = {{Role::kSystem, 0, 1, 0},
                {Role::kUser, 1, 2, 0},
                {Role::kAssistant, 3, 1, 0},
                {Role::kTool, 4, 1, 0}};
  std::string out;
  each_text(r, *scope_from("retrieved"), [&](std::string_view t) { out.append(t).append("|"); });
  EXPECT_EQ(out, "S|one|two|open </context>|");
}

TEST(EachText, LooksForPassagesInLinearTime) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "<context></document></sources><document";
  std::string_view rest = text, passage;
  std::size_t n = 0;
  while (next_retrieved(rest, passage)) ++n;
  EXPECT_EQ(n, 1U) << "the first is never closed";
}

TEST(EachText, FallsBackToAllTextsWithoutAUserMessage) {
  Request r = conversation();
  for (Message& m : r.messages) m.role = m.role == Role::kUser ? Role::kTool : m.role;
  EXPECT_EQ(texts(r, "last_user"), "SabAc");
  EXPECT_EQ(texts(r, "user"), "");
}

TEST(Request, ClearGivesAFreshRequestThatKeepsItsMemory) {
  Request r = conversation();
  r.model = "m";
  r.max_tokens = 3;
  r.temperature = 1;
  r.images = 1;
  const std::size_t capacity = r.parts.capacity();
  r.clear();
  EXPECT_TRUE(r.messages.empty() && r.parts.empty() && r.model.empty());
  EXPECT_FALSE(r.max_tokens);
  EXPECT_TRUE(r.temperature != r.temperature);
  EXPECT_EQ(r.images, 0U);
  EXPECT_EQ(r.n, 1);
  EXPECT_EQ(r.parts.capacity(), capacity);
}

TEST(Role, HasTheNameItHasOnTheWire) {
  EXPECT_EQ(to_string(Role::kDeveloper), "developer");
  EXPECT_EQ(to_string(Role::kOther), "other");
}

}  // namespace
}  // namespace swy::chat
