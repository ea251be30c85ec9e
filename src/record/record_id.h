// Record ids: "rec_" and 26 characters of Crockford's base 32 (lower case, no i l o u), 130 bits:
//
//   10 characters  milliseconds since 1970 (48 bits)     2  worker (10 bits)
//    8 characters  salt of the process (40 bits)          6  sequence of the worker (30 bits)
//
// Ids sort by time as text. They are unique across workers (worker, sequence) and restarts (time,
// salt); the time is that of the wall clock, honest when the clock is set back, and nothing but the
// order depends on it. Ids are not secrets. Threading: one RecordIds per worker, no sharing; the
// functions are pure. Ownership: values.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/inline_text.h"
#include "switchyard/env.h"
#include "switchyard/result.h"

namespace swy::record {

using RecordId = base::InlineText<32>;
inline constexpr std::size_t kRecordIdSize = 30;

struct RecordIdParts {
  std::int64_t time_ms = 0;
  unsigned worker = 0;
  std::uint64_t salt = 0;
  std::uint64_t sequence = 0;
};

// Random bits of the operating system: one call per process start.
std::uint64_t random_salt();

// The id of these parts; bits beyond a part's width are dropped.
RecordId make_record_id(const RecordIdParts& parts);

// kInvalidArgument if the text is not an id of this shape.
Result<RecordIdParts> parse_record_id(std::string_view id);

// Makes the ids of one worker. No allocation.
class RecordIds {
 public:
  // clock is borrowed for the object's life. REQUIRES: worker < 1024; the same salt for all workers
  // of a process.
  RecordIds(const Clock& clock, unsigned worker, std::uint64_t salt)
      : clock_(clock), worker_(worker), salt_(salt) {}
  RecordId next();

 private:
  const Clock& clock_;
  unsigned worker_;
  std::uint64_t salt_;
  std::uint64_t sequence_ = 0;
};

}  // namespace swy::record
