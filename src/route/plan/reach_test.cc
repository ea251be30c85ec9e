#include <gtest/gtest.h>

#include <chrono>

#include "route/testing/fakes.h"

namespace swy::route {
namespace {

std::string check(const std::string& rules) {
  return testing::findings(
      "models: [{ name: a, price: { input: 1, output: 2 } }]\n"
      "signals: { x: { type: counted, key: x }, y: { type: counted, key: y }, lang: { type: "
      "counted, key: l } }\n"
      "routes:\n  auto:\n" +
          rules,
      testing::fake_registry());
}

TEST(Reach, AcceptsRulesThatCanAllFire) {
  EXPECT_EQ(check("    - { name: r1, when: 'x && y', models: [a] }\n    - { name: r2, when: 'x', "
                  "models: [a] }\n"
                  "    - { name: r3, when: 'request.tokens > 100', models: [a] }\n"
                  "    - { name: r4, when: 'request.tokens > 50', models: [a] }\n    - { name: r5, "
                  "models: [a] }\n"),
            "");
}

TEST(Reach, KnowsThatAConfidenceCanBeAboveItsBound) {
  EXPECT_EQ(check("    - { name: r1, when: \"lang != 'en' && confidence(lang) > 0.8\", models: [a] "
                  "}\n    - { name: r2, models: [a] }\n"),
            "");
  EXPECT_NE(check("    - { name: r1, when: 'confidence(lang) > 1', models: [a] }\n    - { name: "
                  "r2, models: [a] }\n")
                .find("contradicts itself"),
            std::string::npos);
}

TEST(Reach, FindsShadowedRules) {
  EXPECT_EQ(
      check("    - { name: r1, when: 'x', models: [a] }\n    - { name: r2, when: 'x && y', models: "
            "[a] }\n    - { name: r3, models: [a] }\n"),
      "test.yaml:6:7: error: rule 'r2' can never fire: whenever it matches, 'r1' matches first\n");
  EXPECT_NE(
      check("    - { name: r1, when: 'x', models: [a] }\n    - { name: r2, when: '!x', models: [a] "
            "}\n"
            "    - { name: r3, when: 'has(x)', models: [a] }\n    - { name: r4, models: [a] }\n")
          .find("rule 'r3' can never fire: whenever it matches, 'r1' or 'r2' matches first"),
      std::string::npos);
  EXPECT_NE(check("    - { name: r1, when: 'request.tokens > 50', models: [a] }\n    - { name: r2, "
                  "when: 'request.tokens > 100', models: [a] }\n"
                  "    - { name: r3, models: [a] }\n")
                .find("rule 'r2' can never fire"),
            std::string::npos);
}

TEST(Reach, FindsContradictions) {
  EXPECT_NE(
      check("    - { name: r1, when: 'x && !x', models: [a] }\n    - { name: r2, models: [a] }\n")
          .find("rule 'r1' can never fire: its condition contradicts itself"),
      std::string::npos);
  EXPECT_NE(check("    - { name: r1, when: 'request.tokens > 9 && request.tokens < 4', models: [a] "
                  "}\n    - { name: r2, models: [a] }\n")
                .find("contradicts itself"),
            std::string::npos);
  EXPECT_NE(check("    - { name: r1, when: \"lang == 'de' && lang == 'en'\", models: [a] }\n    - "
                  "{ name: r2, models: [a] }\n")
                .find("contradicts itself"),
            std::string::npos);
}

TEST(Reach, SaysWhichRequestsFallThrough) {
  EXPECT_EQ(check("    - { name: r1, when: 'x', models: [a] }\n    - { name: r2, when: '!x', "
                  "models: [a] }\n"),
            "test.yaml:6:7: error: requests fall through 'auto': no rule matches when x is "
            "unknown; end with a rule without `when`\n");
  EXPECT_EQ(check("    - { name: r1, when: 'x', models: [a] }\n    - { name: r2, when: '!x || "
                  "!has(x)', models: [a] }\n"),
            "");
}

TEST(Reach, StaysSilentOnWhatIsTooLargeToEnumerateExceptForTheObvious) {
  std::string many = "    - { name: r0, when: 'x";
  for (int i = 0; i < 12; ++i) many += " || request.metadata.k" + std::to_string(i) + " == \"v\"";
  many += "', models: [a] }\n";
  EXPECT_EQ(check(many + "    - { name: r1, models: [a] }\n"), "");
  EXPECT_NE(check(many + "    - { name: r1, models: [a] }\n    - { name: r2, when: y, models: [a] "
                         "}\n    - { name: r3, models: [a] }\n")
                .find("rule 'r2' can never fire"),
            std::string::npos);
}

TEST(Reach, BoundsItsWorkOnManyLongConditions) {
  std::string when = "x";
  for (int i = 0; i < 120; ++i) when += " || x >= " + std::to_string(i);
  for (int i = 0; i < 75; ++i) when += " || y >= " + std::to_string(i);
  std::string rules;
  for (int i = 0; i < 20; ++i)
    rules += "    - { name: r" + std::to_string(i) + ", when: '" + when + " || x >= 1" +
             std::to_string(1000 + i) + "', models: [a] }\n";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(check(rules + "    - { name: last, models: [a] }\n"), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace swy::route
