#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, Asked& asked) {
  PluginLab lab;
  const auto signal = lab.make_signal(yaml);
  EXPECT_TRUE(signal) << lab.errors();
  return PluginLab::ask(*signal, asked);
}

[[maybe_unused]] Fact ask(std::string_view yaml, std::string_view text) {
  Asked asked(text);
  return ask(yaml, asked);
}

[[maybe_unused]] std::string error(std::string_view yaml) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal(yaml)) << yaml;
  return lab.errors();
}

TEST(ModalitySignal, TellsWhatKindOfAnswerIsWanted) {
  EXPECT_EQ(ask("{ type: modality }", "Draw a picture of a cat with a hat.").label.view(), "image");
  EXPECT_EQ(ask("{ type: modality }", "Read this text aloud in a calm voice.").label.view(),
            "audio");
  EXPECT_EQ(ask("{ type: modality }", "Write a fairy tale with illustrations.").label.view(),
            "both");
  const Fact f = ask("{ type: modality }", "Summarise the article in three lines.");
  EXPECT_EQ(f.label.view(), "text");
  EXPECT_EQ(f.truth, Truth::kFalse);
}

TEST(ModalitySignal, OnlyTheNamedKindsCount) {
  EXPECT_EQ(ask("{ type: modality, any: audio }", "Draw a picture of a cat.").truth, Truth::kFalse);
  EXPECT_NE(error("{ type: modality, any: [video] }").find("any holds some of image, audio, both"),
            std::string::npos);
  EXPECT_EQ(ask("{ type: modality }", "").truth, Truth::kUnknown);
}

}  // namespace
}  // namespace swy::route::testing
