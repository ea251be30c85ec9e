#include "record/record_id.h"

#include <sys/random.h>

#include <array>
#include <cstring>
#include <string>

#include "base/check.h"

namespace swy::record {
namespace {

constexpr std::string_view kPrefix = "rec_";
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTime = 10;
constexpr std::size_t kWorker = 2;
constexpr std::size_t kSalt = 8;
constexpr std::size_t kSequence = 6;
static_assert(kPrefix.size() + kTime + kWorker + kSalt + kSequence == kRecordIdSize);

void put(RecordId& id, std::uint64_t value, std::size_t digits) {
  std::array<char, 16> text;
  for (std::size_t i = digits; i-- > 0; value >>= 5U) text[i] = kAlphabet[value & 31U];
  id.append({text.data(), digits});
}

// Takes `digits` characters off the front of text; false on a character outside the alphabet.
bool take(std::string_view& text, std::size_t digits, std::uint64_t& value) {
  value = 0;
  for (const char c : text.substr(0, digits)) {
    const std::size_t d = kAlphabet.find(c);
    if (d == std::string_view::npos) return false;
    value = (value << 5U) | d;
  }
  text.remove_prefix(digits);
  return true;
}

}  // namespace

std::uint64_t random_salt() {
  std::uint64_t salt = 0;
  // 8 bytes are never interrupted or short once the kernel's pool is ready (getrandom(2)).
  SWY_ASSERT(::getrandom(&salt, sizeof salt, 0) == sizeof salt);
  return salt;
}

RecordId make_record_id(const RecordIdParts& parts) {
  RecordId id(kPrefix);
  put(id, static_cast<std::uint64_t>(parts.time_ms) & 0xFFFF'FFFF'FFFFU, kTime);
  put(id, parts.worker, kWorker);
  put(id, parts.salt, kSalt);
  put(id, parts.sequence, kSequence);
  return id;
}

Result<RecordIdParts> parse_record_id(std::string_view id) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalidArgument, "\"" + std::string(id.substr(0, 64)) +
                                                 "\" is not a record id (rec_ and 26 characters)");
  };
  if (id.size() != kRecordIdSize || id.substr(0, kPrefix.size()) != kPrefix) return bad();
  std::string_view rest = id.substr(kPrefix.size());
  std::uint64_t time = 0;
  std::uint64_t worker = 0;
  RecordIdParts parts;
  if (!take(rest, kTime, time) || !take(rest, kWorker, worker) || !take(rest, kSalt, parts.salt) ||
      !take(rest, kSequence, parts.sequence) || time > 0xFFFF'FFFF'FFFFU) {
    return bad();
  }
  parts.time_ms = static_cast<std::int64_t>(time);
  parts.worker = static_cast<unsigned>(worker);
  return parts;
}

RecordId RecordIds::next() {
  return make_record_id({clock_.wall_us() / 1000, worker_, salt_, sequence_++});
}

}  // namespace swy::record
