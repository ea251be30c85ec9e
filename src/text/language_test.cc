#include "text/language.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "text/plainly_english.h"

namespace swy::text {
namespace {

const std::vector<std::pair<std::string_view, std::string_view>>& samples() {
  static const std::vector<std::pair<std::string_view, std::string_view>> kSamples = {
      {"en",
       "Could you please explain how the new tax rules change what a small company has to pay?"},
      {"de", "Kannst du mir bitte erklären, warum der Zug heute Morgen so viel Verspätung hatte?"},
      {"fr",
       "Pouvez-vous m'expliquer comment préparer une bonne soupe à l'oignon pour six personnes ?"},
      {"es",
       "Necesito ayuda para escribir una carta a mi vecino sobre el ruido que hace por las "
       "noches."},
      {"it",
       "Vorrei sapere quali documenti servono per iscrivere mia figlia alla scuola elementare."},
      {"pl", "Czy możesz mi powiedzieć, jak najszybciej dojechać z lotniska do centrum miasta?"},
      {"ru", "Объясните, пожалуйста, почему зимой дни короче, чем летом, простыми словами."},
      {"el", "Μπορείς να μου εξηγήσεις πώς λειτουργεί ένας κινητήρας με απλά λόγια;"},
      {"zh", "请帮我写一封邮件，告诉客户我们的产品下个月才能发货，并且表示歉意。"},
      {"ja", "来週の会議の資料を準備するために必要なことを教えてください。"},
      {"ko", "다음 주 회의 자료를 준비하기 위해 필요한 것을 알려 주세요."},
      {"ar", "من فضلك اشرح لي كيف يعمل محرك السيارة بكلمات بسيطة وسهلة الفهم."},
      {"hi", "कृपया मुझे सरल शब्दों में समझाइए कि इंजन कैसे काम करता है और क्यों गरम होता है।"},
  };
  return kSamples;
}

TEST(DetectLanguage, KnowsSentencesOfManyLanguages) {
  for (const auto& [code, text] : samples()) {
    const Language l = detect_language(text);
    EXPECT_EQ(l.code, code) << text;
    EXPECT_GT(l.confidence, 0.7F) << text;
    EXPECT_LE(l.confidence, 1.0F) << text;
  }
}

TEST(DetectLanguage, IsUnknownForEmptyShortAndSymbolicText) {
  for (const std::string_view t :
       {"", "  \n", "ok", "42 + 17 = 59", "?!...", "\xFF\xFE\x80\xC3", "😀😀😀😀"}) {
    EXPECT_EQ(detect_language(t).code, "und") << t;
    EXPECT_EQ(detect_language(t).confidence, 0.0F);
  }
}

TEST(DetectLanguage, IsUnknownForCodeAloneAndIgnoresCodeBesideProse) {
  EXPECT_EQ(detect_language(
                "def f(xs):\n    return [x * 2 for x in xs if x > 0]\nassert f([1, 2]) == [2, 4]\n")
                .code,
            "und");
  EXPECT_EQ(
      detect_language("```\nwhile the quick brown fox is jumping over dogs do nothing end\n```")
          .code,
      "und");
  const std::string mixed =
      "Bitte erkläre mir, was diese Funktion macht und warum sie so langsam ist:\n```python\n"
      "for the_quick in brown_foxes:\n    print('this is an english sentence in a program')\n```\n";
  EXPECT_EQ(detect_language(mixed).code, "de");
}

TEST(DetectLanguage, IsLessSureOfMixedAndShortText) {
  const Language alone = detect_language(samples()[0].second);
  const Language mixed =
      detect_language(std::string(samples()[0].second) + " " + std::string(samples()[6].second));
  EXPECT_LT(mixed.confidence, alone.confidence);
  EXPECT_LT(detect_language("explain the rules").confidence, alone.confidence);
}

// Plain English does not reach CLD2; everything that only looks like it must.
TEST(DetectLanguage, TakesTheShortCutForEnglishOnly) {
  const std::string english =
      "Please tell me what the two of you have found in the report, because some of the numbers "
      "that they sent with it "
      "could not be right and I would like to know how that can happen before the meeting starts.";
  EXPECT_TRUE(plainly_english(english).has_value());
  EXPECT_EQ(detect_language(english).code, "en");
  for (const auto& [code, text] : samples()) {
    if (code == "en") continue;
    EXPECT_FALSE(plainly_english(std::string(text) + " " + std::string(text)).has_value()) << text;
    EXPECT_FALSE(
        plainly_english(english + " " + std::string(text) + " " + std::string(text)).has_value())
        << text;
  }
  const std::string dutch =
      "Of het widget de invoer kan accepteren of niet, of het venster actief is of dat we wachten, "
      "of we het by de "
      "gebruiker had of my dat in is was for at or do";
  EXPECT_FALSE(plainly_english(dutch).has_value());
  EXPECT_FALSE(plainly_english("the and that with you").has_value());
  EXPECT_FALSE(plainly_english(english + " see https://example.com").has_value());
}

TEST(DetectLanguage, LooksAtAllOfATextWhoseBeginningIsMixed) {
  std::string text;
  while (text.size() < 240) text += std::string(samples()[1].second) + " ";
  while (text.size() < 3000) text += std::string(samples()[6].second) + " ";
  EXPECT_EQ(detect_language(text).code, "ru");
}

TEST(DetectLanguage, ReadsABoundedPrefix) {
  std::string text;
  while (text.size() < 20'000) text += std::string(samples()[0].second) + " ";
  for (int i = 0; i < 2000; ++i) text += samples()[6].second;
  EXPECT_EQ(detect_language(text).code, "en");
}

TEST(DetectLanguage, GivesTheSameAnswerOnEveryThreadAndWritesNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&wrong, t] {
      for (int i = 0; i < 100; ++i) {
        for (const auto& [code, text] : samples())
          wrong[t] += detect_language(text).code == code ? 0 : 1;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(DetectLanguage, TakesTextCutAtEveryByte) {
  for (const auto& [code, text] : samples()) {
    for (std::size_t n = 0; n < text.size(); ++n) {
      const float c = detect_language(text.substr(0, n)).confidence;
      ASSERT_TRUE(c >= 0 && c <= 1) << n;
    }
  }
}

}  // namespace
}  // namespace swy::text
