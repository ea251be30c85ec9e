#include <gtest/gtest.h>

#include <cmath>

#include <filesystem>
#include <fstream>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

constexpr const char* kBase = "{ type: knowledge, file: examples/knowledge.jsonl";

TEST(KnowledgeSignal, GivesTheLabelOfTheNearestEntries) {
  PluginLab lab;
  const auto s = lab.make_signal(std::string(kBase) + ", neighbours: 3, threshold: 0.4 }");
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(*s, "I was charged twice this month");
  EXPECT_EQ(f.truth, Truth::kTrue);
  EXPECT_EQ(f.label.view(), "billing");
  EXPECT_EQ(lab.ask_encoded(*s, "how can I reset the password of my account").label.view(),
            "account");
}

TEST(KnowledgeSignal, ATextFarFromEveryEntryHasNoLabel) {
  PluginLab lab;
  const auto s = lab.make_signal(std::string(kBase) + ", threshold: 0.8 }");
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(*s, "prove that there are infinitely many primes");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_TRUE(f.label.view().empty());
}

TEST(KnowledgeSignal, ConfidenceIsThatOfItsTruth) {
  PluginLab lab;
  const auto s = lab.make_signal(std::string(kBase) + ", neighbours: 1 }");
  ASSERT_TRUE(s) << lab.errors();
  const Fact near = lab.ask_encoded(*s, "where is my invoice");
  EXPECT_EQ(near.truth, Truth::kTrue);
  EXPECT_NEAR(near.confidence, 1 / (1 + std::exp(-19 * (near.value - 0.75))), 1e-5);
  const Fact far = lab.ask_encoded(*s, "prove that there are infinitely many primes");
  EXPECT_EQ(far.truth, Truth::kFalse);
  EXPECT_GT(far.confidence, 0.9F);
  const auto others =
      lab.make_signal(std::string(kBase) + ", neighbours: 1, any: [account], threshold: 0 }");
  ASSERT_TRUE(others) << lab.errors();
  const Fact f = lab.ask_encoded(*others, "where is my invoice");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_FLOAT_EQ(f.confidence, 1.0F) << "no vote is for an account";
}

TEST(KnowledgeSignal, RefusesAMissingOrDamagedFileWithItsPlace) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: knowledge }"));
  EXPECT_FALSE(lab.make_signal("{ type: knowledge, file: no/such.jsonl }"));
  const auto path = std::filesystem::temp_directory_path() / "swy_knowledge_test.jsonl";
  std::ofstream(path) << R"({"text":"a","label":"b"})" << "\n" << R"({"text":"a"})" << "\n";
  EXPECT_FALSE(lab.make_signal("{ type: knowledge, file: '" + path.string() + "' }"));
  EXPECT_NE(lab.errors().find(":2"), std::string::npos) << lab.errors();
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace swy::route::testing
