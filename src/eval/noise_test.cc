#include "eval/noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace swy::eval {
namespace {

constexpr const char* kPrompt =
    "What is the capital of France, and how many people (about 2,103,778) live there today? "
    "Réponse en français: s'il vous plaît.";

TEST(Noise, ThePerturbationIsTheSameEveryTimeAndChangesTheText) {
  std::set<std::string> seen;
  for (int i = 0; i < 60; ++i) {
    const std::string id = "q" + std::to_string(i);
    const std::string text = perturbed(kPrompt, id, 1);
    EXPECT_EQ(text, perturbed(kPrompt, id, 1));
    EXPECT_NE(text, kPrompt);
    seen.insert(text);
  }
  EXPECT_GT(seen.size(), 25U);
}

TEST(Noise, DigitsAndOtherAlphabetsStayAsTheyAre) {
  const auto kept = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if ((c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80) out += c;
    }
    return out;
  };
  for (int i = 0; i < 60; ++i)
    EXPECT_EQ(kept(perturbed(kPrompt, std::to_string(i), 1)), kept(kPrompt));
}

TEST(Noise, AnEmptyPromptIsNoTrouble) {
  for (int i = 0; i < 20; ++i) EXPECT_LE(perturbed("", std::to_string(i), 1).size(), 40U);
}

}  // namespace
}  // namespace swy::eval
