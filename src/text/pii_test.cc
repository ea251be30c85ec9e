#include "text/pii.h"

#include <gtest/gtest.h>

#include <string>

#include "text/pii/checks.h"
#include "text/pii_tagger.h"

namespace swy::text {
namespace {

// "TYPE:text TYPE:text" of what is found.
std::string found(std::string_view text, PiiOptions options = {}) {
  std::vector<PiiSpan> spans;
  detect_pii(text, options, spans);
  std::string out;
  for (const PiiSpan& s : spans) {
    if (!out.empty()) out += " | ";
    out +=
        std::string(to_string(s.type)) + ":" + std::string(text.substr(s.begin, s.end - s.begin));
  }
  return out;
}

constexpr std::uint32_t kPatterns = kAllPii & ~((1U << kTaggedPiiTypes) - 1);

TEST(PiiChecks, AgreeWithPublishedExamples) {
  EXPECT_TRUE(pii::luhn("4111111111111111"));
  EXPECT_FALSE(pii::luhn("4111111111111112"));
  EXPECT_TRUE(pii::iban("GB82WEST12345698765432"));  // ISO 13616 example
  EXPECT_TRUE(pii::iban("DE89370400440532013000"));
  EXPECT_FALSE(pii::iban("GB82WEST12345698765433"));
  EXPECT_TRUE(pii::ssn("078051120"));
  EXPECT_FALSE(pii::ssn("666051120"));
  EXPECT_FALSE(pii::ssn("078001120"));
  EXPECT_TRUE(pii::ip_address("192.168.0.1"));
  EXPECT_FALSE(pii::ip_address("256.1.1.1"));
  EXPECT_FALSE(pii::ip_address("1.2.3"));
  EXPECT_TRUE(pii::ip_address("2001:db8::1"));
  EXPECT_FALSE(pii::ip_address("2001:db8::1::2"));
  EXPECT_FALSE(pii::ip_address("12:30"));
}

TEST(Pii, PatternsFindWhatPassesItsCheck) {
  EXPECT_EQ(found("Mail anna.b+x@mail.example.org."), "EMAIL_ADDRESS:anna.b+x@mail.example.org");
  EXPECT_EQ(found("card 4111 1111 1111 1111, thanks"), "CREDIT_CARD:4111 1111 1111 1111");
  EXPECT_EQ(found("IBAN GB82 WEST 1234 5698 7654 32 please"),
            "IBAN_CODE:GB82 WEST 1234 5698 7654 32");
  EXPECT_EQ(found("from 10.1.2.3 today", {.types = kPatterns}), "IP_ADDRESS:10.1.2.3");
  EXPECT_EQ(found("MAC 0c:80:33:28:5d:47", {.types = kPatterns}), "MAC_ADDRESS:0c:80:33:28:5d:47");
  EXPECT_EQ(found("see https://www.example.org/a?b=1.", {.types = kPatterns}),
            "DOMAIN_NAME:https://www.example.org/a?b=1");
  EXPECT_EQ(found("my ssn is 078-05-1120"), "US_SSN:078-05-1120");
  EXPECT_EQ(found("call +49 30 901820 now"), "PHONE_NUMBER:+49 30 901820");
  EXPECT_EQ(found("passport number C01X00T47", {.types = kPatterns}), "PASSPORT:C01X00T47");
}

TEST(Pii, KeysAreFoundByPrefixOrByTheWordBefore) {
  const std::string key = std::string("sk-") + "a8Xk2LmQ9vR4tY7uB3nC5wEz";
  EXPECT_EQ(found("use " + key + " here", {.types = kPatterns}), "API_KEY:" + key);
  EXPECT_EQ(found("TOKEN=\"" + key + "\"", {.types = kPatterns}), "API_KEY:" + key);
  EXPECT_EQ(found("the password is 5cFxfhNwJ2Eg, ok", {.types = kPatterns}),
            "API_KEY:5cFxfhNwJ2Eg");
  EXPECT_EQ(found("version-1234567890 of sk-learn", {.types = kPatterns}), "");
}

TEST(Pii, NumbersWithoutMeaningAreLeftAlone) {
  constexpr PiiOptions kNumbers{.types = pii_bit(PiiType::kCreditCard) | pii_bit(PiiType::kUsSsn) |
                                         pii_bit(PiiType::kIbanCode) | kPatterns};
  EXPECT_EQ(found("It costs $429.57 for 1234567 items", kNumbers), "");
  EXPECT_EQ(found("order 4111111111111112", kNumbers), "");
  EXPECT_EQ(found("def f(x): return x[1:2], v1.2.3", kNumbers), "");
}

TEST(Pii, TheTaggerFindsNamesAndPlaces) {
  EXPECT_EQ(found("My name is Vanessa Hertzog."), "PERSON:Vanessa Hertzog");
  EXPECT_EQ(found("We moved here from Norway"), "GPE:Norway");
  EXPECT_EQ(found("How do I sort a list in a function?"), "");
}

TEST(Pii, AGreetingIsNoPartOfTheName) {
  EXPECT_EQ(found("Hello Martha, your parcel is here."), "PERSON:Martha");
  EXPECT_EQ(found("Dear Oskar, we thank you for the letter."), "PERSON:Oskar");
}

TEST(Pii, TypesAndConfidenceAreRespected) {
  constexpr std::string_view kText = "Anna, mail anna@example.org";
  EXPECT_EQ(found(kText, {.types = pii_bit(PiiType::kEmailAddress)}),
            "EMAIL_ADDRESS:anna@example.org");
  EXPECT_EQ(found(kText, {.types = 0}), "");
  EXPECT_EQ(found(kText, {.types = kPatterns, .min_confidence = 1}), "");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "a@example.org ";
  std::vector<PiiSpan> spans;
  detect_pii(many, {.max_spans = 7}, spans);
  EXPECT_LE(spans.size(), 7U);
}

class Second final : public PiiOpinion {
 public:
  void find(std::string_view /*text*/, std::vector<PiiSpan>& out) const override {
    out.push_back({PiiType::kPerson, 0, 4, 0.9F});
  }
};

TEST(Pii, ASecondOpinionIsMerged) {
  const Second second;
  PiiOptions options{.types = pii_bit(PiiType::kPerson)};
  options.second = &second;
  EXPECT_EQ(found("zork said so", options), "PERSON:zork");
}

TEST(Pii, SpansStayInsideWhateverTheBytes) {
  std::string odd;
  for (int i = 0; i < 3000; ++i) odd += static_cast<char>((i * 73 + i / 7) & 0xFF);
  for (const std::string& text : {odd, std::string(50000, '4'), std::string(50000, '@'),
                                  std::string(50000, '('), std::string("a\0b@c.de", 8)}) {
    std::vector<PiiSpan> spans;
    detect_pii(text, {}, spans);
    std::size_t end = 0;
    for (const PiiSpan& s : spans) {
      EXPECT_GE(s.begin, end);
      EXPECT_LT(s.begin, s.end);
      EXPECT_LE(s.end, text.size());
      end = s.end;
    }
  }
}

TEST(PiiModel, ADamagedFileIsAnError) {
  std::size_t lost = 0;
  PiiModel::Weights w;
  w.features.emplace_back(12345, PiiModel::Row{});
  const std::string good = PiiModel::pack(w, lost);
  EXPECT_EQ(lost, 0U);
  EXPECT_TRUE(PiiModel::parse(good));
  EXPECT_FALSE(PiiModel::parse(""));
  EXPECT_FALSE(PiiModel::parse(std::string_view(good).substr(0, good.size() - 1)));
  std::string bad = good;
  bad[bad.size() / 2] ^= 1;
  EXPECT_FALSE(PiiModel::parse(bad));
  bad = good;
  bad[0] = 'X';
  EXPECT_FALSE(PiiModel::parse(bad));
}

TEST(PiiType, NamesGoBothWaysInAnyCase) {
  for (std::size_t i = 0; i < kPiiTypes; ++i) {
    const auto type = static_cast<PiiType>(i);
    EXPECT_EQ(pii_type(to_string(type)), type);
  }
  EXPECT_EQ(pii_type("email_address"), PiiType::kEmailAddress);
  EXPECT_FALSE(pii_type("EMAIL"));
}

}  // namespace
}  // namespace swy::text
