#include "text/pii_mask.h"

#include <gtest/gtest.h>

namespace swy::text {
namespace {

std::string masked(PiiVault& vault, std::string_view text) {
  std::vector<PiiSpan> spans;
  detect_pii(text, {.types = pii_bit(PiiType::kEmailAddress)}, spans);
  std::string out;
  vault.mask(text, spans, out);
  return out;
}

TEST(PiiVault, MasksAndRestores) {
  PiiVault vault;
  constexpr std::string_view kText =
      "Mail anna@example.org or bob@example.org, not anna@example.org.";
  const std::string m = masked(vault, kText);
  EXPECT_EQ(m, "Mail [EMAIL_ADDRESS_1] or [EMAIL_ADDRESS_2], not [EMAIL_ADDRESS_1].");
  std::string back;
  vault.restore(m, back);
  EXPECT_EQ(back, kText);
  EXPECT_EQ(vault.size(), 2U);
}

TEST(PiiVault, PlaceholdersThatTheTextHoldsAreNotGivenOut) {
  PiiVault vault;
  constexpr std::string_view kText = "[EMAIL_ADDRESS_1] is anna@example.org";
  vault.avoid(kText);
  const std::string m = masked(vault, kText);
  EXPECT_EQ(m, "[EMAIL_ADDRESS_1] is [EMAIL_ADDRESS_2]");
  std::string back;
  vault.restore(m, back);
  EXPECT_EQ(back, kText);
}

TEST(PiiRestorer, AnySplitGivesTheSameText) {
  PiiVault vault;
  (void)masked(vault, "anna@example.org");
  const std::string text = "a[b [EMAIL_ADDRESS_1][EMAIL_ADDRESS_1] [EMAIL_ADDRESS_9] [EMAIL_ADD";
  std::string whole;
  vault.restore(text, whole);
  EXPECT_EQ(whole, "a[b anna@example.organna@example.org [EMAIL_ADDRESS_9] [EMAIL_ADD");
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      PiiRestorer r;
      std::string out;
      r.push(vault, text.substr(0, a), false, out);
      r.push(vault, text.substr(a, b - a), false, out);
      r.push(vault, text.substr(b), true, out);
      ASSERT_EQ(out, whole) << a << ' ' << b;
    }
  }
}

TEST(PiiRestorer, HoldsBackOnlyWhatMayBeAPlaceholder) {
  PiiVault vault;
  (void)masked(vault, "anna@example.org");
  PiiRestorer r;
  std::string out;
  r.push(vault, "see [EMAIL", false, out);
  EXPECT_EQ(out, "see ");
  EXPECT_TRUE(r.holds());
  r.push(vault, "s]", false, out);
  EXPECT_EQ(out, "see [EMAILs]");
  r.push(vault, "[" + std::string(1000, 'A'), false, out);
  EXPECT_FALSE(r.holds());
}

TEST(PiiRestorer, InsideJsonTheOriginalIsEscaped) {
  PiiVault vault;
  std::string out;
  vault.mask("a\"b", {{PiiType::kPerson, 0, 3, 1}}, out);
  PiiRestorer r;
  std::string json;
  r.push(vault, R"({"name":"[PERSON_1]"})", true, json, true);
  EXPECT_EQ(json, R"({"name":"a\"b"})");
}

}  // namespace
}  // namespace swy::text
