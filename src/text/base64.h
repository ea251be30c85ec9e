// Base64 (RFC 4648, section 4, with padding): bytes as text, for records.
// When to use: binary values in JSON. Threading: pure functions. Ownership: results are the
// caller's.
#pragma once

#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::text {

std::string base64_encode(std::string_view bytes);
// Strict: rejects other characters, wrong length or padding, and bits set beyond the last byte, so
// that one value has one text.
Result<std::string> base64_decode(std::string_view text);

}  // namespace swy::text
