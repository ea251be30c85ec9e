// Replay: every recorded request is decided again. With the plan that served it the "decision" must
// come out byte for byte; with another plan the report says what it would have chosen.
//
// When to use: `switchyard replay`, tests of the gateway. Reads record files only; sends nothing.
// Threading: one thread. Ownership: a report owns its texts.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "eval/off_policy.h"
#include "route/plan.h"
#include "switchyard/result.h"

namespace swy::eval {

struct ReplayOptions {
  // Decide records of other plan versions too and compare the chosen model. Without it such records
  // cannot be compared, and that is said.
  bool what_if = false;
  std::size_t differences = 20;  // listed at most
};

enum class ReplayVerdict : std::uint8_t {
  kSame,       // byte for byte, or (what-if) the same model
  kDifferent,  // other bytes, or (what-if) another model
  kRefused,    // what-if: this plan refuses what was served
  kSkipped,    // cannot be compared; why says so
};

struct ReplayOne {
  ReplayVerdict verdict = ReplayVerdict::kSkipped;
  bool proved = false;  // the bytes were compared, not only the model
  bool named = false;   // the client asked for a model by name
  std::string id;
  std::string before;  // model, "" when refused
  std::string after;
  std::string why;         // what differs, or why it cannot be compared
  double cost_before = 0;  // USD as recorded; NaN when the record has none
  double cost_after = 0;   // USD of the recorded tokens at the price of `after`; NaN when unknown
  // What-if: of the recorded choice, but for its reward, which comes as feedback. weight NaN: the
  // request was not routed, or the record names no propensity.
  Scored scored{std::numeric_limits<double>::quiet_NaN()};
};

struct ReplayReport {
  std::string plan;  // version
  bool what_if = false;
  std::uint64_t records = 0;
  std::uint64_t same = 0;
  std::uint64_t different = 0;
  std::uint64_t refused = 0;
  std::uint64_t skipped = 0;
  std::uint64_t proved = 0;
  std::uint64_t named = 0;
  std::uint64_t feedback = 0;                   // lines of other kinds, not decided
  std::uint64_t unreadable = 0;                 // lines and files
  std::map<std::string, std::uint64_t> before;  // requests by model, "(refused)" included
  std::map<std::string, std::uint64_t> after;
  std::map<std::string, std::uint64_t> reasons;  // why records were skipped
  double cost_before = 0;                        // over the records where both are known
  double cost_after = 0;
  std::uint64_t costed = 0;
  std::vector<ReplayOne> differences;
  OffPolicy value;  // what-if: what the scored requests would have earned

  // Nothing differed and everything could be read: the exit status of `switchyard replay`.
  [[nodiscard]] bool clean() const { return different == 0 && refused == 0 && unreadable == 0; }
};

// One record line of kind "request".
ReplayOne replay_line(std::string_view line, const route::Plan& plan, const ReplayOptions& options);

// All records of a directory whose files are of this kind. kNotFound when there is no such
// directory.
Result<ReplayReport> replay(const std::string& directory, std::string_view file_kind,
                            const route::Plan& plan, const ReplayOptions& options);

std::string to_text(const ReplayReport& report, bool color);
std::string to_json(const ReplayReport& report);

}  // namespace swy::eval
