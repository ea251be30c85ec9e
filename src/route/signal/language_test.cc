#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

Fact ask(std::string_view yaml, std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal(yaml);
  return PluginLab::ask(*s, text);
}

constexpr std::string_view kGerman =
    "Bitte erkläre mir, warum der Himmel am Abend rot wird und nicht blau bleibt.";
constexpr std::string_view kEnglish =
    "Please explain to me why the sky turns red in the evening and does not stay blue.";
constexpr std::string_view kTraditional =
    "請告訴我為什麼傍晚的天空會變成紅色而不是藍色，並說明這個現象的原因。";

TEST(LanguageSignal, NamesTheLanguageAndTestsTheList) {
  const Fact german = ask("{ type: language, any: [de, fr] }", kGerman);
  EXPECT_EQ(german.truth, Truth::kTrue);
  EXPECT_EQ(german.label.view(), "de");
  EXPECT_GT(german.confidence, 0.5F);
  const Fact english = ask("{ type: language, any: [de, fr] }", kEnglish);
  EXPECT_EQ(english.truth, Truth::kFalse);
  EXPECT_EQ(english.label.view(), "en");
}

TEST(LanguageSignal, WithoutAListAnyDetectedLanguagePasses) {
  EXPECT_EQ(ask("{ type: language }", kEnglish).truth, Truth::kTrue);
}

TEST(LanguageSignal, APlainCodeStandsForItsScripts) {
  EXPECT_EQ(ask("{ type: language, any: zh }", kTraditional).truth, Truth::kTrue);
  EXPECT_EQ(ask("{ type: language, any: zh-Hant }", kTraditional).truth, Truth::kTrue);
}

TEST(LanguageSignal, WhatCannotBeToldIsUnknown) {
  for (const std::string_view text :
       {"", "ok", "12345 67890", "\xFF\xFE\xFF", "{}[]()<>;:!=+-*/"}) {
    const Fact f = ask("{ type: language, any: [en] }", text);
    EXPECT_EQ(f.truth, Truth::kUnknown) << text;
    EXPECT_TRUE(f.label.empty()) << text;
  }
  EXPECT_EQ(ask("{ type: language, scope: system }", kEnglish).truth, Truth::kUnknown);
}

TEST(LanguageSignal, ADetectionBelowMinConfidenceIsUnknown) {
  PluginLab lab;
  const Fact f = ask("{ type: language, min_confidence: 0 }", kGerman);
  ASSERT_LT(f.confidence, 1);
  const auto strict = lab.make_signal("{ type: language, min_confidence: 1 }");
  EXPECT_EQ(PluginLab::ask(*strict, kGerman).truth, Truth::kUnknown);
}

TEST(LanguageSignal, HostileTextIsTotal) {
  EXPECT_NO_FATAL_FAILURE(ask("{ type: language }", std::string(60000, '\xC3')));
  EXPECT_NO_FATAL_FAILURE(ask("{ type: language }", std::string_view("\0\0\0", 3)));
}

TEST(LanguageSignal, RejectsWhatIsNoCode) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: language, any: [english] }"));
  EXPECT_EQ(lab.errors(),
            "lab:1:24: error: any holds ISO 639 codes such as en or zh-Hant, not 'english'\n");
  EXPECT_FALSE(lab.make_signal("{ type: language, any: [EN] }"));
  EXPECT_FALSE(lab.make_signal("{ type: language, any: [''] }"));
  EXPECT_FALSE(lab.make_signal("{ type: language, min_confidence: 2 }"));
  EXPECT_NE(lab.errors().find("min_confidence must be 0 to 1"), std::string::npos) << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: language, languages: [en] }"));
  EXPECT_NE(lab.errors().find("unknown key 'languages'"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
