#include "text/language.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "text/plain_language.h"

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

std::optional<PlainLanguage> plain(std::string_view text) { return plain_language(text, 4096); }

// Plain text does not reach CLD2; everything that only looks like it must.
TEST(PlainLanguage, SpeaksForTextBeyondDoubtOnly) {
  const std::string english =
      "Please tell me what the two of you have found in the report, because some of the numbers "
      "that they sent with it "
      "could not be right and I would like to know how that can happen before the meeting starts.";
  ASSERT_TRUE(plain(english).has_value());
  EXPECT_EQ(plain(english)->code, "en");
  EXPECT_EQ(detect_language(english).code, "en");
  for (const auto& [code, text] : samples()) {
    if (code == "en") continue;
    const auto twice = plain(std::string(text) + " " + std::string(text));
    EXPECT_TRUE(!twice || twice->code == code) << text;
    EXPECT_FALSE(plain(english + " " + std::string(text) + " " + std::string(text)).has_value())
        << text;
  }
  EXPECT_FALSE(plain("the and that with you").has_value());
  EXPECT_FALSE(plain(english + " see https://example.com").has_value());
  EXPECT_FALSE(plain(english + " \xFF").has_value());
}

TEST(PlainLanguage, KnowsSixMoreLanguagesAndNotTheirRelatives) {
  const std::vector<std::pair<std::string_view, std::string_view>> texts = {
      {"de",
       "Können Sie mir bitte sagen, ob der Zug nach Hamburg heute noch fährt und wie lange ich "
       "auf dem Bahnhof warten muss, wenn er wieder zu spät ist?"},
      {"fr",
       "Nous avons reçu votre lettre et nous sommes très contents, mais le prix est trop élevé "
       "pour une petite maison comme celle-ci, surtout avec les travaux qu'il faut faire dans la "
       "cuisine."},
      {"es",
       "Los vecinos están muy contentos porque las obras han terminado y ahora hay más espacio "
       "para los niños, pero nadie quiere pagar el nuevo parque."},
      {"it",
       "Il nuovo direttore della scuola ha detto che gli studenti sono molto bravi, anche se "
       "questo anno nella seconda classe non c'è ogni giorno la lezione di musica."},
      {"pt",
       "Você não precisa fazer isso hoje, ele já foi até a loja e comprou uma caixa para as "
       "minhas coisas, que são muito grandes e também pesadas."},
      {"nl",
       "Het is niet de bedoeling dat wij voor deze vraag naar een ander kantoor worden gestuurd, "
       "maar ik heb nog geen antwoord van uw collega gekregen en wil het graag weten."},
      {"",
       "Els nens han de saber que aquest llibre és dels seus pares, però també poden llegir-lo "
       "amb els amics de l'escola quan són a casa dels avis els dies de festa."},
      {"",
       "Die kinders weet nie wat hulle vir die oumas wil gee nie, want hierdie boek is te duur "
       "en hulle het nie geld om ander goed by die winkel te koop nie."},
      {"",
       "Jeg ved ikke, hvad der er sket med den cykel, som de fandt ved søen, men der var ikke "
       "nogen, der så den, da de kom forbi, og ingen har spurgt efter den."},
  };
  for (const auto& [code, text] : texts) {
    const auto got = plain(text);
    EXPECT_EQ(got ? got->code : "", code) << text;
    if (got) {
      EXPECT_EQ(detect_language(text).code, code);
    }
  }
}

TEST(PlainLanguage, SkipsCodeAndCountsTheLettersOutsideIt) {
  const std::string head = "Please tell me what is wrong with the code that they sent to you ";
  const std::string tail = " and why it does not do what we would like it to do with the input.";
  const auto whole = plain(head + tail);
  ASSERT_TRUE(whole.has_value());
  for (const std::string_view code :
       {"```\nwhile (der = die && das) { nicht(); }\n```", "`und nicht`", "`` ` `"}) {
    const auto got = plain(head + std::string(code) + tail);
    ASSERT_TRUE(got.has_value()) << code;
    EXPECT_EQ(got->letters, whole->letters) << code;
  }
}

// Where the sixty-four bytes that are read at once begin must not matter: spaces in front move it.
TEST(PlainLanguage, IsTheSameWhereverTheTextBegins) {
  std::vector<std::string> texts;
  for (const auto& [code, text] : samples())
    texts.push_back(std::string(text) + " " + std::string(text));
  texts.push_back("Please see that " + std::string(200, 'x') + " and " + std::string(64, 'y') +
                  " are what you would have, but not this one, if they could be with the others");
  for (const std::string& text : texts) {
    const auto want = plain(text);
    for (std::size_t n = 1; n < 130; ++n) {
      const auto got = plain(std::string(n, ' ').append(text));
      ASSERT_EQ(got.has_value(), want.has_value()) << n << text;
      if (!want) continue;
      EXPECT_EQ(got->code, want->code);
      EXPECT_EQ(got->letters, want->letters) << n << text;
    }
  }
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
