// Personal data and secrets in a text: typed spans with a confidence.
//
// When to use: signals and guards that must know whether a prompt or an answer names a person, an
// address, a card, a key. Two sources: patterns with checks (Luhn, ISO 7064, SSN ranges, known key
// prefixes), and a sequence tagger for what no pattern can know (people, places, organisations,
// addresses). Threading: pure functions; the model is immutable. Ownership: spans are byte offsets
// into the caller's text. Time is linear in the text; at most PiiOptions::max_spans are reported.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace swy::text {

class PiiModel;

enum class PiiType : std::uint8_t {
  // what the tagger knows
  kPerson,
  kOrganization,
  kGpe,
  kStreetAddress,
  kNrp,
  kTitle,
  kAge,
  kDateTime,
  kZipCode,
  kPhoneNumber,
  kCreditCard,
  kUsSsn,
  kUsDriverLicense,
  // what patterns alone know
  kEmailAddress,
  kIbanCode,
  kIpAddress,
  kDomainName,
  kMacAddress,
  kApiKey,
  kPassport,
};
inline constexpr std::size_t kPiiTypes = 20;
inline constexpr std::size_t kTaggedPiiTypes = 13;  // the first ones
inline constexpr std::uint32_t kAllPii = (1U << kPiiTypes) - 1;

constexpr std::string_view to_string(PiiType type) {
  constexpr std::array<std::string_view, kPiiTypes> kNames{"PERSON",
                                                           "ORGANIZATION",
                                                           "GPE",
                                                           "STREET_ADDRESS",
                                                           "NRP",
                                                           "TITLE",
                                                           "AGE",
                                                           "DATE_TIME",
                                                           "ZIP_CODE",
                                                           "PHONE_NUMBER",
                                                           "CREDIT_CARD",
                                                           "US_SSN",
                                                           "US_DRIVER_LICENSE",
                                                           "EMAIL_ADDRESS",
                                                           "IBAN_CODE",
                                                           "IP_ADDRESS",
                                                           "DOMAIN_NAME",
                                                           "MAC_ADDRESS",
                                                           "API_KEY",
                                                           "PASSPORT"};
  return kNames[static_cast<std::size_t>(type)];
}
// By name, in any case of letters.
std::optional<PiiType> pii_type(std::string_view name);
constexpr std::uint32_t pii_bit(PiiType type) { return 1U << static_cast<unsigned>(type); }

struct PiiSpan {
  PiiType type = PiiType::kPerson;
  std::uint32_t begin = 0;  // bytes
  std::uint32_t end = 0;
  float confidence = 0;  // probability that a span of this type is here
};

// A second opinion: another detector (an encoder's head) whose spans are merged with the built-in
// ones. REQUIRES: thread-safe; appends spans within the text.
class PiiOpinion {
 public:
  virtual ~PiiOpinion() = default;
  virtual void find(std::string_view text, std::vector<PiiSpan>& out) const = 0;
};

struct PiiOptions {
  std::uint32_t types = kAllPii;  // pii_bit() of what is wanted
  float min_confidence = 0.5F;
  const PiiModel* model = nullptr;  // the tagger's weights; nullptr: those built into the program
  const PiiOpinion* second = nullptr;
  std::size_t max_spans = 4096;
};

// Replaces out by the spans found, in order and without overlap: where two overlap, the more
// certain one stays (then the longer one, then the earlier one). Malformed UTF-8 is skipped over.
void detect_pii(std::string_view text, const PiiOptions& options, std::vector<PiiSpan>& out);

}  // namespace swy::text
