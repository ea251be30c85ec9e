#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"
#include "text/pii.h"

namespace swy::route::testing {
namespace {

enum : ExpertId { kPublic, kPrivate };

std::vector<Card> models() {
  std::vector<Card> cards(2);
  cards[0].name = "public";
  cards[1].name = "private";
  cards[1].labels = {"private"};
  return cards;
}

Fact fact(Truth truth, std::string_view label = "") {
  Fact f;
  f.truth = truth;
  f.label = ShortText(label);
  return f;
}

struct Tried {
  Verdict on_public, on_private;
  Demand for_public, for_private;
};

Tried try_it(std::string_view yaml, Truth personal, Truth attack = Truth::kFalse) {
  PluginLab lab(models());
  const auto guard = lab.make_guard(yaml);
  EXPECT_TRUE(guard) << lab.errors();
  if (guard == nullptr) return {};
  Asked asked("hi");
  Scratch scratch;
  asked.begin(scratch);
  scratch.facts = {fact(personal, "PERSON"), fact(attack)};
  const std::vector<ExpertId> ids{kPublic, kPrivate};
  const Question q{lab.catalogue(), scratch.reading, ids, {}, scratch};
  return {guard->check(q, 0), guard->check(q, 1), guard->demand(scratch, q.card(0)),
          guard->demand(scratch, q.card(1))};
}

TEST(ContentGuard, BlockDeniesEveryModelForWhatTheRequestSays) {
  constexpr std::string_view kYaml = "{ type: content, facts: [personal, attack] }";
  const Tried t = try_it(kYaml, Truth::kTrue);
  EXPECT_FALSE(t.on_public.allow);
  EXPECT_FALSE(t.on_private.allow);
  EXPECT_TRUE(t.on_public.content);
  EXPECT_EQ(t.on_public.why.view(), "personal is true (PERSON)");
  EXPECT_TRUE(try_it(kYaml, Truth::kFalse).on_public.allow);
  EXPECT_EQ(try_it(kYaml, Truth::kFalse, Truth::kTrue).on_public.why.view(), "attack is true");
}

TEST(ContentGuard, RerouteLeavesThePrivateModels) {
  const Tried t = try_it("{ type: content, facts: personal, action: reroute }", Truth::kTrue);
  EXPECT_FALSE(t.on_public.allow);
  EXPECT_TRUE(t.on_private.allow);
  EXPECT_EQ(t.on_public.why.view(), "personal is true (PERSON), and the model is not private");
  EXPECT_EQ(t.for_private.note.view(), "reroute: personal is true (PERSON)");
}

TEST(ContentGuard, MaskDemandsTheTypesOfEveryModelThatIsNotPrivate) {
  const Tried t = try_it("{ type: content, facts: personal, action: mask, types: [EMAIL_ADDRESS] }",
                         Truth::kTrue);
  EXPECT_TRUE(t.on_public.allow);
  EXPECT_EQ(t.for_public.mask, text::pii_bit(text::PiiType::kEmailAddress));
  EXPECT_EQ(t.for_public.note.view(), "mask: personal is true (PERSON)");
  EXPECT_EQ(t.for_private.mask, 0U);
  EXPECT_NE(t.for_private.note.view().find("private model"), std::string_view::npos);
  EXPECT_EQ(
      try_it("{ type: content, facts: personal, action: mask }", Truth::kFalse).for_public.mask,
      0U);
}

TEST(ContentGuard, AnnotateOnlySpeaks) {
  const Tried t = try_it("{ type: content, facts: personal, action: annotate }", Truth::kTrue);
  EXPECT_TRUE(t.on_public.allow);
  EXPECT_EQ(t.for_public.mask, 0U);
  EXPECT_EQ(t.for_public.note.view(), "annotate: personal is true (PERSON)");
}

TEST(ContentGuard, AnUnknownFactIsTrueUnlessTheGuardIsOpenAndThenItIsSaid) {
  const Tried closed = try_it("{ type: content, facts: personal }", Truth::kUnknown);
  EXPECT_FALSE(closed.on_public.allow);
  EXPECT_EQ(closed.on_public.why.view(), "personal is unknown");
  const Tried open = try_it("{ type: content, facts: personal, unknown: open }", Truth::kUnknown);
  EXPECT_TRUE(open.on_public.allow);
  EXPECT_EQ(open.for_public.note.view(), "open: unknown fact passed");
}

TEST(ContentGuard, RejectsWhatCannotWork) {
  PluginLab lab(models());
  const auto error = [&](std::string_view yaml) {
    EXPECT_FALSE(lab.make_guard(yaml)) << yaml;
    return lab.errors();
  };
  EXPECT_NE(error("{ type: content }").find("content needs facts"), std::string::npos);
  EXPECT_NE(error("{ type: content, facts: [atack] }").find("did you mean attack"),
            std::string::npos);
  EXPECT_NE(error("{ type: content, facts: attack, action: drop }").find("action is one of block"),
            std::string::npos);
  EXPECT_NE(error("{ type: content, facts: attack, types: [PERSON] }").find("mask only"),
            std::string::npos);
  EXPECT_NE(error("{ type: content, facts: attack, action: mask, types: [EMAIL] }")
                .find("did you mean EMAIL_ADDRESS"),
            std::string::npos);
  EXPECT_NE(error("{ type: content, facts: attack, action: reroute, private: secret }")
                .find("would refuse everything"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
