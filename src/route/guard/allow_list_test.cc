#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

enum : ExpertId { kEuropean, kAmerican, kUnlabelled };

Card card(std::string name, std::string upstream, std::string region,
          std::vector<std::string> labels) {
  Card c;
  c.name = std::move(name);
  c.upstream = std::move(upstream);
  c.region = std::move(region);
  c.labels = std::move(labels);
  return c;
}

std::vector<Card> models() {
  return {card("european", "local", "eu", {"pii", "internal"}),
          card("american", "openai", "us", {"internal"}), card("unlabelled", "openai", "", {})};
}

// "101": which of the three models pass.
std::string passing(std::string_view yaml, Asked& a) {
  PluginLab lab(models());
  const auto g = lab.make_guard(yaml);
  if (g == nullptr) return lab.errors();
  std::string out;
  for (ExpertId e = 0; e < 3; ++e) out += lab.check(*g, a, e).allow ? '1' : '0';
  return out;
}

std::string passing(std::string_view yaml) {
  Asked a("hi");
  return passing(yaml, a);
}

std::string why(std::string_view yaml, Asked& a, ExpertId e) {
  PluginLab lab(models());
  const auto g = lab.make_guard(yaml);
  return std::string(lab.check(*g, a, e).why.view());
}

TEST(AllowListGuard, JudgesTheCard) {
  EXPECT_EQ(passing("{ type: allow_list, models: [european, unlabelled] }"), "101");
  EXPECT_EQ(passing("{ type: allow_list, deny_models: american }"), "101");
  EXPECT_EQ(passing("{ type: allow_list, upstreams: openai }"), "011");
  EXPECT_EQ(passing("{ type: allow_list, region: [eu, us] }"), "110");
  EXPECT_EQ(passing("{ type: allow_list, labels: internal }"), "110");
  EXPECT_EQ(passing("{ type: allow_list, labels: [internal, pii] }"), "100");
  EXPECT_EQ(passing("{ type: allow_list, models: [european, american], deny_models: european }"),
            "010");
}

TEST(AllowListGuard, SaysWhyInWords) {
  Asked a("hi");
  EXPECT_EQ(why("{ type: allow_list, region: eu }", a, kAmerican), "region us is not allowed");
  EXPECT_EQ(why("{ type: allow_list, region: eu }", a, kUnlabelled),
            "the model's region is not stated");
  EXPECT_EQ(why("{ type: allow_list, labels: pii }", a, kAmerican),
            "may not see data labelled pii");
  EXPECT_EQ(why("{ type: allow_list, labels: pii }", a, kUnlabelled),
            "states no data labels, needed: pii");
  EXPECT_EQ(why("{ type: allow_list, upstreams: local }", a, kAmerican),
            "upstream openai is not allowed");
  EXPECT_EQ(why("{ type: allow_list, models: european }", a, kAmerican),
            "not among the allowed models");
  EXPECT_EQ(why("{ type: allow_list, deny_models: european }", a, kEuropean),
            "among the denied models");
}

TEST(AllowListGuard, ARequestMayNameItsLabelsAndRegions) {
  constexpr std::string_view kYaml =
      "{ type: allow_list, label_key: data_label, region_key: data_region }";
  Asked plain("hi");
  EXPECT_EQ(passing(kYaml, plain), "111");
  Asked personal("hi");
  personal.metadata("data_label", "pii");
  EXPECT_EQ(passing(kYaml, personal), "100");
  Asked both("hi");
  both.metadata("data_label", " internal ,").metadata("data_region", "us, eu");
  EXPECT_EQ(passing(kYaml, both), "110");
  Asked twice("hi");
  twice.metadata("data_label", "internal").metadata("data_label", "pii");
  EXPECT_EQ(passing(kYaml, twice), "100");
  Asked nobody("hi");
  nobody.metadata("data_label", "secret");
  EXPECT_EQ(passing(kYaml, nobody), "000");
}

TEST(AllowListGuard, FieldsMayBeHeadersInAnyCase) {
  constexpr std::string_view kYaml =
      "{ type: allow_list, label_key: X-Data-Label, source: header }";
  Asked a("hi");
  a.metadata("X-Data-Label", "secret").header("x-data-label", "pii");
  EXPECT_EQ(passing(kYaml, a), "100");
}

TEST(AllowListGuard, AMissingFieldIsJudgedAsConfigured) {
  constexpr std::string_view kYaml = "{ type: allow_list, label_key: data_label, missing: deny }";
  Asked a("hi");
  EXPECT_EQ(passing(kYaml, a), "000");
  EXPECT_EQ(why(kYaml, a, kEuropean), "the request does not state data_label");
  a.metadata("data_label", " , ");
  EXPECT_EQ(passing(kYaml, a), "000");
  a.metadata("data_label", "internal");
  EXPECT_EQ(passing(kYaml, a), "110");
}

TEST(AllowListGuard, HostileLabelsAreDeniedAndTheReasonStaysShort) {
  Asked a("hi");
  a.metadata("data_label", std::string(100000, 'x'));
  EXPECT_EQ(passing("{ type: allow_list, label_key: data_label }", a), "000");
  EXPECT_EQ(why("{ type: allow_list, label_key: data_label }", a, kEuropean),
            "may not see data labelled " + std::string(30, 'x'));
  Asked commas("hi");
  commas.metadata("data_label", std::string(100000, ','));
  EXPECT_EQ(passing("{ type: allow_list, label_key: data_label }", commas), "111");
}

TEST(AllowListGuard, SaysOfACardOnlyWhatHoldsForEveryRequest) {
  PluginLab lab(models());
  const auto fixed = lab.make_guard("{ type: allow_list, region: eu }");
  EXPECT_TRUE(fixed->check_card(models()[kEuropean])->allow);
  EXPECT_FALSE(fixed->check_card(models()[kAmerican])->allow);
  const auto asked = lab.make_guard("{ type: allow_list, region: eu, label_key: data_label }");
  EXPECT_FALSE(asked->check_card(models()[kEuropean]).has_value());
  EXPECT_FALSE(asked->check_card(models()[kAmerican])->allow);
}

TEST(AllowListGuard, RejectsUnknownNamesAndEmptyLists) {
  EXPECT_EQ(passing("{ type: allow_list }"),
            "lab:1:1: error: allow_list allows everything: give a list, label_key or region_key\n");
  EXPECT_EQ(passing("{ type: allow_list, models: [europ] }"),
            "lab:1:29: error: models: no model is called 'europ', did you mean european?\n");
  EXPECT_EQ(passing("{ type: allow_list, upstreams: [opena] }"),
            "lab:1:32: error: upstreams: no model is at an upstream called 'opena', did you mean "
            "openai?\n");
  EXPECT_NE(passing("{ type: allow_list, regions: [eu] }").find("did you mean region"),
            std::string::npos);
  EXPECT_NE(passing("{ type: allow_list, region: [''] }").find("region holds an empty text"),
            std::string::npos);
  EXPECT_NE(passing("{ type: allow_list, region: eu, missing: block }")
                .find("missing is one of allow, deny"),
            std::string::npos);
  EXPECT_NE(passing("{ type: allow_list, region: { eu: 1 } }").find("region must be a list"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
