// The arithmetic that tells a number which means something from one that does not. Pure functions
// over ASCII text.
#pragma once

#include <string_view>

namespace swy::text::pii {

// ISO/IEC 7812: sum of digits from the right, every second one doubled, is divisible by 10.
// REQUIRES: digits only.
bool luhn(std::string_view digits);
// ISO 13616: country and check digits moved to the end, letters as 10..35, mod 97 is 1, and the
// country's length. Spaces are not allowed here.
bool iban(std::string_view compact);
// Social security numbers were never issued with area 000, 666 or 900-999, group 00 or serial 0000.
// REQUIRES: nine digits.
bool ssn(std::string_view digits);
// "a.b.c.d" with each part 0..255, or an IPv6 address with at most one "::".
bool ip_address(std::string_view s);
// Shannon entropy in bits per byte.
double entropy(std::string_view s);

}  // namespace swy::text::pii
